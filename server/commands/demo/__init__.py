"""Demo data: made-up people, hospitals and cases of different stages; then real images, in the background."""

from collections.abc import Callable

from server.commands.demo.images import seed_images
from server.commands.demo.journey import seed
from server.platform.db import Database, migrate
from server.platform.settings import Settings


async def fill(settings: Settings, say: Callable[[str], None], *, rows: bool, images: bool) -> None:
    await migrate(settings.database)
    database = Database(settings.database)
    if rows:
        await seed(settings, database)
    if images:
        await seed_images(settings, database, say)
    await database.close()
