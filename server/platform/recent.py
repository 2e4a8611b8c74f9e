"""A small memory of what was true a moment ago: bounded in time and number."""

import time
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")
LARGEST = 4096
SITTING_S = 1800.0  # who looks again within it is audited as having looked once


class Recent(Generic[Key, Value]):
    """Keeps each value for `kept_s` seconds, the newest LARGEST of them."""

    def __init__(self, kept_s: float) -> None:
        self._kept_s = kept_s
        self._found: OrderedDict[Key, tuple[float, Value]] = OrderedDict()

    def get(self, key: Key) -> Value | None:
        found = self._found.get(key)
        if found is None or found[0] < time.monotonic():
            return None
        return found[1]

    def keep(self, key: Key, value: Value) -> Value:
        self._found.pop(key, None)
        self._found[key] = (time.monotonic() + self._kept_s, value)
        if len(self._found) > LARGEST:
            self._found.popitem(last=False)
        return value

    def forget(self) -> None:
        self._found.clear()
