"""Form 27/BV2 and its annex: the facts, their one canonical text and digest, and the printed page."""
