"""Load by wrk: many requests over kept connections, each path in turn, none of them refused."""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bench.product import Archive
from tests.services import program

ROUNDS = 3  # ours and the peer's in turns: a busy moment of the machine meets both

SCRIPT = """
local paths, at = {}, 0
for path in io.lines("PATHS") do paths[#paths + 1] = path end
request = function() at = at % #paths + 1; return wrk.format("GET", paths[at]) end
done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\\n{"seconds": %f, "requests": %d, "p50": %f, "p99": %f, "errors": %d}\\n',
    summary.duration / 1e6, summary.requests, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
"""


@dataclass(frozen=True)
class Load:
    """What one archive did under load."""

    per_s: float
    p50_ms: float
    p99_ms: float


async def compare(
    ours: Archive,
    peer: Archive,
    paths: Sequence[str],
    headers: Mapping[str, str],
    *,
    connections: int,
    seconds: int = 3,
    of_peer: Sequence[str] = (),
) -> tuple[Load, Load]:
    """Ask both for the same, in turns; the medians of the rounds. `of_peer`: its paths, where they are others."""
    asked = ((ours, paths), (peer, of_peer or paths))
    rounds = [
        [await _load(archive, its, headers, connections, seconds) for archive, its in asked]
        for _ in range(ROUNDS)
    ]
    medians = [
        Load(
            statistics.median(load.per_s for load in loads),
            statistics.median(load.p50_ms for load in loads),
            statistics.median(load.p99_ms for load in loads),
        )
        for loads in zip(*rounds, strict=True)
    ]
    return medians[0], medians[1]


async def _load(
    archive: Archive, paths: Sequence[str], headers: Mapping[str, str], connections: int, seconds: int
) -> Load:
    """Raises RuntimeError where a request failed: what is not served is not fast."""
    url = urlsplit(archive.url)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "paths").write_text("\n".join(f"{url.path}{path}" for path in paths))
        (folder / "load.lua").write_text(SCRIPT.replace("PATHS", str(folder / "paths")))
        said = [f"-H{name}: {value}" for name, value in {**archive.headers, **headers}.items()]
        wrk = await asyncio.create_subprocess_exec(
            program("wrk"),
            "-t1",
            f"-c{connections}",
            f"-d{seconds}s",
            f"-s{folder / 'load.lua'}",
            *said,
            f"{url.scheme}://{url.netloc}",
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await wrk.communicate()
    result = json.loads(output.decode().splitlines()[-1])
    if result["errors"] or not result["requests"]:
        raise RuntimeError(f"{result['errors']} of {result['requests']} requests failed")
    return Load(result["requests"] / result["seconds"], result["p50"], result["p99"])
