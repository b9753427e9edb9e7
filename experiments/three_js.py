"""three.js for the pages, out of the wheel of trimesh, which is installed anyway: nothing is fetched from elsewhere.

trimesh (MIT) carries three.js (MIT) with its glTF loader and its controls in the template of its notebook viewer, as a
script that defines `THREE`. What follows in that script is trimesh's own viewer, of a mesh inside the page; it stays
out.
"""

from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from experiments.errors import UserError

TEMPLATE, MEMBER = "resources/templates/viewer.zip", "viewer.html.template"
BEGIN, END = "<script>", "var camera,controls,scene"
NEEDED = ("THREE.GLTFLoader=GLTFLoader", "THREE.TrackballControls=TrackballControls")


def three_js() -> str:
    """The library as one script.

    Raises:
        UserError: the installed trimesh carries it in another way.
    """
    found = find_spec("trimesh")  # not imported: the server of the page has no other use for it
    assert found is not None
    assert found.origin is not None
    try:
        with ZipFile(Path(found.origin).parent / TEMPLATE) as archive:
            page = archive.read(MEMBER).decode("utf-8")
    except (OSError, KeyError, ValueError, BadZipFile) as error:
        raise UserError(f"{unknown()} ({error})") from None
    _, begin, rest = page.partition(BEGIN)
    script, end, _ = rest.partition(END)
    if not begin or not end or not all(part in script for part in NEEDED):
        raise UserError(unknown())
    return script


def unknown() -> str:
    return (
        f"trimesh {version('trimesh')} does not carry three.js where it is looked for; install trimesh 4.6 to 5.2, "
        "with which the pages are tested"
    )
