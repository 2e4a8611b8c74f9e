"""Run the benches named, or all: `python -m bench frames`. One JSON object a line on standard output.

A bench is a module here with `async def run() -> AsyncIterator[Measured]`.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
import traceback
from pathlib import Path

NOT_BENCHES = {"__main__", "__init__", "measured"}


def names() -> list[str]:
    """Modules of this folder that measure something."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return [
        file.stem for file in files if file.stem not in NOT_BENCHES and "async def run(" in file.read_text()
    ]


async def measure(name: str) -> bool:
    """Print what one bench finds; a bench that fails is said on standard error, and the others still run."""
    try:
        async for measured in importlib.import_module(f"bench.{name}").run():
            print(measured.line(), flush=True)
    except Exception:
        print(f"bench {name} failed", file=sys.stderr)
        traceback.print_exc()
        return False
    return True


def main(wanted: list[str]) -> int:
    unknown = set(wanted) - set(names())
    if unknown:
        print(f"no such bench: {' '.join(sorted(unknown))}; there are {' '.join(names())}", file=sys.stderr)
        return 2
    # Each bench gets an event loop of its own: what one leaves behind does not slow the next.
    results = [asyncio.run(measure(name)) for name in wanted or names()]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
