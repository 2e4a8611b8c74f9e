"""The socket as a browser meets it: real connections to a real server."""

import asyncio
import contextlib
import json
import random
import socket
import statistics
import time
from collections.abc import AsyncIterator

import pytest
from aiohttp import WSServerHandshakeError

from signaling import hub, messages
from signaling.codec import Envelope, encode
from signaling.fields import Mark, MediaState, Person, Resume, View
from signaling.messages import Message
from signaling.ports import Entry
from tests.signaling.building import Client, House, a_house, a_seat

HOST = a_seat("Hoa", "host")


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with a_house() as house:
        yield house


async def seen_here(client: Client, name: str, here: bool) -> None:
    """Wait until `client` is told that the member `name` is, or is not, here."""
    while True:
        member = (await client.until(messages.Roster)).member
        if member.name == name and member.here is here:
            return


# --- talking ----------------------------------------------------------------------------------


async def test_two_people_see_each_other_and_talk(house: House) -> None:
    huong = await house.enter(a_seat("Hường"))
    hoa = await house.enter(HOST)
    await seen_here(huong, "Hoa", True)
    assert isinstance(await hoa.ask(messages.Chat(text="Chào bác sĩ")), messages.Ok)
    said = await huong.until(messages.Chatted)
    assert (said.text, said.person.name) == ("Chào bác sĩ", "Hoa")
    assert house.journal.types() == ["joined", "presenter-changed", "joined", "chatted"]


async def test_a_request_that_comes_twice_is_done_once_and_answered_twice(house: House) -> None:
    huong = await house.enter(a_seat("Hường"))
    for _ in range(2):
        assert isinstance(await huong.ask(messages.Chat(text="Một lần"), "same-id-0001"), messages.Ok)
    assert house.journal.types().count("chatted") == 1


async def test_nothing_is_announced_that_was_not_kept(house: House) -> None:
    huong = await house.enter(a_seat("Hường"))
    house.journal.is_broken = True
    answer = await huong.ask(messages.Chat(text="Mất điện"), "same-id-0002")
    assert isinstance(answer, messages.Error)
    assert answer.code == "unavailable"
    house.journal.is_broken = False
    assert isinstance(await huong.ask(messages.Chat(text="Mất điện"), "same-id-0002"), messages.Ok)
    assert [row.data["text"] for row in house.journal.rows["r1"] if row.type == "chatted"] == ["Mất điện"]


def a_mark(rev: int) -> messages.MarkAsked:
    return messages.MarkAsked(
        uid="mark-0001",
        rev=rev,
        study=7,
        sop="1.2",
        frame=1,
        tool="probe",
        points=((1, 1),),
        removed=False,
    )


async def test_what_the_server_will_not_keep_is_refused_with_its_code(house: House) -> None:
    huong = await house.enter(a_seat("Hường"))
    house.journal.refuses = "no-such-image"
    answer = await huong.ask(a_mark(1))
    assert isinstance(answer, messages.Error)
    assert answer.code == "no-such-image"
    assert house.journal.types().count("marked") == 0


async def test_a_room_begins_with_the_marks_of_the_rooms_before_it(house: House) -> None:
    mark = a_mark(3).model_dump()
    drawn = {"person": {"person": 99, "name": "Lan", "title": "BS", "hospital": "BV"}, "mark": mark}
    house.journal.earlier = [Entry(0, "marked", 99, drawn, 0)]
    huong = await house.enter(a_seat("Hường"))
    answer = await huong.ask(a_mark(4))
    assert isinstance(answer, messages.Error)
    assert answer.code == "not-your-mark"
    hoa = await house.enter(a_seat("Hoa", "host"))
    assert isinstance(await hoa.ask(a_mark(4)), messages.Ok)


async def test_a_mark_that_was_drawn_elsewhere_is_told_and_known(house: House) -> None:
    huong = await house.enter(a_seat("Hường"))
    lan = Person(person=99, name="Lan", title="BS", hospital="BV")
    await house.hub.announce("r1", messages.Marked(n=0, person=lan, mark=Mark(**a_mark(2).model_dump())))
    assert (await huong.until(messages.Marked)).mark.rev == 2
    answer = await huong.ask(a_mark(3))
    assert isinstance(answer, messages.Error)
    assert answer.code == "not-your-mark"


