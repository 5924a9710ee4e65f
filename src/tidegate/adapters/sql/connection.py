"""A connection of SQLAlchemy's engine for coroutines: what this project uses of `sqlalchemy.ext.asyncio`, by the same bridge.

That package loads the whole ORM when it is imported, which is 6 MB in every gateway. `engine` makes these; repositories use them.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, TypeVar, TypeVarTuple, overload

from sqlalchemy import URL, Connection, CursorResult, Engine, Executable, Row, Transaction, create_engine
from sqlalchemy.sql.selectable import TypedReturnsRows
from sqlalchemy.util.concurrency import greenlet_spawn

_P = ParamSpec("_P")
_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")
_Values = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None


def async_engine(url: URL, **options: Any) -> Engine:
    """An engine whose driver is asynchronous: only an `AsyncConnection` can use it. Raises `ModuleNotFoundError` without the driver."""
    return create_engine(url, **options, _is_async=True)


async def dispose(engine: Engine) -> None:
    """Closes the connections that nobody uses."""
    await greenlet_spawn(engine.dispose)


class AsyncConnection:
    """One connection out of the engine's pool, from when its context is entered until it is left."""

    _sync: Connection

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def __aenter__(self) -> "AsyncConnection":
        self._sync = await greenlet_spawn(self._engine.connect)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Ends with the connection back in the pool, also where the task is cancelled meanwhile: the pool may be closed next."""
        closing = asyncio.ensure_future(greenlet_spawn(self._sync.close))
        try:
            await asyncio.shield(closing)
        except asyncio.CancelledError:
            while not closing.done():
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.shield(closing)
            raise

    @contextlib.asynccontextmanager
    async def begin(self) -> AsyncGenerator[None]:
        """A transaction that is kept where the block ends well, and undone where it does not."""
        async with _within(self._sync.begin):
            yield

    @contextlib.asynccontextmanager
    async def begin_nested(self) -> AsyncGenerator[None]:
        """The same within a transaction."""
        async with _within(self._sync.begin_nested):
            yield

    async def execution_options(self, **options: Any) -> None:
        """Of everything that this connection executes from here on."""
        await greenlet_spawn(self._sync.execution_options, **options)

    @overload
    async def execute(self, statement: TypedReturnsRows[*_Ts], values: _Values = None) -> CursorResult[*_Ts]: ...

    @overload
    async def execute(self, statement: Executable, values: _Values = None) -> CursorResult[*tuple[Any, ...]]: ...

    async def execute(self, statement: Executable, values: _Values = None) -> CursorResult[*tuple[Any, ...]]:
        """The whole result."""
        return await greenlet_spawn(self._sync.execute, statement, values, _require_await=True)

    async def exec_driver_sql(self, statement: str, values: Any = None) -> CursorResult[*tuple[Any, ...]]:
        """The same of SQL as the driver takes it."""
        return await greenlet_spawn(self._sync.exec_driver_sql, statement, values, _require_await=True)

    async def parts(self, statement: Executable, size: int) -> AsyncGenerator[Sequence[Row[*tuple[Any, ...]]]]:
        """The rows of a result that may be larger than memory, that many at once."""
        options = {"stream_results": True}
        result = await greenlet_spawn(self._sync.execute, statement, execution_options=options, _require_await=True)
        try:
            while rows := await greenlet_spawn(result.fetchmany, size):
                yield rows
        finally:
            await greenlet_spawn(result.close)

    async def run_sync(self, does: Callable[Concatenate[Connection, _P], _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """What is written for SQLAlchemy's plain connections, run on this one."""
        return await greenlet_spawn(does, self._sync, *args, **kwargs)

    async def driver(self) -> Any:
        """The driver's own connection: asyncpg's, aiosqlite's."""
        return await greenlet_spawn(lambda: self._sync.connection.driver_connection)


@contextlib.asynccontextmanager
async def _within(begin: Callable[[], Transaction]) -> AsyncGenerator[None]:
    transaction = await greenlet_spawn(begin)
    transaction.__enter__()
    try:
        yield
    except BaseException as error:
        await greenlet_spawn(transaction.__exit__, type(error), error, error.__traceback__)
        raise
    await greenlet_spawn(transaction.__exit__, None, None, None)
