"""The sandbox: what a file does to its child reaches nobody else."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from dicom import sandboxed
from dicom.instance import BadInstance
from dicom.sandbox import Sandbox
from tests.dicom import builders


def a_path(tmp_path: Path, content: bytes, name: str = "file") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def test_a_file_is_described_by_a_child(sandbox: Sandbox, tmp_path: Path) -> None:
    summary = await sandbox.summarise(a_path(tmp_path, builders.a_file()))
    assert (summary.patient_name, summary.rows) == ("NGUYỄN^Văn Thử", 64)
    assert summary.header[:2] == b"\x1f\x8b"


async def test_a_childs_refusal_is_the_callers(sandbox: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(BadInstance) as refused:
        await sandbox.summarise(a_path(tmp_path, b"no"))
    assert refused.value.code == "not-dicom"


async def test_bombs_cost_the_parent_nothing_and_others_are_served(sandbox: Sandbox, tmp_path: Path) -> None:
    good = a_path(tmp_path, builders.a_file(), "good")
    bombs = [
        a_path(tmp_path, builders.a_deflate_bomb(), "deflate"),
        a_path(tmp_path, builders.a_jpeg2000_bomb(), "jpeg2000"),
        a_path(tmp_path, builders.a_nested_file(3000), "nested"),
    ]
    before_bytes = resident_bytes()
    codes: list[str] = []

    async def throw(bomb: Path) -> None:
        with pytest.raises(BadInstance) as refused:
            await sandbox.summarise(bomb)
        codes.append(refused.value.code)

    async with asyncio.TaskGroup() as group:
        for bomb in bombs * 2:
            group.create_task(throw(bomb))
        started = time.monotonic()
        for _ in range(5):
            assert (await sandbox.summarise(good)).rows == 64
        waited_s = time.monotonic() - started
    assert sorted(codes) == ["malformed"] * 2 + ["too-costly"] * 2 + ["wrong-pixels"] * 2
    assert waited_s < 10
    assert resident_bytes() - before_bytes < 64 << 20


@pytest.fixture
async def trapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """A sandbox whose table also names functions that mean harm, from a module made for this test."""
    (tmp_path / "trap.py").write_text(
        "import os, socket, time, pathlib\n"
        "def memory(): return len(bytearray(3 << 30))\n"
        "def crash(): os.kill(os.getpid(), 11)\n"
        "def sleep(): time.sleep(60)\n"
        "def write(path): pathlib.Path(path).write_bytes(b'x' * 10)\n"
        "def connect(port): socket.create_connection(('127.0.0.1', port), 1).close()\n"
        "def echo(value, size): return {'value': value, 'bytes': b'ab' * size}\n"
        "def pid(): return os.getpid()\n"
        "def secret(): return dict(os.environ)\n"
        "def read(path): return pathlib.Path(path).read_bytes()\n"
        "def remove(path): os.unlink(path)\n"
        "def rename(path): os.rename(path, path + '.gone')\n"
        "def truncate(path): os.truncate(path, 0)\n"
    )
    (tmp_path / "run.py").write_text(
        "import sys, socket\n"
        "from dicom import sandboxed\n"
        "names = 'memory crash sleep write connect echo pid secret read remove rename truncate'.split()\n"
        "sandboxed.FUNCTIONS.update({name: 'trap:' + name for name in names})\n"
        "sandboxed.start(socket.socket(fileno=int(sys.argv[1])), sys.argv[2:])\n"
    )
    (tmp_path / "store").mkdir()
    return Sandbox(children=1, wall_s=2, command=[str(tmp_path / "run.py")], readable=[tmp_path / "store"])


async def test_a_child_reads_the_store_alone_and_changes_nothing(trapped: Sandbox, tmp_path: Path) -> None:
    secret, image = tmp_path / "secret.key", tmp_path / "store" / "image"
    for path in (secret, image):
        path.write_bytes(b"content")
    async with trapped as sandbox:
        assert await sandbox.run("read", path=image) == b"content"
        for name, path in [("read", secret), *((deed, image) for deed in ("remove", "rename", "truncate"))]:
            with pytest.raises(BadInstance, match="malformed"):
                await sandbox.run(name, path=str(path))
    assert image.read_bytes() == secret.read_bytes() == b"content"


async def test_limits_hold_and_a_killed_child_is_replaced(trapped: Sandbox, tmp_path: Path) -> None:
    listener = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    async with trapped as sandbox:

        async def refusal(name: str, **arguments: object) -> str:
            with pytest.raises(BadInstance) as refused:
                await sandbox.run(name, **arguments)
            return refused.value.code

        assert await refusal("memory") == "too-costly"
        assert await refusal("crash") == "too-costly"
        assert await refusal("sleep") == "unavailable"  # it used no time of the processor
        assert await refusal("connect", port=port) == "malformed"
        await refusal("write", path=tmp_path / "out")
        assert not (tmp_path / "out").exists() or (tmp_path / "out").stat().st_size == 0
        assert await sandbox.run("echo", value=[1, None, "ớ"], size=2) == {
            "value": [1, None, "ớ"],
            "bytes": b"abab",
        }
        assert not any("HOICHAN" in name for name in await sandbox.run("secret"))
    listener.close()
    await listener.wait_closed()


async def test_a_child_whose_caller_gave_up_is_not_asked_again(trapped: Sandbox) -> None:
    async with trapped as sandbox:
        first = await sandbox.run("pid")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await sandbox.run("sleep")
        assert await sandbox.run("pid") != first


async def test_children_end_with_the_sandbox(trapped: Sandbox) -> None:
    async with trapped as sandbox:
        child = await sandbox.run("pid")
    for _ in range(50):
        if not Path(f"/proc/{child}").exists():
            break
        await asyncio.sleep(0.02)
    assert not Path(f"/proc/{child}").exists()


def test_what_crosses_the_border_comes_out_as_it_went_in() -> None:
    message = {"a": [b"one", {"b": b""}], "path": Path("/x"), "n": 1.5, "t": "ế"}
    frame = sandboxed.pack(message)
    text_bytes, attached_bytes = sandboxed.FRAME.unpack_from(frame)
    body = frame[sandboxed.FRAME.size :]
    assert len(body) == text_bytes + attached_bytes
    assert sandboxed.unpack(body[:text_bytes], body[text_bytes:]) == message
