"""Who asks, by cookie or bearer token."""

from aiohttp import web

from dicom.fresh import Fresh
from server.people import sign_in
from server.people.routes.edge import cookie_name
from server.platform.db import Database
from server.platform.policy import Principal
from server.platform.recent import Recent
from server.platform.settings import Settings

PRINCIPAL_KEPT_S = 1.0  # a revoked sign-in is out within this time
BEARER = "Bearer "


class Authenticator:
    """Looks each sign-in and token up about once a second, however much it asks for."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings, self._database = settings, database
        self._by_cookie = Fresh(PRINCIPAL_KEPT_S, self._of_cookie)
        self._by_token = Fresh(PRINCIPAL_KEPT_S, self._of_token)
        self._touched: Recent[str, bool] = Recent(sign_in.SEEN_EVERY.total_seconds())

    async def __call__(self, request: web.Request) -> Principal | None:
        words = request.headers.get("Authorization", "")
        if words.startswith(BEARER):
            return await self._by_token.get(words.removeprefix(BEARER).strip())
        cookie = request.cookies.get(cookie_name(request))
        if not cookie:
            return None
        found = await self._by_cookie.get(cookie)
        if found is not None and not self._touched.get(cookie):
            async with self._database.system() as session:
                await sign_in.touch(session, cookie)
            self._touched.keep(cookie, True)
        return found

    async def _of_cookie(self, cookie: str) -> Principal | None:
        async with self._database.system(writes=False) as session:
            return await sign_in.principal_of_cookie(session, cookie, self._settings)

    async def _of_token(self, token: str) -> Principal | None:
        async with self._database.system(writes=False) as session:
            return await sign_in.principal_of_token(session, token, self._settings)

    def forget(self) -> None:
        self._by_cookie.forget()
        self._by_token.forget()
