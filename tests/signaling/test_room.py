"""What a room decides, without sockets, clocks or a database."""

import pytest

from signaling import facts, messages
from signaling.facts import AnyFact
from signaling.fields import Layout, MediaState, Plane, Shown
from signaling.messages import Message
from signaling.ports import Seat
from signaling.room import CANDIDATE_LIMIT, MEMBER_LIMIT, Decision, Room
from signaling.state import Refused, Send
from tests.signaling.building import a_seat, may

BESIDE = Shown(
    study=6, sop="1.2.2", frame=1, voi=(40, 80, 0), view=(1, 1, 1, 0, 0, 0), plane=Plane(kind="coronal", at=9)
)
VIEW = messages.ShareView(
    study=7,
    sop="1.2.3",
    frame=4,
    voi=(40, 400, 0),
    view=(256, 256, 1, 0, 0, 0),
    pointer=None,
    layout=Layout(rows=1, columns=2, active=0, cells=(None, BESIDE)),
)


class Keeper:
    """A room whose facts are kept at once: what a hub does, without waiting."""

    def __init__(self) -> None:
        self.room = Room("r1", may)
        self.kept: list[AnyFact] = []

    def perform(self, decision: Decision) -> list[Send]:
        sends: list[Send] = []
        for fact in decision.facts:
            self.kept.append(fact)
            sends += self.room.apply(fact, len(self.kept), 1000)
        return [*sends, *decision.sends]

    def enter(self, peer: str, seat: Seat) -> list[Send]:
        return self.perform(self.room.enter(peer, seat, 1000))

    def say(self, peer: str, message: Message, id: str = "request-1") -> list[Send]:
        return self.perform(self.room.receive(peer, message, 1000, id))


def heard(sends: list[Send], peer: str) -> list[str]:
    return [send.message.type for send in sends if send.to == peer]


@pytest.fixture
def keeper() -> Keeper:
    """Hường (doctor) and Hoa (host) are in the room."""
    keeper = Keeper()
    keeper.enter("peer-huong", a_seat("Hường"))
    keeper.enter("peer-hoa-", a_seat("Hoa", "host"))
    return keeper


def test_a_newcomer_gets_the_whole_state_and_the_others_the_newcomer() -> None:
    keeper = Keeper()
    assert heard(keeper.enter("peer-huong", a_seat("Hường")), "peer-huong") == [
        "roster",
        "joined",
        "presenter-changed",
    ]
    sends = keeper.enter("peer-hoa-", a_seat("Hoa", "host"))
    assert heard(sends, "peer-huong") == ["roster"]
    assert heard(sends, "peer-hoa-") == ["roster", "joined", "knocked"]


def test_the_first_at_the_table_leads_and_a_viewer_never_does() -> None:
    keeper = Keeper()
    keeper.enter("peer-view", a_seat("Khách", "viewer"))
    assert keeper.room.presenter is None
    keeper.enter("peer-huong", a_seat("Hường"))
    assert keeper.room.presenter is not None
    assert keeper.room.presenter.name == "Hường"


def test_a_late_comer_sees_the_last_view_the_marks_and_the_chat(keeper: Keeper) -> None:
    keeper.say("peer-huong", VIEW)
    keeper.say("peer-huong", messages.Chat(text="Xem lát này."))
    keeper.say(
        "peer-hoa-",
        messages.MarkAsked(
            uid="mark-0001",
            rev=1,
            study=7,
            sop="1.2.3",
            frame=4,
            tool="length",
            points=((1, 1), (2, 2)),
            removed=False,
        ),
    )
    sends = keeper.enter("peer-late", a_seat("Khách", "viewer"))
    joined = next(send.message for send in sends if send.message.type == "joined")
    assert isinstance(joined, messages.Joined)
    assert joined.view is not None
    assert joined.view.frame == 4
    assert joined.view.layout == VIEW.layout
    assert [said.text for said in joined.chat] == ["Xem lát này."]
    assert [marked.mark.uid for marked in joined.marks] == ["mark-0001"]


def test_a_view_goes_to_the_others_and_is_not_kept(keeper: Keeper) -> None:
    before = len(keeper.kept)
    sends = keeper.say("peer-huong", VIEW)
    assert [(send.to, send.sender) for send in sends] == [("peer-hoa-", "peer-huong")]
    assert len(keeper.kept) == before


def test_only_the_presenter_shows(keeper: Keeper) -> None:
    with pytest.raises(Refused, match="not-presenting"):
        keeper.say("peer-hoa-", VIEW)


