"""Sentences for people: Vietnamese, marked here for the host's catalogue, translated where they are shown."""

from collections.abc import Callable
from typing import TypeAlias

Gettext: TypeAlias = Callable[[str], str]


def later(vietnamese: str) -> str:
    return vietnamese
