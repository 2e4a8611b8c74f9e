"""What a password costs whoever steals the table."""

from __future__ import annotations

import argon2

from tests.server.conftest import real_hasher


def test_passwords_are_kept_by_argon2id_as_rfc_9106_advises() -> None:
    """Section 4, the second choice: 64 MiB, three passes, four lanes. The other tests use less."""
    chosen = argon2.extract_parameters(real_hasher().hash("x"))

    assert chosen == argon2.profiles.RFC_9106_LOW_MEMORY
