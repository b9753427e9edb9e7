"""What every request meets first: the right host, the password, the same origin; and the headers of every answer."""

from collections.abc import Collection
from urllib.parse import urlsplit

import anyio
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from experiments.demo.passwords import knows

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
        "connect-src 'self' blob:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""The page uses its own files alone, and nobody keeps pictures of people."""
SAFE_METHODS = {"GET", "HEAD"}
WRONG_PASSWORD_SECONDS = 0.5


class Guard:
    """Wraps the application.

    password: None lets everybody in. hosts: names under which the page may be asked for, so that no other site's name
    can be pointed at it (DNS rebinding); None for any.
    """

    def __init__(self, application: ASGIApp, password: str | None = None, hosts: Collection[str] | None = None) -> None:
        self.application, self.password, self.hosts = application, password, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.application(scope, receive, send)
            return
        if scope["type"] != "http":  # no websockets here
            await send({"type": "websocket.close", "code": 1000})
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        answer = await self._refusal(scope)
        await (answer or self.application)(scope, receive, send_with_headers)

    async def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if self.hosts is not None and host_name(host) not in self.hosts:
            return JSONResponse({"error": f"this page is not served as {host[:80]}; use localhost"}, status_code=400)
        if self.password is not None and not knows(self.password, headers.get("authorization")):
            if "authorization" in headers:
                await anyio.sleep(WRONG_PASSWORD_SECONDS)
            asked = {"WWW-Authenticate": 'Basic realm="Threefold", charset="UTF-8"'}
            return JSONResponse({"error": "the password is needed; any user name will do"}, 401, asked)
        origin = headers.get("origin")
        if scope["method"] not in SAFE_METHODS and origin is not None and urlsplit(origin).netloc != host:
            return JSONResponse({"error": "another site may not use this page; open it itself"}, status_code=403)
        return None


def host_name(header: str) -> str:
    """Without the port."""
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""
