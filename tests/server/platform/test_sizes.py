"""Sizes of files as people read them, with the decimal sign of their language."""

import pytest

from server.platform.pages import LANGUAGE, size


@pytest.mark.parametrize(
    ("size_bytes", "vi", "en"),
    [
        (0, "0 B", "0 B"),
        (999, "999 B", "999 B"),
        (526_400, "526,4 kB", "526.4 kB"),
        (3_000_000, "3 MB", "3 MB"),
        (1_234_500_000_000, "1.234,5 GB", "1,234.5 GB"),
    ],
)
def test_a_size_has_the_decimal_sign_of_the_page(size_bytes: int, vi: str, en: str) -> None:
    found = []
    for language in ("vi", "en"):
        token = LANGUAGE.set(language)
        found.append(size(size_bytes))
        LANGUAGE.reset(token)
    assert found == [vi, en]