def test_a_host_takes_the_lead_another_asks_for_it(keeper: Keeper) -> None:
    keeper.say("peer-hoa-", messages.Present(op="take"))
    with pytest.raises(Refused, match="presenter-busy"):
        keeper.say("peer-huong", messages.Present(op="take"))
    keeper.say("peer-hoa-", messages.Present(op="give", to="peer-huong"))
    assert keeper.room.presenter is not None
    assert keeper.room.presenter.name == "Hường"


def test_the_lead_of_one_whose_line_is_lost_can_be_taken(keeper: Keeper) -> None:
    keeper.enter("peer-third", a_seat("Khắc"))
    keeper.perform(keeper.room.lose("peer-huong"))
    keeper.say("peer-third", messages.Present(op="take"))
    assert keeper.room.presenter is not None
    assert keeper.room.presenter.name == "Khắc"


def test_the_lead_is_not_given_to_a_viewer(keeper: Keeper) -> None:
    keeper.enter("peer-view", a_seat("Khách", "viewer"))
    with pytest.raises(Refused, match="cannot-present"):
        keeper.say("peer-huong", messages.Present(op="give", to="peer-view"))


def test_nobody_leads_once_the_presenter_left(keeper: Keeper) -> None:
    sends = keeper.say("peer-huong", messages.Leave())
    assert heard(sends, "peer-hoa-") == ["left", "presenter-changed"]
    assert heard(sends, "peer-huong") == ["bye"]
    assert keeper.room.presenter is None


def test_chat_sent_twice_is_said_once(keeper: Keeper) -> None:
    keeper.say("peer-huong", messages.Chat(text="Một lần"), "same-id-01")
    assert keeper.say("peer-huong", messages.Chat(text="Một lần"), "same-id-01") == []
    assert len(keeper.room.chat) == 1


def a_mark(rev: int, *, removed: bool = False) -> messages.MarkAsked:
    return messages.MarkAsked(
        uid="mark-0001",
        rev=rev,
        study=7,
        sop="1.2",
        frame=1,
        tool="length",
        points=((1, 1), (2, 2)),
        removed=removed,
    )


def test_an_older_version_of_a_mark_changes_nothing(keeper: Keeper) -> None:
    keeper.say("peer-huong", a_mark(2, removed=True))
    assert keeper.say("peer-huong", a_mark(1)) == []
    with pytest.raises(Refused, match="mark-changed"):
        keeper.say("peer-hoa-", a_mark(2))
    assert keeper.room.marks["mark-0001"].mark.removed


def test_a_mark_is_changed_by_who_drew_it_and_by_the_host_whose_it_is_then(keeper: Keeper) -> None:
    keeper.enter("peer-long", a_seat("Long", "specialist"))
    keeper.say("peer-huong", a_mark(1))
    with pytest.raises(Refused, match="not-your-mark"):
        keeper.say("peer-long", a_mark(2))
    keeper.say("peer-huong", a_mark(2))
    keeper.say("peer-hoa-", a_mark(3, removed=True))
    with pytest.raises(Refused, match="not-your-mark"):
        keeper.say("peer-huong", a_mark(4))
    assert keeper.room.marks["mark-0001"].person.name == "Hoa"


