"""Every table, imported once so that the metadata is whole."""

import server.consultation.model
import server.people.model
import server.platform.events
import server.platform.jobs

__all__ = ["server"]
