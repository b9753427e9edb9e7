"""What the first bytes of a file give away is refused before anything decodes it."""

from pathlib import Path

import pytest

from experiments.demo.limits import MEGABYTE, Limits
from experiments.demo.uploads import refuse_unless_picture
from experiments.errors import UserError
from tests.experiments.demo.hostile_uploads import at_the_door, like_any_other

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, of the damage
LIMITS = Limits(upload_bytes=MEGABYTE, upload_pixels=4_000_000)


def test_the_door_is_closed_to_what_is_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    for upload in at_the_door(LIMITS.upload_bytes):
        if len(upload.content) > LIMITS.upload_bytes:
            continue  # such a file is never received whole
        path.write_bytes(upload.content)
        with pytest.raises(UserError, match="choose") as refused:
            refuse_unless_picture(path, LIMITS)
        assert "upload" not in str(refused.value), "no name of a file of ours"


def test_the_door_is_open_to_pictures(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    for upload in like_any_other():
        path.write_bytes(upload.content)
        refuse_unless_picture(path, LIMITS)
