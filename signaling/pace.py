"""How fast one socket may send: a token bucket, and a limit to our patience."""

import time
from collections.abc import Callable

PER_S = 50.0
BURST = 150.0
PATIENCE = 300  # messages over the rate before the socket is closed


class Pace:
    """Refills by `per_s` up to `burst`; forgets offences once the bucket is full again."""

    def __init__(
        self, per_s: float = PER_S, burst: float = BURST, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.per_s, self.burst, self.clock = per_s, burst, clock
        self.level, self.at = burst, clock()
        self.over = 0

    def takes(self) -> bool:
        """Count one message: may it pass?"""
        now = self.clock()
        self.level = min(self.burst, self.level + (now - self.at) * self.per_s)
        self.at = now
        if self.level >= self.burst:
            self.over = 0
        if self.level < 1:
            self.over += 1
            return False
        self.level -= 1
        return True

    @property
    def is_lost_cause(self) -> bool:
        return self.over > PATIENCE

    @property
    def wait_ms(self) -> int:
        """When the next message may pass."""
        return max(0, int((1 - self.level) / self.per_s * 1000))