def test_removed_marks_leave_room_for_others(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signaling.room.MARK_LIMIT", 1)
    keeper.say("peer-huong", a_mark(1))
    another = a_mark(1).model_copy(update={"uid": "mark-0002"})
    with pytest.raises(Refused, match="too-many-marks"):
        keeper.say("peer-hoa-", another)
    keeper.say("peer-huong", a_mark(2, removed=True))
    assert keeper.say("peer-hoa-", another)


def test_one_who_waits_hears_nothing_until_a_host_lets_him_in(keeper: Keeper) -> None:
    keeper.enter("peer-wait", a_seat("Lan", waits=True))
    assert heard(keeper.say("peer-wait", messages.KnockAsked()), "peer-hoa-") == ["knocked"]
    with pytest.raises(Refused, match="still-waiting"):
        keeper.say("peer-wait", messages.Chat(text="Có ai không?"))
    assert heard(keeper.say("peer-huong", messages.Chat(text="bí mật")), "peer-wait") == []
    sends = keeper.say("peer-hoa-", messages.Admit(peer="peer-wait", allow=True))
    assert heard(sends, "peer-wait") == ["admitted", "roster", "joined"]
    assert [fact.type for fact in keeper.kept[-2:]] == ["admitted", "joined"]


def test_one_who_was_let_in_once_does_not_wait_again(keeper: Keeper) -> None:
    seat = a_seat("Lan", waits=True)
    keeper.enter("peer-wait", seat)
    keeper.say("peer-hoa-", messages.Admit(peer="peer-wait", allow=True))
    keeper.perform(keeper.room.forget("peer-wait", "lost"))
    assert "joined" in heard(keeper.enter("peer-back", seat), "peer-back")


def test_one_who_is_turned_away_is_told_and_gone(keeper: Keeper) -> None:
    keeper.enter("peer-wait", a_seat("Lan", waits=True))
    sends = keeper.say("peer-hoa-", messages.Admit(peer="peer-wait", allow=False))
    assert heard(sends, "peer-wait") == ["bye"]
    assert not keeper.room.waiting


def test_a_person_who_comes_again_takes_the_earlier_place(keeper: Keeper) -> None:
    sends = keeper.enter("peer-again", a_seat("Hường"))
    assert heard(sends, "peer-huong") == ["bye"]
    assert set(keeper.room.members) == {"peer-hoa-", "peer-again"}
    assert keeper.room.presenter is not None  # the lead is the person's, not the browser's


def test_a_full_room_takes_nobody_more() -> None:
    keeper = Keeper()
    for number in range(MEMBER_LIMIT):
        keeper.enter(f"peer-{number:04}", a_seat(f"Người {number}"))
    with pytest.raises(Refused, match="room-full"):
        keeper.enter("peer-more", a_seat("Một người nữa"))


def test_media_messages_go_to_one_peer_with_the_senders_name(keeper: Keeper) -> None:
    offer = messages.Offer(to="peer-hoa-", pc="p2p", epoch=1, sdp="v=0")
    assert keeper.say("peer-huong", offer) == [Send("peer-hoa-", offer, "peer-huong")]


def test_a_page_that_was_loaded_anew_starts_its_connections_over(keeper: Keeper) -> None:
    sends = list(keeper.room.reload("peer-huong", 2000).sends)
    assert heard(sends, "peer-hoa-") == ["restarted"]
    assert heard(sends, "peer-huong") == ["joined"]
    stale = messages.Offer(to="peer-huong", pc="p2p", epoch=1, sdp="v=0")
    with pytest.raises(Refused, match="stale-epoch"):
        keeper.say("peer-hoa-", stale)


def test_two_who_ask_to_start_over_at_once_start_over_once(keeper: Keeper) -> None:
    first = keeper.say("peer-huong", messages.Restart(to="peer-hoa-", pc="p2p", epoch=1))
    assert sorted(send.to for send in first) == ["peer-hoa-", "peer-huong"]
    assert keeper.say("peer-hoa-", messages.Restart(to="peer-huong", pc="p2p", epoch=1)) == []


def test_candidates_are_counted(keeper: Keeper) -> None:
    ice = messages.Ice(to="peer-hoa-", pc="p2p", epoch=1, candidate=None)
    for _ in range(CANDIDATE_LIMIT):
        keeper.say("peer-huong", ice)
    with pytest.raises(Refused, match="too-many-candidates"):
        keeper.say("peer-huong", ice)
    keeper.say("peer-huong", messages.Offer(to="peer-hoa-", pc="p2p", epoch=1, sdp="v=0"))
    keeper.say("peer-huong", ice)


def test_a_changed_camera_is_seen_by_all(keeper: Keeper) -> None:
    sends = keeper.say("peer-huong", messages.Media(media=MediaState(mic=True)))
    assert {send.to for send in sends} == {"peer-huong", "peer-hoa-"}


def test_an_ended_session_lets_everyone_go_and_nobody_in(keeper: Keeper) -> None:
    sends = keeper.say("peer-hoa-", messages.End())
    assert heard(sends, "peer-huong") == ["session-ended", "bye"]
    assert keeper.room.is_empty
    with pytest.raises(Refused, match="session-ended"):
        keeper.enter("peer-late", a_seat("Lan"))


def test_a_room_that_comes_back_from_its_journal_knows_what_was_said_but_not_who_was_here(
    keeper: Keeper,
) -> None:
    keeper.say("peer-huong", messages.Chat(text="Còn đây"))
    again = Room("r1", may)
    for n, fact in enumerate(keeper.kept, start=1):
        read = facts.read(fact.type, facts.write(fact))
        assert read == fact
        again.restore(fact, n, 1000)
    assert [said.text for said in again.chat] == ["Còn đây"]
    assert again.presenter == keeper.room.presenter
    assert again.n == len(keeper.kept)
    assert again.is_empty


def test_a_row_of_somebody_else_is_passed_over() -> None:
    assert facts.read("weather", {"rain": True}) is None
    assert facts.read("chatted", {"no": "such fields"}) is None