async def test_the_policy_decides_who_may_send_what(house: House) -> None:
    huong = await house.enter(a_seat("Hường"))
    answer = await huong.ask(messages.End())
    assert isinstance(answer, messages.Error)
    assert answer.code == "not-allowed"


async def test_server_code_speaks_into_a_room(house: House) -> None:
    huong = await house.enter(a_seat("Hường"))
    await house.hub.announce("r1", messages.MinutesChanged(seq=18))
    assert (await huong.until(messages.MinutesChanged)).seq == 18
    late = await house.connect()
    await late.say(messages.Hello(versions=(1,), ticket=house.tickets.issue(HOST)))
    assert (await late.until(messages.Joined)).minutes_seq == 18


async def test_a_session_that_the_server_ended_ends_for_everyone(house: House) -> None:
    huong = await house.enter(a_seat("Hường"))
    await house.hub.announce("r1", messages.SessionEnded(n=9, by="Hoa"))
    await huong.until(messages.SessionEnded)
    assert await huong.closed() == 4411


async def test_a_host_lets_one_in_who_waits(house: House) -> None:
    hoa = await house.enter(HOST)
    lan = await house.enter(a_seat("Lan", waits=True))
    await lan.ask(messages.KnockAsked())
    while not (knocked := await hoa.until(messages.Knocked)).waiting:
        pass
    await hoa.ask(messages.Admit(peer=knocked.waiting[0].peer, allow=True))
    await lan.until(messages.Joined)


async def test_whose_sign_in_ended_is_out_and_cannot_come_back_with_the_old_token(house: House) -> None:
    hoa = await house.enter(a_seat("Hoa", sign_in="s1"))
    huong = await house.enter(a_seat("Hường", sign_in="s2"))
    house.tickets.gone.add("s2")
    await house.hub.doubt()
    assert await huong.closed() == 4403
    assert (await hoa.until(messages.Left)).why == "removed"
    again = await house.connect()
    assert huong.welcome is not None
    resume = Resume(token=huong.welcome.resume.token, seq=huong.seq)
    await again.say(messages.Hello(versions=(1,), resume=resume))
    assert await again.closed() == 4410


async def test_a_sign_in_that_ends_without_a_bell_is_found_by_the_clock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hub, "CHECK_S", 0.1)
    async with a_house() as house:
        huong = await house.enter(a_seat("Hường", sign_in="s2"))
        house.tickets.gone.add("s2")
        assert await huong.closed() == 4403


# --- the handshake (CSWSH) ----------------------------------------------------------------------

FOREIGN = [
    "", "null", "file://", "http://evil.example", "https://{host}", "http://{host}.evil.example", "http://evil{host}",
    "http://{host}@evil.example", "http://localhost:{port}", "http://127.0.0.1", "http://127.0.0.1:1", "http://{host}/",
    "http://{host}:80", "HTTP://{host}", " http://{host}x", "http://xn--{host}", "http://[::1]:{port}",
    "ws://{host}", "chrome-extension://abc", "http://127.0.0.2:{port}",
]  # fmt: skip


@pytest.mark.parametrize("origin", FOREIGN)
async def test_a_page_of_another_origin_is_refused(house: House, origin: str) -> None:
    host = house.url.removeprefix("http://")
    given = origin.format(host=host, port=host.rpartition(":")[2])
    with pytest.raises(WSServerHandshakeError) as refused:
        await house.connect(headers={"Origin": given, "Cookie": "session=valid"})
    assert refused.value.status == 403


async def test_no_origin_at_all_is_refused(house: House) -> None:
    with pytest.raises(WSServerHandshakeError) as refused:
        await house.http.ws_connect(f"{house.url}/signal", protocols=("hoichan.v1",))
    assert refused.value.status == 403


async def test_another_subprotocol_is_refused(house: House) -> None:
    with pytest.raises(WSServerHandshakeError) as refused:
        await house.connect(protocols=("hoichan.v9",))
    assert refused.value.status == 400


