"""A sealed secret opens with its own key and purpose alone."""

import pytest

from server.platform import keys

ROOT = b"r" * 32


def test_a_sealed_secret_is_read_again_and_looks_otherwise_each_time() -> None:
    first, second = (keys.seal(ROOT, "pacs", "khóa bí mật") for _ in range(2))
    assert first != second
    assert keys.unseal(ROOT, "pacs", first) == keys.unseal(ROOT, "pacs", second) == "khóa bí mật"


@pytest.mark.parametrize(
    ("root", "purpose", "cut"),
    [(b"x" * 32, "pacs", ""), (ROOT, "other", ""), (ROOT, "pacs", "00"), (ROOT, "pacs", "zz")],
)
def test_another_key_another_purpose_and_changed_bytes_open_nothing(
    root: bytes, purpose: str, cut: str
) -> None:
    sealed = keys.seal(ROOT, "pacs", "khóa bí mật")
    with pytest.raises(ValueError, match=r"sealed|hexadecimal"):
        keys.unseal(root, purpose, sealed[: len(sealed) - len(cut)] + cut if cut != "00" else sealed[:-2])
