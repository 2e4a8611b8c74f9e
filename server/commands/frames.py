"""`frames`: the derived frames, which may be thrown away at any time: make room, or make them anew."""

from typing import Annotated

import typer
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from dicom.framecache import FrameCache
from dicom.index import instances, studies
from server.commands.people import within
from server.imaging import Imaging
from server.platform.db import Database
from server.platform.jobs import enqueue
from server.platform.settings import Settings

frames = typer.Typer(no_args_is_help=True, help="Bản xem nhanh dựng từ ảnh gốc; xóa lúc nào cũng được.")
AT_ONCE = 500


@frames.command("trim")
def trim() -> None:
    """Bỏ ngay những bản lâu không xem, quá hạn hoặc quá giới hạn dung lượng."""

    async def work(_: AsyncSession, settings: Settings) -> None:
        before, after = _cache(settings).trim()
        typer.echo(f"Còn {_gigabytes(after)}, đã bỏ {_gigabytes(before - after)}.")

    within(work)


@frames.command("rebuild")
def rebuild(
    everything: Annotated[bool, typer.Option("--all", help="Xóa hết và dựng lại từ đầu")] = False,
) -> None:
    """Xếp việc dựng lại những bản còn thiếu hoặc lần trước không dựng được."""

    async def work(session: AsyncSession, settings: Settings) -> None:
        cache = _cache(settings)
        found = await session.execute(
            select(instances.c.id, instances.c.study_id, instances.c.blob, instances.c.frames_refused)
            .join(studies, studies.c.id == instances.c.study_id)
            .where(instances.c.frames > 0, studies.c.removed_at_ms.is_(None))
        )
        rows = [row for row in found if everything or row.frames_refused or not cache.has(row.blob)]
        for at in range(0, len(rows), AT_ONCE):
            ids = [row.id for row in rows[at : at + AT_ONCE]]
            await session.execute(
                update(instances)
                .where(instances.c.id.in_(ids))
                .values(frames_at_ms=None, frames_refused=None)
            )
        if everything:
            for row in rows:
                cache.delete(row.blob)
        for study_id in sorted({row.study_id for row in rows}):
            enqueue(session, "frames", study_id=study_id)
        typer.echo(f"Sẽ dựng lại {len(rows)} ảnh. Trang hồ sơ cho thấy đã dựng được bao nhiêu.")

    within(work)


def _cache(settings: Settings) -> FrameCache:
    return Imaging(settings, Database(settings.database)).frames


def _gigabytes(size: int) -> str:
    return f"{size / 2**30:.2f} GiB".replace(".", ",")