# --- the first message --------------------------------------------------------------------------


async def test_a_ticket_opens_once(house: House) -> None:
    ticket = house.tickets.issue(HOST)
    first = await house.connect()
    await first.say(messages.Hello(versions=(1,), ticket=ticket))
    await first.until(messages.Joined)
    second = await house.connect()
    await second.say(messages.Hello(versions=(1,), ticket=ticket))
    assert (await second.until(messages.Bye)).code == "ticket-refused"
    assert await second.closed() == 4401


@pytest.mark.parametrize(
    ("hello", "code"),
    [
        (messages.Hello(versions=(1,), ticket="made-up-ticket"), 4401),
        (messages.Hello(versions=(1,)), 4401),
        (messages.Hello(versions=(2, 3), ticket="made-up-ticket"), 4406),
        (messages.Hello(versions=(1,), resume=Resume(token="made-up-token", seq=0)), 4410),
        (messages.Chat(text="Chào"), 4400),
    ],
)
async def test_a_wrong_beginning_is_the_end(house: House, hello: Message, code: int) -> None:
    client = await house.connect()
    await client.say(hello)
    assert await client.closed() == code


async def test_who_says_nothing_is_closed() -> None:
    async with a_house(hello_s=0.2) as house:
        client = await house.connect()
        assert await client.closed() == 4408


# --- coming back --------------------------------------------------------------------------------


async def test_a_lost_line_is_known_at_once_and_the_place_is_given_back(house: House) -> None:
    huong = await house.enter(a_seat("Hường"))
    hoa = await house.enter(HOST)
    await seen_here(huong, "Hoa", True)
    seq = huong.seq
    await huong.socket.close()
    await seen_here(hoa, "Hường", False)
    await hoa.ask(messages.Chat(text="Còn nghe không?"))
    again = await house.resume(huong, seq)
    assert again.welcome is not None
    assert again.welcome.resumed
    assert (await again.until(messages.Chatted)).text == "Còn nghe không?"
    await seen_here(hoa, "Hường", True)
    assert house.journal.types()[-3:] == ["away", "chatted", "back"]


async def test_one_who_comes_back_sees_what_was_shown_meanwhile(house: House) -> None:
    hoa = await house.enter(HOST)
    huong = await house.enter(a_seat("Hường"))
    await huong.socket.close()
    await seen_here(hoa, "Hường", False)
    view = View(study=7, sop="1.2.3", frame=4, voi=(40, 400, 0), view=(256, 256, 1, 0, 0, 0), pointer=None)
    await hoa.ask(messages.ShareView(**view.model_dump()))
    again = await house.resume(huong, huong.seq)
    assert (await again.until(messages.ViewShared)).frame == view.frame
    assert hoa.welcome is not None
    assert again.seen[-1].sender == hoa.welcome.peer


async def test_a_resume_token_works_once(house: House) -> None:
    huong = await house.enter(a_seat("Hường"))
    await house.resume(huong, huong.seq)
    third = await house.connect()
    assert huong.welcome is not None
    resume = Resume(token=huong.welcome.resume.token, seq=0)
    await third.say(messages.Hello(versions=(1,), resume=resume))
    assert await third.closed() == 4410


async def test_resuming_while_the_old_socket_hangs_takes_its_place(house: House) -> None:
    huong = await house.enter(a_seat("Hường"))
    again = await house.resume(huong, huong.seq)
    await huong.closed()
    assert isinstance(await again.ask(messages.Chat(text="Vẫn là tôi")), messages.Ok)


async def test_a_reloaded_page_gets_the_whole_state_and_the_others_start_over_with_it(house: House) -> None:
    huong = await house.enter(a_seat("Hường"))
    hoa = await house.enter(HOST)
    await huong.socket.close()
    again = await house.resume(huong, None)
    joined = await again.until(messages.Joined)
    assert [link.epoch for link in joined.links] == [2]
    restarted = await hoa.until(messages.Restarted)
    assert (restarted.epoch, restarted.offers) == (2, False)


