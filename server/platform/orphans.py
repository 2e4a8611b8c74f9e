"""Blobs that no row names: the crash between their flush and the commit of their row left them.

Their senders got no answer and sent them again, so they may go. But the same sight is given by a database that
does not belong to this store (a wrong address, an older backup), and then they are patients' images. So a
blob is first set aside for a month, comes back when a row names it, and when there are many nothing is done.
"""

import asyncio
import datetime as dt
import logging
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from itertools import islice

from sqlalchemy import Table, select

from dicom.store import BlobKey, BlobStore
from server.platform.db import Database, now

log = logging.getLogger(__name__)

EVERY_S = 6 * 3600.0
YOUNG = dt.timedelta(days=1)  # no transaction lasts so long
ASIDE = dt.timedelta(days=30)
AT_ONCE = 500
FEW, SHARE = 20, 0.01  # more than both: this database does not belong to this store


async def clear(database: Database, store: BlobStore, named_by: Sequence[Table]) -> int:
    """Set aside the blobs that no row names, and give their number: 0, and an error in the log, when they are
    too many to be the traces of crashes.
    """
    before_s = (now() - YOUNG).timestamp()
    count, orphans = 0, list[BlobKey]()
    async for keys, named in _by_name(database, store.old(before_s), named_by):
        count += len(keys)
        orphans += sorted(keys - named)
    if len(orphans) > max(FEW, SHARE * count):
        log.error("%d of %d blobs are named by no row: is this the right database?", len(orphans), count)
        return 0
    moved = 0
    for key in orphans:
        moved += await asyncio.to_thread(store.set_aside, key, before_s)
    if moved:
        log.warning("set aside %d blobs that no row names", moved)
    await _look_aside(database, store, named_by)
    return moved


async def _look_aside(database: Database, store: BlobStore, named_by: Sequence[Table]) -> None:
    since = dict(await asyncio.to_thread(lambda: list(store.aside())))
    oldest_s = (now() - ASIDE).timestamp()
    async for keys, named in _by_name(database, iter(since), named_by):
        for key in keys:
            if key in named:
                await asyncio.to_thread(store.take_back, key)
            elif since[key] < oldest_s:
                await asyncio.to_thread(store.forget, key)


async def _by_name(
    database: Database, keys: Iterator[BlobKey], named_by: Iterable[Table]
) -> AsyncIterator[tuple[set[BlobKey], set[str]]]:
    """The keys some at a time, each time with those among them that a row names."""
    while some := await asyncio.to_thread(lambda: set(islice(keys, AT_ONCE))):
        named = set[str]()
        async with database.read() as connection:
            for table in named_by:
                named |= set(await connection.scalars(select(table.c.blob).where(table.c.blob.in_(some))))
        yield some, named
