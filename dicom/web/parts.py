"""Reading `multipart/related` (RFC 2046 5.1) as it comes in: no part is ever held whole.

aiohttp's own reader believes a part's Content-Length; this one looks for the boundary alone.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

from aiohttp import StreamReader

from dicom.ports import Malformed
from dicom.texts import later

MAX_HEAD_BYTES = 8 << 10
_HEADER = re.compile(rb"([!-9;-~]+):[ \t]*([^\r\n]*)")


class Parts:
    """`while (headers := await parts.next()) is not None: async for chunk in parts.chunks(): …`"""

    def __init__(self, content: StreamReader, boundary: str) -> None:
        self._content = content
        self._delimiter = b"\r\n--" + boundary.encode()
        self._buffer = b"\r\n"  # the first boundary may be the first line
        self._in_part = True  # what comes before the first boundary is skipped as a part is

    async def next(self) -> dict[str, str] | None:
        """Skip to the next part: its headers, names in lower case; None after the last. Raises Malformed."""
        async for _ in self.chunks():
            pass
        if (await self._at_least(2))[:2] == b"--":
            return None
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if len(self._buffer) > MAX_HEAD_BYTES:
                raise _malformed()
            await self._more()
        head = self._buffer[:end]
        # Keep one line end: a part without content is followed by its boundary at once.
        self._buffer = self._buffer[end + 2 :]
        self._in_part = True
        return {
            name.decode("ascii").lower(): value.decode("latin-1").strip()
            for name, value in _HEADER.findall(head)
        }

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the content of this part up to its boundary. Raises Malformed where the body ends before."""
        skip = 2  # the line end that `next` kept
        while self._in_part:
            found = self._buffer.find(self._delimiter)
            if found >= 0:
                content, self._buffer = self._buffer[skip:found], self._buffer[found + len(self._delimiter) :]
                self._in_part = False
                if content:
                    yield content
                return
            # The boundary may begin at the end of what is here.
            end = len(self._buffer) - len(self._delimiter) + 1
            if end > skip:
                content, self._buffer = self._buffer[skip:end], self._buffer[end:]
                skip = 0
                yield content
            await self._more()

    async def _at_least(self, count: int) -> bytes:
        while len(self._buffer) < count:
            await self._more()
        return self._buffer

    async def _more(self) -> None:
        data = await self._content.readany()
        if not data:
            raise _malformed()
        self._buffer += data


def _malformed() -> Malformed:
    return Malformed(later("Nội dung gửi lên bị thiếu hoặc không đúng dạng multipart. Hãy gửi lại toàn bộ."))
