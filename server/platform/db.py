"""The database: one session is one transaction, opened for a principal who sees only what is theirs."""

import asyncio
import datetime as dt
import enum
import fcntl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, Final, cast
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Dialect,
    Engine,
    Enum,
    FromClause,
    MetaData,
    QueuePool,
    Select,
    create_engine,
    event,
    false,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import (
    DeclarativeBase,
    LoaderCriteriaOption,
    ORMExecuteState,
    Session,
    with_loader_criteria,
)
from sqlalchemy.types import TypeDecorator

from server.platform.policy import Principal

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


CLOSING_S = 5.0

HERE: Final = ZoneInfo("Asia/Ho_Chi_Minh")  # where a "day" is a day


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def id_from(text: str) -> int:
    """An id of ours; -1, which nothing has, for what cannot be one (nine digits fit every column)."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1


def today() -> dt.date:
    """The local day in Vietnam."""
    return now().astimezone(HERE).date()


class UTCDateTime(TypeDecorator[dt.datetime]):
    """Aware instants in UTC on both databases: SQLite alone would give naive ones back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, _dialect: Dialect) -> dt.datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs its time zone")
        return value.astimezone(dt.UTC)

    def process_result_value(self, value: dt.datetime | None, _dialect: Dialect) -> dt.datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)


def _values(kind: type[enum.Enum]) -> list[str]:
    return [member.value for member in kind]


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012  # SQLAlchemy's own way to say it
        dt.datetime: UTCDateTime(),
        # Words in a text column on both databases: a new member needs no ALTER TYPE.
        enum.StrEnum: Enum(enum.StrEnum, native_enum=False, length=32, values_callable=_values),
    }


class Scoped:
    """Rows that belong to hospitals. Every query by a principal gets `visible_to` added (tenancy, once)."""

    @classmethod
    def visible_to(cls, principal: Principal) -> ColumnElement[bool]:
        raise NotImplementedError

    def is_writable_by(self, principal: Principal) -> bool:
        """Whether this row may be flushed by `principal`: the second wall."""
        raise NotImplementedError


class ForeignWrite(RuntimeError):
    """Code tried to write another hospital's row: a fault of ours, never a person's."""


@cache
def other_rows(table: type[Base]) -> FromClause:
    """The table once more, for a subquery within the rows that are looked for; making it takes as long as a query."""
    return table.__table__.alias()


SYSTEM = object()  # the session of jobs and commands: sees everything


@event.listens_for(Session, "do_orm_execute")
def _scope(state: ORMExecuteState) -> None:
    info = state.session.info
    if info["principal"] is SYSTEM or state.is_column_load or state.is_relationship_load:
        return
    if "seen" not in info:  # once a transaction: putting it together takes longer than a query
        info["seen"] = _seen_by(info["principal"])
    state.statement = state.statement.options(*info["seen"])


def _seen_by(principal: Principal | None) -> list[LoaderCriteriaOption]:
    return [
        with_loader_criteria(
            mapper.class_,
            mapper.class_.visible_to(principal) if principal else false(),
            include_aliases=True,
        )
        for mapper in Base.registry.mappers
        if issubclass(mapper.class_, Scoped)
    ]


@event.listens_for(Session, "before_flush")
def _check_writes(session: Session, _context: Any, _instances: Any) -> None:
    principal = session.info["principal"]
    if principal is SYSTEM:
        return
    for row in (*session.new, *session.dirty, *session.deleted):
        if isinstance(row, Scoped) and not (principal and row.is_writable_by(principal)):
            raise ForeignWrite(type(row).__name__)


def insert_once(session: AsyncSession, table: type[Base]) -> sqlite.Insert | postgresql.Insert:
    """An INSERT, its values to follow, that leaves alone a row which is there already."""
    if session.get_bind().dialect.name == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing()
    return postgresql.insert(table).on_conflict_do_nothing()


class DatabaseClosed(RuntimeError):
    """Something asked after `close`: what outlives the service has nothing to say any more."""


Doorbell = Callable[[str, dict[str, Any]], Awaitable[None]]


async def _silent(_channel: str, _data: dict[str, Any]) -> None:
    """Nobody listens yet."""


