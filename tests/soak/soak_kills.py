"""Power cuts by the thousand: what the gateway acknowledged is there afterwards, byte for byte.

`make soak`; SOAK_KILLS says how many cuts (1,000 when it does not), SOAK_SEED which moments.
"""

from __future__ import annotations

import os
import random
from dataclasses import replace
from pathlib import Path

from tests.kills import SEAMS, Archive, Device, Ledger, cut_at_byte, cut_at_seam, whole_bytes
from tests.nursery import Nursery
from tests.product import demo_alone

KILLS = int(os.environ.get("SOAK_KILLS", "1000"))
SEED = os.environ.get("SOAK_SEED", "1")
EACH = 50  # cuts between two looks at the archive
LATEST = 12  # call of a function: of several associations, in any of their images


def test_nothing_acknowledged_is_lost_in_any_power_cut(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    ledger, archive = Ledger(), Archive(tmp_path / "data")
    with Nursery("gateway", demo_alone(tmp_path), tmp_path / "log") as nursery:
        size = whole_bytes(nursery, ledger)
        for number in range(1, KILLS + 1):
            if chance.random() < 0.5:
                cut_at_byte(nursery, ledger, chance.uniform(0, size))
            else:
                cut_at_seam(nursery, ledger, replace(chance.choice(SEAMS), nth=chance.randint(1, LATEST)))
            if number % EACH == 0 or number == KILLS:
                port = nursery.start()  # the store clears up what was under way
                while ledger.unanswered:
                    Device(port, ledger).run()
                nursery.kill()
                faults = archive.faults(ledger.acknowledged)
                said = f"cuts {number}, acknowledged {len(ledger.acknowledged)}, faults {len(faults)}"
                print(said)  # noqa: T201 - for who waits
                assert faults == []

    assert ledger.refused == []
    assert len(ledger.acknowledged) > KILLS
    assert ledger.requests <= archive.transactions()
    assert ledger.committed <= {uid for uid, _, _ in archive.rows()}
