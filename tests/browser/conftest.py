"""Headless Chromium from the system's packages, and pages whose every complaint and request is written down."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SCREENSHOTS = Path(__file__).parents[2] / "out" / "screenshots"
"""Kept for people to look at; git ignores it."""
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# WebGL without a graphics card, and the rights of a root user in a container
FLAGS = (
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-gpu-vsync",
)
DESKTOP, PHONE = (1280, 900), (390, 844)
PATIENCE = 60_000
"""Milliseconds; the machine may be busy."""

Scheme = Literal["light", "dark"]


@dataclass
class WatchedPage:
    """A page, what it asked for, and what it complained of: console errors, exceptions, failed requests."""

    page: "Page"
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", lambda message: self._heard(message.type, message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(f"exception: {error}"))
        self.page.on("requestfailed", lambda request: self.complaints.append(f"failed: {request.url[:200]}"))
        self.page.on("request", lambda request: self.requests.append(request.url))

    def _heard(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"} and "GPU stall due to ReadPixels" not in text:  # software rendering is slow
            self.complaints.append(f"{kind}: {text}")

    def screenshot(self, name: str, *, whole: bool = True) -> Path:
        """Saves what is to be seen as out/screenshots/NAME.png."""
        path = SCREENSHOTS / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=path, full_page=whole)
        return path


OpenPage = Callable[..., WatchedPage]


@pytest.fixture(scope="session")
def chromium() -> "Iterator[Browser]":
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine; install it with `apt-get install chromium`")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser; run `make setup`")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS), timeout=PATIENCE)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: "Browser") -> Iterator[OpenPage]:
    """Opens an empty watched page of a size in pixels, light or dark; with `offline` the network is cut, and every
    request for anything but a file on this machine is refused.
    """
    contexts = []

    def opened(size: tuple[int, int] = DESKTOP, scheme: Scheme = "light", *, offline: bool = False) -> WatchedPage:
        context = chromium.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, accept_downloads=True
        )
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        if offline:
            context.set_offline(True)
            context.route(lambda url: not url.startswith("file:"), lambda route: route.abort())
        return WatchedPage(context.new_page())

    yield opened
    for context in contexts:
        context.close()
