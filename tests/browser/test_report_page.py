"""A report in a browser whose network is cut: nothing is asked for, nothing complains, meshes can be turned."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from experiments.cli import main
from tests.browser.conftest import DESKTOP, PHONE, OpenPage, Scheme, WatchedPage
from tests.experiments.report.shown_run import write_begun_run, write_shown_run

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seeds of a run, one page."""
    folder = tmp_path_factory.mktemp("report")
    runs = [write_shown_run(folder / f"birds-seed{seed}", seed=seed) for seed in (0, 1)]
    main(["report", *map(str, runs), "--out", str(folder / "report.html")])
    return folder / "report.html"


def opened(open_page: OpenPage, page: Path, size: tuple[int, int] = DESKTOP, scheme: Scheme = "light") -> WatchedPage:
    watched = open_page(size, scheme, offline=True)
    watched.page.goto(page.as_uri())
    return watched


def drawn(watched: WatchedPage) -> None:
    """Waits until every mesh was drawn once."""
    for figure in watched.page.query_selector_all("figure.mesh"):
        figure.scroll_into_view_if_needed()
    watched.page.wait_for_function(
        "[...document.querySelectorAll('figure.mesh')].every(figure => figure.dataset.state === 'drawn')"
    )


def pixels(watched: WatchedPage, place: int, tmp_path: Path) -> np.ndarray:
    """[h, w, 3] what is to be seen on the canvas of a mesh."""
    path = tmp_path / "canvas.png"
    watched.page.locator("figure.mesh canvas").nth(place).screenshot(path=path)
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(float)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("name", "size"), [("desktop", DESKTOP), ("phone", PHONE)])
def test_nothing_fails_and_nothing_is_asked_for(
    report: Path, open_page: OpenPage, name: str, size: tuple[int, int], scheme: Scheme
) -> None:
    watched = opened(open_page, report, size, scheme)
    drawn(watched)
    assert not watched.complaints
    asked = [address for address in watched.requests if not address.startswith(("data:", "blob:"))]
    assert asked == [report.as_uri()]
    overflow = watched.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert overflow <= 0, "the page itself never scrolls sideways"
    ground = watched.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") == (scheme == "light")
    assert watched.page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    for part in ("origin", "figures", "curves", "panels", "cases", "meshes"):
        watched.page.evaluate("part => document.getElementById(part).scrollIntoView({behavior: 'instant'})", part)
        watched.screenshot(f"report-{name}-{scheme}-{part}", whole=False)


def test_a_mesh_is_drawn_and_turns(report: Path, open_page: OpenPage, tmp_path: Path) -> None:
    watched = opened(open_page, report)
    drawn(watched)
    names = [str(text) for text in watched.page.locator("figure.mesh figcaption b").all_text_contents()]
    assert names[:3] == ["bare.glb", "coloured.ply", "textured.glb"]
    place = names.index("textured.glb")
    before = pixels(watched, place, tmp_path)
    red = (before[..., 0] > 120) & (before[..., 2] < 80)
    blue = (before[..., 2] > 120) & (before[..., 0] < 80)
    assert red.mean() > 0.03, "the texture's red half"
    assert blue.mean() > 0.03, "the texture's blue half"
    assert before.std() > 20
    canvas = watched.page.locator("figure.mesh canvas").nth(place)
    box = canvas.bounding_box()
    assert box is not None
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    watched.page.mouse.move(*middle)
    watched.page.mouse.down()
    watched.page.mouse.move(middle[0] + 120, middle[1] + 20, steps=4)
    watched.page.mouse.up()
    watched.page.wait_for_timeout(500)
    turned = pixels(watched, place, tmp_path)
    assert np.abs(turned - before).mean() > 5
    watched.screenshot("report-turned", whole=False)
    figure = watched.page.locator("figure.mesh").nth(place)
    figure.get_by_role("button", name="shape alone").click()
    watched.page.wait_for_timeout(500)
    grey = pixels(watched, place, tmp_path)
    assert np.ptp(grey, axis=2).max() < 30, "no colour is left"
    figure.get_by_role("button", name="shape alone").click()
    figure.get_by_role("button", name="as at first").click()
    watched.page.wait_for_timeout(500)
    assert np.abs(pixels(watched, place, tmp_path) - before).mean() < 1
    canvas.focus()
    watched.page.keyboard.press("ArrowLeft")
    watched.page.wait_for_timeout(500)
    assert np.abs(pixels(watched, place, tmp_path) - before).mean() > 1
    assert not watched.complaints


def test_colours_of_vertices_and_bare_shapes(report: Path, open_page: OpenPage, tmp_path: Path) -> None:
    watched = opened(open_page, report)
    drawn(watched)
    assert np.ptp(pixels(watched, 1, tmp_path), axis=2).max() > 60, "coloured by vertex"
    bare = pixels(watched, 0, tmp_path)
    assert np.ptp(bare, axis=2).max() < 30
    assert bare.std() > 5, "shaded, not flat"


def test_a_page_without_meshes(tmp_path: Path, open_page: OpenPage) -> None:
    out = tmp_path / "begun.html"
    main(["report", str(write_begun_run(tmp_path / "begun")), "--out", str(out)])
    watched = opened(open_page, out, PHONE, "dark")
    assert "This run holds no meshes" in watched.page.inner_text("body")
    assert not watched.complaints
    watched.screenshot("report-begun-phone-dark")
