"""Thirty power cuts over the whole life of an association: nothing that was acknowledged is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kills import SEAMS, Archive, Device, Ledger, cut_at_byte, cut_at_seam, whole_bytes
from tests.nursery import Nursery
from tests.product import demo_alone

KILLS = 30
# By hand what counting bytes would hardly meet: silence, half a request, a request without an answer.
NEGOTIATING = (0.0, 40.0, 300.0)


@pytest.mark.long
def test_nothing_acknowledged_is_lost_in_a_power_cut(tmp_path: Path) -> None:
    ledger, settings = Ledger(), demo_alone(tmp_path)
    with Nursery("gateway", settings, tmp_path / "log") as nursery:
        size = whole_bytes(nursery, ledger)
        for seam in SEAMS:
            cut_at_seam(nursery, ledger, seam)
        for byte in NEGOTIATING:
            cut_at_byte(nursery, ledger, byte)
        spread = KILLS - len(SEAMS) - len(NEGOTIATING)
        for number in range(spread):
            cut_at_byte(nursery, ledger, size * (number + 1) / spread)

        # Back once more: what had no answer is sent again and taken, and all of it is said to be kept.
        port = nursery.start()
        while ledger.unanswered:
            Device(port, ledger).run()
        nursery.kill()

    archive = Archive(tmp_path / "data")
    assert ledger.refused == []
    assert len(ledger.acknowledged) > KILLS
    assert archive.faults(ledger.acknowledged) == []
    assert ledger.requests <= archive.transactions()
    assert ledger.committed <= {uid for uid, _, _ in archive.rows()}