async def test_what_is_no_longer_kept_is_replaced_by_the_whole_state(house: House) -> None:
    huong = await house.enter(a_seat("Hường"))
    hoa = await house.enter(HOST)
    await huong.socket.close()
    for seq in range(300):
        await house.hub.announce("r1", messages.MinutesChanged(seq=seq))
        await hoa.until(messages.MinutesChanged)
    await hoa.ask(messages.Chat(text="Xong"))
    again = await house.resume(huong, huong.seq)
    state = await again.until(messages.Resynced)
    assert (state.chat[-1].text, state.minutes_seq) == ("Xong", 299)


async def test_a_place_is_kept_for_its_time_and_no_longer() -> None:
    async with a_house(place_kept_s=0.5) as house:
        huong = await house.enter(a_seat("Hường"))
        hoa = await house.enter(HOST)
        await huong.socket.close()
        assert (await hoa.until(messages.Left)).why == "lost"
        again = await house.connect()
        assert huong.welcome is not None
        resume = Resume(token=huong.welcome.resume.token, seq=0)
        ticket = house.tickets.issue(a_seat("Hường"))
        await again.say(messages.Hello(versions=(1,), resume=resume, ticket=ticket))
        await again.until(messages.Joined)  # the ticket served where the token did not


async def test_a_silent_line_is_seen_within_seconds(house: House) -> None:
    """A pulled cable: the socket stays open, nothing comes."""
    mute = await house.enter(a_seat("Hường"))  # nobody reads or answers for this client
    hoa = await house.enter(HOST)
    begun = time.monotonic()
    await seen_here(hoa, "Hường", False)
    assert time.monotonic() - begun < 6
    assert not mute.socket.closed


async def test_a_room_is_known_after_a_restart(house: House) -> None:
    huong = await house.enter(a_seat("Hường"))
    await huong.ask(messages.Chat(text="Trước khi tắt máy"))
    await huong.say(messages.Leave())
    assert await huong.closed() == 1000
    hoa = await house.connect()
    await hoa.say(messages.Hello(versions=(1,), ticket=house.tickets.issue(HOST)))
    assert [said.text for said in (await hoa.until(messages.Joined)).chat] == ["Trước khi tắt máy"]


async def test_draining_sends_everyone_away_to_come_again(house: House) -> None:
    huong = await house.enter(a_seat("Hường"))
    await house.hub.drain()
    assert (await huong.until(messages.Bye)).reconnect == "rejoin"
    assert await huong.closed() == 4503


# --- bad input ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("{", 4400),
        ("[" * 10_000, 4400),
        (b"\x00\x01", 4400),
        ('{"v":1,"t":"hello","d":{"versions":[1]}}', 4400),
        ('{"v":1,"t":"chat","d":{"text":"' + "x" * 70_000 + '"}}', 1009),
        ("x" * 1024 * 1024, 1009),
    ],
)
async def test_who_sends_nonsense_is_closed_and_the_others_do_not_notice(
    house: House, frame: str | bytes, code: int
) -> None:
    hoa = await house.enter(HOST)
    bad = await house.enter(a_seat("Khách", "viewer"))
    if isinstance(frame, str):
        await bad.socket.send_str(frame)
    else:
        await bad.socket.send_bytes(frame)
    assert await bad.closed() == code
    assert isinstance(await hoa.ask(messages.Chat(text="Ở đây vẫn yên")), messages.Ok)


async def test_an_unknown_type_is_refused_and_the_connection_stays(house: House) -> None:
    huong = await house.enter(a_seat("Hường"))
    await huong.socket.send_str('{"v":1,"t":"launch","d":{}}')
    assert (await huong.until(messages.Error)).code == "unknown-type"
    assert isinstance(await huong.ask(messages.Chat(text="Còn đây")), messages.Ok)