class Database:
    """One engine. Write transactions on SQLite begin IMMEDIATE: two writers queue instead of failing late."""

    def __init__(self, url: str) -> None:
        self.is_sqlite = url.startswith("sqlite")
        self.url = url
        if self.is_sqlite:
            Path(url.partition(":///")[2]).parent.mkdir(parents=True, exist_ok=True)
            # An error names its statement, never its values: they are patients.
            self.engine: AsyncEngine = create_async_engine(
                url,
                pool_size=8,
                max_overflow=8,
                hide_parameters=True,
            )
            _prepare_sqlite(self.engine)
            self._reader: Engine | None = _sqlite_reader(url)
        else:
            self._reader = None
            self.engine = create_async_engine(
                url, pool_size=10, max_overflow=10, pool_pre_ping=True, hide_parameters=True
            )
        self._writer = self.engine.execution_options(writes=True)
        self.doorbell: Doorbell = _silent
        self._running = 0
        self._is_closed = False

    @asynccontextmanager
    async def session(
        self, principal: Principal | None, *, writes: bool = True
    ) -> AsyncIterator[AsyncSession]:
        """A transaction for `principal`: leaving commits, raising rolls back."""
        async with self._session(principal, writes=writes) as session:
            yield session

    @asynccontextmanager
    async def system(self, *, writes: bool = True) -> AsyncIterator[AsyncSession]:
        """A transaction of the service itself (jobs, commands, sign-in): sees every hospital."""
        async with self._session(SYSTEM, writes=writes) as session:
            yield session

    @asynccontextmanager
    async def _session(self, principal: object, *, writes: bool) -> AsyncIterator[AsyncSession]:
        engine = self._writer if writes else self.engine
        with self._at_work():
            async with AsyncSession(engine, expire_on_commit=False, info={"principal": principal}) as session:
                yield session
                await session.commit()
                rings = session.info.pop("rings", ())
        for channel, data in rings:
            await self.doorbell(channel, data)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        with self._at_work():
            async with self.engine.connect() as connection:
                yield connection

    async def rows(self, statement: Select[Any]) -> Sequence[Any]:
        """All rows of one SELECT by itself.

        On SQLite in a thread, from beginning to end: aiosqlite changes threads nine times for it, which
        takes ten times as long.
        """
        if self._reader is not None:
            with self._at_work():
                return await asyncio.to_thread(_all_rows, self._reader, statement)
        async with self.read() as connection:
            rows: Sequence[Any] = (await connection.execute(statement)).all()
            return rows

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        if self._is_closed:
            raise DatabaseClosed
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1

    async def close(self) -> None:
        """Begin nothing more, let what runs end, and close every connection."""
        self._is_closed = True
        await end(self.engine, lambda: self._running == 0)
        if self._reader is not None:
            self._reader.dispose()


async def end(engine: AsyncEngine, is_idle: Callable[[], bool] = lambda: True) -> None:
    """Close the engine's connections once all are given back, after CLOSING_S whatever is still out.

    One that is given back later would stay open: its pool is gone.
    """
    pool = cast(QueuePool, engine.pool)
    with suppress(TimeoutError):
        async with asyncio.timeout(CLOSING_S):
            while pool.checkedout() or not is_idle():  # noqa: ASYNC110 (a pool tells nobody)
                await asyncio.sleep(0.005)
    await engine.dispose()


def _all_rows(engine: Engine, statement: Select[Any]) -> Sequence[Any]:
    with engine.connect() as connection:
        return connection.execute(statement).all()


def _sqlite_reader(url: str) -> Engine:
    """Connections that cannot write, for reading in threads."""
    engine = create_engine(url.replace("+aiosqlite", ""), pool_size=8, max_overflow=8, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _connect(dbapi: Any, _record: Any) -> None:
        for pragma in ("query_only=ON", "busy_timeout=60000"):
            dbapi.execute(f"PRAGMA {pragma}")

    return engine


def _prepare_sqlite(engine: AsyncEngine) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def _connect(dbapi: Any, _record: Any) -> None:
        dbapi.isolation_level = None
        cursor = dbapi.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=60000"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Any) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


async def migrate(url: str, revision: str = "head") -> None:
    """Bring the database to `revision`, one process at a time."""
    await asyncio.to_thread(_migrate, url, revision)


def _migrate(url: str, revision: str) -> None:
    from alembic import command

    settings = alembic_config(url)
    step = command.downgrade if revision == "base" else command.upgrade
    if not url.startswith("sqlite"):
        step(settings, revision)
        return
    path = Path(url.partition(":///")[2])
    path.parent.mkdir(parents=True, exist_ok=True)
    with Path(f"{path}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        step(settings, revision)


def alembic_config(url: str) -> Any:
    """Alembic's settings for one database, without an ini file."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent.parent / "migrations"))
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config
