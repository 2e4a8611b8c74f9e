"""Every table, imported once so that the metadata is whole."""

from typing import Final

from sqlalchemy import Table

import dicom.index
import server.consultation.model
import server.pacs.model
import server.people.model
import server.platform.events
import server.platform.jobs
import server.quarantine.model
import server.teaching.model
from server.platform.db import Base

# Tables with a column `blob` that names a blob of the store: what a backup copies, and what is no orphan.
NAME_BLOBS: Final[tuple[Table, ...]] = (
    dicom.index.instances,
    Base.metadata.tables[server.consultation.model.Document.__tablename__],
    Base.metadata.tables[server.teaching.model.TeachingImage.__tablename__],
)

__all__ = ["NAME_BLOBS", "server"]
