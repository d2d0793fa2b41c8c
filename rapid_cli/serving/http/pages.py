"""The page for browsers, which is a few files of this package."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from starlette.responses import Response

from rapid_cli.serving.http.errors import Refused
from rapid_cli.serving.http.security import PAGE_POLICY

if TYPE_CHECKING:
    from starlette.requests import Request

INDEX = "index.html"
KINDS = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".png": "image/png",
    ".svg": "image/svg+xml",
}
"""What files of the page may be, and as what they are sent."""


async def index(_: Request) -> Response:
    """Return the page itself."""
    return _file(INDEX)


async def static(request: Request) -> Response:
    """Return a file that the page loads."""
    return _file(request.path_params["name"])


def _file(name: str) -> Response:
    """Return a file of the page: one of those that lie there, and nothing by another way."""
    folder = files("rapid_cli.serving") / "page"
    known = {each.name: each for each in folder.iterdir() if each.is_file()}
    kind = KINDS.get(name[name.rfind(".") :]) if "." in name else None
    if name not in known or kind is None:
        raise Refused(404, "there is no such file", code="not_found")
    return Response(
        known[name].read_bytes(),
        media_type=kind,
        headers={"Content-Security-Policy": PAGE_POLICY, "Cache-Control": "no-cache"},
    )
