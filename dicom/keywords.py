"""Keywords of the data dictionary (PS3.6) as tags of 8 hexadecimal digits, the way the JSON model writes them."""

from __future__ import annotations

from functools import cache


@cache
def tag_of(keyword: str) -> str | None:
    """The tag of an attribute, or None where the standard has none of this name."""
    # The pages are to be open a second sooner: with its dictionary pydicom brings all of itself, and NumPy.
    from pydicom.datadict import tag_for_keyword

    tag = tag_for_keyword(keyword)
    return None if tag is None else f"{tag:08X}"
