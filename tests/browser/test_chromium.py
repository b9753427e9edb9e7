"""The browser of the tests draws in three dimensions and sees what goes wrong on a page."""

from pathlib import Path

import pytest

from tests.browser.conftest import OpenPage

pytestmark = pytest.mark.browser


def test_webgl_is_there(open_page: OpenPage) -> None:
    watched = open_page()
    assert watched.page.evaluate("document.createElement('canvas').getContext('webgl2') !== null")


def test_complaints_are_heard(open_page: OpenPage, tmp_path: Path) -> None:
    path = tmp_path / "bad.html"
    path.write_text("<img src='https://example.org/a.png'><script>console.error('oh'); undefinedName()</script>")
    watched = open_page(offline=True)
    watched.page.goto(path.as_uri())
    heard = " ".join(watched.complaints)
    assert "error: oh" in heard
    assert "undefinedName" in heard
    assert "failed: https://example.org/a.png" in heard
    assert "https://example.org/a.png" in watched.requests
