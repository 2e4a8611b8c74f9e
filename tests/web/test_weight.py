"""What the room weighs over the wire: a weak line waits for every kilobyte of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

DIST = Path(__file__).parents[2] / "web" / "dist"
MOST_BYTES = 250_000
PAGE_BYTES = 15_000  # its HTML, and what goes over the wire with each answer
LATER = {"src/viewer/mpr.ts"}  # fetched when a reader asks for it


def _chunks() -> dict[str, Any]:
    chunks: dict[str, Any] = json.loads((DIST / ".vite" / "manifest.json").read_text())
    return chunks


def _reached(chunks: dict[str, Any], *names: str) -> set[str]:
    """The chunks that a page fetches by itself, with those that their scripts import."""
    seen: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in seen or name in LATER:
            continue
        seen.add(name)
        chunk = chunks[name]
        waiting += [*chunk.get("imports", []), *chunk.get("dynamicImports", [])]
    return seen


def _bytes(file: str) -> int:
    """As Brotli: a room needs HTTPS for its camera, and over HTTPS every browser of ours takes it."""
    packed = DIST / f"{file}.br"
    return (packed if packed.exists() else DIST / file).stat().st_size


def test_the_room_weighs_at_most_250_kb() -> None:
    chunks = _chunks()
    reached = _reached(chunks, "src/entries/app.ts", "src/entries/room.ts")
    files = {chunks[name]["file"] for name in reached}
    for name in reached:
        files.update(chunks[name].get("css", []), chunks[name].get("assets", []))
    decoder = [path.relative_to(DIST).as_posix() for path in DIST.glob("assets/openjph*.wasm")]
    assert len(decoder) == 1  # of the worker, which the manifest does not look into
    weights = {file: _bytes(file) for file in {*files, *decoder}}
    total = PAGE_BYTES + sum(weights.values())
    assert 100_000 < total <= MOST_BYTES, sorted(weights.items(), key=lambda pair: -pair[1])


def test_planes_are_cut_by_a_script_that_comes_later() -> None:
    chunks = _chunks()
    assert chunks.keys() >= LATER
    asked_for = {name for chunk in chunks.values() for name in chunk.get("dynamicImports", [])}
    assert asked_for >= LATER
    assert chunks["src/viewer/mpr.ts"]["file"] not in {
        chunks[name]["file"] for name in _reached(chunks, "src/entries/room.ts")
    }
