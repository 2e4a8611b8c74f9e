"""One figure of a bench: ours beside a peer's of the same run, or beside nothing where there is no peer."""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measured:
    """`bench` names the figure (`frames`, `frames-p99`); `unit` says what both numbers count."""

    bench: str
    ours: float
    unit: str
    peer: float | None = None

    @property
    def ratio(self) -> float | None:
        """Ours for one of the peer's."""
        return None if not self.peer else self.ours / self.peer

    def line(self) -> str:
        row = {
            "bench": self.bench,
            "ours": round(self.ours, 4),
            "peer": None if self.peer is None else round(self.peer, 4),
            "unit": self.unit,
            "ratio": None if self.ratio is None else round(self.ratio, 4),
        }
        return json.dumps(row)
