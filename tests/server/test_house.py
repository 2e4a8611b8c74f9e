"""The houses of the tests themselves: every stage can be reached by the journey's own steps."""

import pytest

from server.consultation.journey import Stage
from tests.server.house import PATHS, House


@pytest.mark.parametrize("stage", PATHS)
async def test_a_case_walks_to_every_stage(house: House, stage: str) -> None:
    case = await house.case(await house.a_consultation(stage))
    assert case.stage.value == {"concluded": "minutes-open"}.get(stage, stage)


def test_every_stage_has_a_path() -> None:
    assert {stage.value for stage in Stage} <= set(PATHS)
