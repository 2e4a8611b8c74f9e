"""UIDs: the standard's rule for what we write, a narrow tolerance for what comes in."""

from __future__ import annotations

import pytest

from dicom import uid


@pytest.mark.parametrize("text", ["1.2.840.10008.1.2", "2.25.0", "0.1", "1." + "1" * 62])
def test_the_standards_uids_are_valid(text: str) -> None:
    assert uid.is_valid(text)
    assert uid.is_acceptable(text)


@pytest.mark.parametrize("text", ["1.2.03", "9.1", "1.2.00"])
def test_leading_zeros_of_real_devices_are_accepted_though_not_valid(text: str) -> None:
    assert not uid.is_valid(text)
    assert uid.is_acceptable(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        ".1",
        "1.",
        "1..2",
        "1.2 ",
        "1.2\n",
        "1.2.3\x00.dcm",
        "../../../tmp/pwn",
        "1.2.3/../../x",
        "<img src=x onerror=alert(1)>",
        "1.2.٣",
        "1." + "1" * 63,
    ],
)
def test_anything_else_is_never_a_key(text: str) -> None:
    assert not uid.is_valid(text)
    assert not uid.is_acceptable(text)


def test_made_uids_are_valid_and_new() -> None:
    made = {uid.make() for _ in range(100)}
    assert len(made) == 100
    assert all(uid.is_valid(one) and one.startswith("2.25.") for one in made)
