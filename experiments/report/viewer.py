"""The scripts behind the meshes of a page: three.js as trimesh ships it, and ours, which needs no network."""

import zipfile
from functools import cache
from importlib import resources
from pathlib import Path

BEGINNING, END = "<script>/**\n * @license", "var camera,controls,scene"
"""Between these trimesh's viewer holds three.js with its glTF loader; what follows is its own page."""


@cache
def three_js() -> str:
    """three.js (MIT) with GLTFLoader, from the viewer inside trimesh's wheel.

    Raises:
        ValueError: this version of trimesh ships another viewer.
    """
    archive = resources.files("trimesh") / "resources" / "templates" / "viewer.zip"
    with archive.open("rb") as stored, zipfile.ZipFile(stored) as files:
        page = files.read("viewer.html.template").decode("utf-8")
    start, stop = page.find(BEGINNING), page.find(END)
    if start < 0 or stop < start or "THREE.GLTFLoader=" not in page[start:stop]:
        raise ValueError("This version of trimesh ships another viewer: install trimesh>=4.6,<6.")
    return page[start + len("<script>") : stop]


def viewer_script() -> str:
    """Draws every mesh of the page into its canvas."""
    return (Path(__file__).parent / "page" / "viewer.js").read_text(encoding="utf-8")
