"""The page in a real browser: load, upload, turn, change, download, cancel, errors, two visitors at once."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageChops

from experiments.shipped import WEIGHTS
from models.geometry.files import read_mesh
from tests.browser.conftest import DESKTOP, PHONE, OpenPage, Scheme, WatchedPage
from tests.experiments.conftest import clothing_runs

if TYPE_CHECKING:
    from playwright.sync_api import Locator

pytestmark = pytest.mark.browser
__all__ = ["clothing_runs"]
TO_TRY = Path(__file__).parents[2] / "experiments" / "demo" / "pictures_to_try"
FINISHED = 900_000
"""Milliseconds for a reconstruction."""
SET = """(input, value) => {
    input.value = value;
    for (const name of ["input", "change"]) input.dispatchEvent(new Event(name));
}"""
DRAWN = (
    "(() => { const viewer = document.getElementById('viewer').dataset; return viewer.drawn === viewer.address; })()"
)


@pytest.fixture(scope="module")
def address(request: pytest.FixtureRequest) -> Iterator[str]:
    """Of a server as a user starts it: with the runs that come with the program, else with barely trained ones."""
    words = ["-m", "experiments.cli", "demo", "--port", "0", "--only", "face", "clothing"]
    if not all((WEIGHTS / method / "weights.safetensors").is_file() for method in ("face", "clothing")):
        faces, clothing = (request.getfixturevalue(name) for name in ("face_runs", "clothing_runs"))
        words += ["--runs", f"face={faces.detail}", f"clothing={clothing.small}"]
    server = subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    line = server.stdout.readline()
    assert line.startswith("http://127.0.0.1:"), line
    yield line.split()[0]
    server.terminate()
    server.wait(60)


def open_at(
    open_page: OpenPage, address: str, size: tuple[int, int] = DESKTOP, scheme: Scheme = "light"
) -> WatchedPage:
    watched = open_page(size, scheme)
    watched.page.goto(address)
    watched.page.wait_for_selector("#methods label")
    return watched


def finish(watched: WatchedPage) -> None:
    """Waits until the result and its mesh are there."""
    watched.page.wait_for_selector("#change:not([hidden])", timeout=FINISHED)
    watched.page.wait_for_selector("#viewer[data-drawn]", timeout=FINISHED)
    watched.page.wait_for_timeout(300)


def differ(element: "Locator", act, tmp_path: Path) -> bool:
    """Whether an element looks otherwise after something was done."""
    element.screenshot(path=tmp_path / "before.png")
    act()
    element.page.wait_for_timeout(400)
    element.screenshot(path=tmp_path / "after.png")
    with Image.open(tmp_path / "before.png") as before, Image.open(tmp_path / "after.png") as after:
        return ImageChops.difference(before.convert("RGB"), after.convert("RGB")).getbbox() is not None


def test_from_a_picture_to_a_changed_mesh(open_page: OpenPage, address: str, tmp_path: Path) -> None:
    watched = open_at(open_page, address)
    page = watched.page
    watched.screenshot("page-empty-desktop-light")
    page.set_input_files("#file", TO_TRY / "face-calm.jpg")
    finish(watched)
    page.wait_for_function("document.querySelectorAll('#pictures img').length >= 5")
    page.wait_for_function("document.getElementById('shown-picture').naturalWidth > 0")
    watched.screenshot("page-face-desktop-light")

    viewer = page.locator("#viewer")

    def turn() -> None:
        box = viewer.bounding_box()
        assert box is not None
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + 90, y + 10, steps=4)
        page.mouse.up()

    viewer.scroll_into_view_if_needed()
    assert differ(viewer, turn, tmp_path), "dragging turns the mesh"
    assert differ(viewer, lambda: page.click("[data-look=shape]"), tmp_path)
    viewer.focus()
    assert differ(viewer, lambda: page.keyboard.press("ArrowLeft"), tmp_path), "so do the arrow keys"

    for label, suffix in (("glb", ".glb"), ("ply", ".ply"), ("obj", ".zip")):
        with page.expect_download() as waiting:
            page.click(f"#download-links a:text-is('{label}')")
        assert waiting.value.suggested_filename == f"threefold-face{suffix}"
        waiting.value.save_as(tmp_path / f"mesh{suffix}")
    assert read_mesh(tmp_path / "mesh.glb").number_of_faces == read_mesh(tmp_path / "mesh.ply").number_of_faces > 100

    page.locator("#sliders input[name=smile]").evaluate(SET, "0.8")
    page.locator("#sliders input[name=light]").evaluate(SET, "60")
    page.wait_for_selector("#pictures button[data-changed]", timeout=FINISHED)
    page.wait_for_function(
        "document.getElementById('viewer').dataset.drawn === document.getElementById('viewer').dataset.address"
    )
    watched.screenshot("page-face-changed-desktop-light")
    page.click("#reset")
    page.wait_for_selector("#pictures button[data-changed]", state="detached")

    assert not watched.complaints
    assert all(request.startswith((address, "blob:", "data:")) for request in watched.requests)


def test_clothes_change_hands(open_page: OpenPage, address: str, tmp_path: Path) -> None:
    watched = open_at(open_page, address, scheme="dark")
    page = watched.page
    page.click("#methods label:has-text('Clothing')")
    for number in (0, 1):
        page.locator("#examples button").nth(number).click()
        finish(watched)
    assert page.locator("#earlier-results button").count() == 2
    page.select_option("#wear", index=1)
    page.wait_for_selector("#pictures button[data-changed]", timeout=FINISHED)
    page.wait_for_timeout(500)
    watched.screenshot("page-clothing-desktop-dark")
    page.click("#leave")
    page.wait_for_selector("#result", state="hidden")
    assert not watched.complaints


def test_on_a_phone_errors_are_sentences(open_page: OpenPage, address: str, tmp_path: Path) -> None:
    watched = open_at(open_page, address, PHONE, "dark")
    page = watched.page
    watched.screenshot("page-empty-phone-dark")
    (tmp_path / "no.png").write_bytes(b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    page.set_input_files("#file", tmp_path / "no.png")
    page.wait_for_selector("#error:not([hidden])")
    assert page.inner_text("#error") == "The file is a text such as SVG or HTML; choose a JPEG, PNG or WebP."
    Image.new("RGB", (200, 150), (90, 120, 90)).save(tmp_path / "meadow.png")
    page.set_input_files("#file", tmp_path / "meadow.png")
    page.wait_for_selector("#error:has-text('no upright face')", timeout=FINISHED)
    assert "--" not in page.inner_text("#error")
    watched.screenshot("page-error-phone-dark")
    page.set_input_files("#file", TO_TRY / "face-talking.jpg")
    finish(watched)
    watched.screenshot("page-face-phone-dark")
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE[0], "nothing reaches over the edge"
    assert [each for each in watched.complaints if "400" not in each] == []


def test_two_visitors_at_once_and_cancelling(open_page: OpenPage, address: str) -> None:
    first, second = open_at(open_page, address, PHONE), open_at(open_page, address)
    for watched in (first, second):
        watched.page.locator("#examples button").first.click()
    second.page.wait_for_function("document.getElementById('doing').textContent.length > 0")
    second.page.click("#cancel")
    second.page.wait_for_selector("#error:has-text('Cancelled')", timeout=FINISHED)
    second.screenshot("page-cancelled-desktop-light")
    finish(first)
    first.screenshot("page-face-phone-light")
    second.page.locator("#examples button").last.click()
    finish(second)
    assert first.page.evaluate("document.querySelectorAll('#earlier-results button').length") < 2
    assert not first.complaints
    assert not second.complaints
