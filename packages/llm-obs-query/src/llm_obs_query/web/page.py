"""The web page: the files that llm-obs-ui brings, read once; no path of a request ever reaches the disk."""

from __future__ import annotations

import hashlib
import mimetypes
from pathlib import Path
from typing import Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from llm_obs_query.errors import Code
from llm_obs_query.web.compress import answered
from llm_obs_query.web.headers import PAGE_POLICY
from llm_obs_query.web.refusal import Refusal

__all__ = ["Page"]

ASSETS: Final = "/assets/"
"""Below it a name changes with its content."""
FOREVER: Final = "public, max-age=31536000, immutable"
REVALIDATE: Final = "no-cache"
TYPES: Final = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".woff2": "font/woff2"}


class File(NamedTuple):
    """One file as it is sent."""

    body: bytes
    headers: dict[str, str]


class Page:
    """Serves the files, and `index.html` for every path that is a view.

    Args:
        folder: The built page.
    """

    def __init__(self, folder: Path) -> None:
        self._files = {
            "/" + path.relative_to(folder).as_posix(): _read(path, folder)
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }

    async def show(self, request: Request) -> Response:
        """A file or a view."""
        path = request.url.path
        file = self._files.get(path) if path != "/index.html" else None
        if file is None:
            if path.startswith(ASSETS) or request.headers.get("sec-fetch-dest", "document") != "document":
                raise Refusal(404, f"expected a file of the page, got {path[:200]!r}", Code.BAD_REQUEST)
            file = self._files["/index.html"]
        if file.headers["ETag"] in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=file.headers)
        return await answered(request, file.body, 200, file.headers)


def _read(path: Path, folder: Path) -> File:
    body = path.read_bytes()
    kind = TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    if kind == "text/html":
        kind += "; charset=utf-8"
    hashed = ("/" + path.relative_to(folder).as_posix()).startswith(ASSETS)
    return File(
        body,
        {
            "Content-Type": kind,
            "ETag": f'"{hashlib.sha256(body).hexdigest()[:32]}"',
            "Cache-Control": FOREVER if hashed else REVALIDATE,
            "Content-Security-Policy": PAGE_POLICY,
        },
    )
