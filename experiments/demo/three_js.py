"""three.js for the page, out of the wheel of trimesh, which is installed anyway: nothing is fetched from elsewhere.

trimesh (MIT) carries three.js (MIT) with its glTF loader and its controls in the template of its notebook viewer, as a
script that defines `THREE`. What follows in that script is trimesh's own viewer, of a mesh inside the page; it stays
out.
"""

from typing import Any, cast

from experiments.errors import UserError

TEMPLATE, MEMBER = "templates/viewer.zip", "viewer.html.template"
BEGIN, END = "<script>", "var camera,controls,scene"
NEEDED = ("THREE.GLTFLoader=GLTFLoader", "THREE.TrackballControls=TrackballControls")


def three_js() -> str:
    """The library as one script.

    Raises:
        UserError: the installed trimesh carries it in another way.
    """
    from trimesh import resources, util

    try:
        archive = cast(Any, util.decompress(resources.get_bytes(TEMPLATE), file_type="zip"))
        page = archive[MEMBER].read().decode("utf-8")
    except (OSError, KeyError, ValueError) as error:
        raise UserError(f"{unknown()} ({error})") from None
    _, begin, rest = page.partition(BEGIN)
    script, end, _ = rest.partition(END)
    if not begin or not end or not all(part in script for part in NEEDED):
        raise UserError(unknown())
    return script


def unknown() -> str:
    import trimesh

    return (
        f"trimesh {trimesh.__version__} does not carry three.js where it is looked for; install trimesh 4.6 to 5.2, "
        "with which the page is tested"
    )