@pytest.mark.parametrize("text", ["Nốt của bà Quách Thị Mai", "Quách Thị Mai " * 9])
async def test_words_of_a_mark_go_to_the_others_and_into_no_log(
    house: House, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    caplog.set_level("DEBUG")
    hoa, huong = await house.enter(HOST), await house.enter(a_seat("Hường"))
    data = {"uid": "mark-0001", "rev": 1, "study": 7, "sop": "1.2", "frame": 1, "tool": "text"}
    drawn = {**data, "points": [[1, 2]], "text": text, "removed": False}
    await huong.socket.send_str(json.dumps({"v": 1, "id": "request-000001", "t": "mark", "d": drawn}))
    if len(text) <= 80:
        assert (await hoa.until(messages.Marked)).mark.text == text
    else:
        assert await huong.closed() == 4400
    assert isinstance(await hoa.ask(messages.Chat(text="Tôi thấy rồi")), messages.Ok)
    assert "Quách" not in caplog.text
    assert "Qu\\u00e1ch" not in caplog.text


async def test_five_thousand_messages_a_second_from_one_leave_the_others_fine(house: House) -> None:
    hoa, huong = await house.enter(HOST), await house.enter(a_seat("Hường"))
    loud = await house.enter(a_seat("Khách", "viewer"))

    async def shout() -> None:
        text = encode(Envelope(messages.Media(media=MediaState()), id="again-and-again"))
        for _ in range(5000):
            if loud.socket.closed:
                return
            await loud.socket.send_str(text)

    async def listen() -> None:
        while await huong.next() is not None:
            pass

    listening = asyncio.create_task(listen())
    shouting = asyncio.create_task(shout())
    delays = []
    for number in range(30):
        begun = time.monotonic()
        assert isinstance(await hoa.ask(messages.Chat(text=f"Câu {number}")), messages.Ok)
        delays.append(time.monotonic() - begun)
        await asyncio.sleep(0.03)
    shouting.cancel()
    listening.cancel()
    await asyncio.gather(shouting, listening, return_exceptions=True)
    assert await loud.closed() in (4429, None, 1006)
    assert statistics.quantiles(delays, n=20)[-1] < 1


async def test_a_peer_that_does_not_read_is_dropped_and_the_room_does_not_wait() -> None:
    async with a_house(send_buffer_bytes=16 * 1024) as house:
        slow = await house.enter(a_seat("Hường"))
        hoa = await house.enter(HOST)
        assert slow.socket._response.connection is not None
        transport = slow.socket._response.connection.transport
        assert transport is not None
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        transport.pause_reading()
        peer = next(peer for peer in house.hub.peers.values() if peer.seat.name == "Hường")
        person = Person(person=1, name="Máy chủ", title="", hospital="")
        said = messages.Chatted(n=1, id="announced", person=person, text="ế" * 1990, at_ms=1)
        begun = time.monotonic()
        listening = asyncio.create_task(hoa.closed())
        while peer.outbox is not None and time.monotonic() - begun < 8:
            await house.hub.announce("r1", said)
            await asyncio.sleep(0.001)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        assert peer.outbox is None  # dropped; its place is still kept
        assert peer.id in house.hub.peers
        assert time.monotonic() - begun < 8
        assert isinstance(await hoa.ask(messages.Chat(text="Ở đây vẫn nhanh")), messages.Ok)


async def test_twenty_thousand_malformed_messages_break_nothing(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """Trust test 15: nobody else is disturbed, the server never raises."""
    hoa = await house.enter(HOST)
    chance = random.Random(15)
    whole = json.dumps({"v": 1, "t": "mark", "d": {"uid": "mark-0001", "rev": 1, "points": [[1, 2]]}})
    for _ in range(200):
        bad = await house.connect()
        await bad.say(messages.Hello(versions=(1,), ticket=house.tickets.issue(a_seat("Khách", "viewer"))))
        frames = ["".join(chance.choice([c, "", "9", "{", '"']) for c in whole) for _ in range(100)]
        with contextlib.suppress(ConnectionError):  # closed before all was sent
            for frame in frames:
                await bad.socket.send_str(frame)
        # 1006: the server had closed while more was on its way.
        assert await bad.closed() in (4400, 4409, 1006)
    assert isinstance(await hoa.ask(messages.Chat(text="Vẫn yên")), messages.Ok)
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
