"""Where pictures of a body were taken from: crops, turntables, projections, and calibrations that cannot be."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from experiments.errors import UserError
from experiments.reconstruction.bodies.agreement import covered_shares, disagreement
from experiments.reconstruction.bodies.calibration import articulated_views, described_views, turned_views
from experiments.reconstruction.bodies.people import Hints, person_in_picture
from experiments.reconstruction.bodies.views import BodyView, parallel_view, warnings_of, yaw_degrees
from models.geometry.view_cameras import orthographic_views, project_to_views, view_from_projection
from tests.experiments.mannequin import mannequin, photograph, pinhole, turned_photographs, world_from_mannequin


def test_the_crop_shows_what_the_papers_show(tmp_path: Path) -> None:
    """180 cm in 204.8, whatever the picture: the calibration of the crop is that of a body of 180 cm."""
    (path,) = turned_photographs(tmp_path, (0,), side=300)
    person = person_in_picture(path, Hints())
    for yaw in (0.0, 0.7):
        view = parallel_view(person, yaw)
        torch.testing.assert_close(
            view.crop_from_body, orthographic_views(torch.tensor([yaw]))[0], atol=1e-5, rtol=1e-5
        )
    assert view.crop.side == pytest.approx(300, rel=0.01)
    assert view.crop.center_x == pytest.approx(150, abs=10), "the median column, not the middle of the raised arm"
    assert abs((person.box[0] + person.box[2]) / 2 - view.crop.center_x) > 10


def test_a_crop_of_the_picture_changes_nothing_but_the_calibration(tmp_path: Path) -> None:
    whole = photograph(orthographic_views(torch.zeros(1))[0], (300, 300))
    whole.save(tmp_path / "whole.png")
    whole.crop((80, 10, 285, 290)).save(tmp_path / "part.png")
    points = torch.tensor([[[0.0, 90, 0], [30, 50, 5], [-8, -80, -3]]])
    pixels = []
    for name in ("whole", "part"):
        view = parallel_view(person_in_picture(tmp_path / f"{name}.png", Hints()))
        position = project_to_views(view.view_from_body[None, None], points).position[0, 0]
        size = torch.tensor([view.person.picture.width, view.person.picture.height])
        pixels.append((position + 1) / 2 * size)
    torch.testing.assert_close(pixels[1] + torch.tensor([80.0, 10.0]), pixels[0], atol=0.01, rtol=0)


def test_what_goes_beyond_the_square_is_told(tmp_path: Path) -> None:
    (path,) = turned_photographs(tmp_path, (0,))
    person = person_in_picture(path, Hints())
    wide = np.zeros((200, 600), dtype=bool)
    wide[50:150, 20:580] = True
    lying = type(person)(path, person.picture.resize((600, 200)), wide, "mask")
    text = " ".join(warnings_of(parallel_view(lying)))
    assert "wider than tall" in text
    assert "cut off" in text


def test_a_turntable_agrees_with_itself(tmp_path: Path) -> None:
    paths = turned_photographs(tmp_path)
    views = turned_views(paths, [0, 90, 180, 270], Hints())
    assert min(covered_shares(views)) > 0.97
    assert disagreement(views) is None
    assert [round(yaw_degrees(view)) % 360 for view in views] == [0, 90, 180, 270]
    with pytest.raises(UserError, match="3 angles for 4 pictures"):
        turned_views(paths, [0, 90, 180], Hints())


def test_a_wrong_view_is_named(tmp_path: Path) -> None:
    """The raised arm points to the other side of a mirrored picture."""
    paths = turned_photographs(tmp_path, (0, 30, 90, 180))
    people = [person_in_picture(path, Hints()) for path in paths]
    good = [parallel_view(person, math.radians(yaw)) for person, yaw in zip(people, (0, 30, 90, 180))]
    assert disagreement(good) is None
    wrong = [*good[:3], parallel_view(people[3], 0.0)]
    warning = disagreement(wrong)
    assert warning is not None
    assert "without" in warning
    assert "180.png" in warning


def write_pinhole_views(folder: Path, yaws: tuple[int, ...], sign: float = 1.0) -> list[dict]:
    entries = []
    for yaw in yaws:
        projection = pinhole(yaw, roll_sign=sign)
        view = view_from_projection(projection @ world_from_mannequin(), (300, 400))
        photograph(view, (300, 400)).save(folder / f"{yaw}.png")
        entries.append({"picture": f"{yaw}.png", "projection": (3.0 * projection).tolist()})
    return entries


def write_json(folder: Path, entries: object) -> Path:
    (folder / "views.json").write_text(json.dumps({"views": entries}))
    return folder / "views.json"


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_body_is_found_between_calibrated_cameras(sign: float, tmp_path: Path) -> None:
    path = write_json(tmp_path, write_pinhole_views(tmp_path, (0, 60, 120, 200, 280), sign))
    views, frame = described_views(path)
    assert frame is not None
    vertices = mannequin().vertices.double()
    world = vertices @ world_from_mannequin()[:3, :3].T + world_from_mannequin()[:3, 3]
    found = frame.in_world(mannequin().vertices).double()
    assert float((found - world).norm(dim=1).max()) < 0.05, "metres"
    for view in views:
        height, width = view.person.mask.shape
        position = project_to_views(view.view_from_body[None, None], mannequin().vertices[None]).position[0, 0]
        pixels = (position + 1) / 2 * torch.tensor([width, height])
        left, top, right, bottom = view.person.box
        torch.testing.assert_close(pixels.amin(0), torch.tensor([left, top]).float(), atol=6, rtol=0)
        torch.testing.assert_close(pixels.amax(0), torch.tensor([right, bottom]).float(), atol=6, rtol=0)
    assert disagreement(views) is None


def test_a_camera_that_contradicts_the_others_is_named(tmp_path: Path) -> None:
    entries = write_pinhole_views(tmp_path, (0, 60, 120, 200))
    entries[2]["projection"] = pinhole(120, distance=9.0).tolist()
    entries[2]["projection"][0][3] += 900.0
    with pytest.raises(UserError, match=r"the camera of 120\.png in .* contradicts the others.*projection"):
        described_views(write_json(tmp_path, entries))


def test_files_of_another_form_are_named(tmp_path: Path) -> None:
    turned_photographs(tmp_path, (0, 90))
    good = [{"picture": "0.png", "yaw": 0}, {"picture": "90.png", "yaw": 90}]
    assert len(described_views(write_json(tmp_path, good))[0]) == 2
    singular = np.zeros((3, 4)).tolist()
    for entries, words in (
        ([], "no list of views"),
        ([{"picture": "0.png"}], "neither yaw nor projection"),
        ([{"yaw": 0}], "view 1 names no picture"),
        ([{"picture": "7.png", "yaw": 0}], "7.png, which does not exist"),
        ([{"picture": "0.png", "yaw": "front"}], "not numbers"),
        ([{"picture": "0.png", "yaw": 0, "angle": 3}], "the key 'angle'"),
        ([{"picture": "0.png", "yaw": 0, "center": [3, 4]}], "both center"),
        ([{"picture": "0.png", "yaw": 0, "center": [3, 4], "pixels_per_cm": math.inf}], "both center"),
        ([{"picture": "0.png", "yaw": 0, "center": [math.nan, 4], "pixels_per_cm": 1}], "both center"),
        ([{"picture": "0.png", "yaw": 0, "person": "left"}], "the person of view 1 is not a whole number"),
        ([{"picture": "0.png", "yaw": 0, "mask": 5}], "the mask of view 1 is not the name of a file"),
        ([{"picture": "0.png", "projection": [[1, 2], [3, 4]]}], "3 rows of 4"),
        ([{"picture": "0.png", "projection": singular}] * 2, "singular"),
        ([good[0], {"picture": "90.png", "projection": singular}], "some views have a projection"),
    ):
        with pytest.raises(UserError, match=words):
            described_views(write_json(tmp_path, entries))
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(UserError, match=r"broken\.json is not of the form"):
        described_views(tmp_path / "broken.json")
    with pytest.raises(UserError, match="does not exist"):
        described_views(tmp_path / "nowhere.json")


def test_known_places_are_taken(tmp_path: Path) -> None:
    turned_photographs(tmp_path, (0,))
    entry = {"picture": "0.png", "yaw": 0, "center": [100, 100], "pixels_per_cm": 200 / 204.8}
    (view,), _ = described_views(write_json(tmp_path, [entry]))
    torch.testing.assert_close(view.crop_from_body, orthographic_views(torch.zeros(1))[0])
    torch.testing.assert_close(view.view_from_body, view.crop_from_body)


def write_sequence(folder: Path) -> Path:
    for name in ("images", "silhouettes", "calibration"):
        (folder / name).mkdir(parents=True)
    for camera, yaw in enumerate((0, 90, 200), 1):
        projection = pinhole(yaw)
        picture = photograph(view_from_projection(projection @ world_from_mannequin(), (300, 400)), (300, 400))
        picture.convert("RGB").save(folder / "images" / f"Image{camera}_0004.png")
        picture.getchannel("A").save(folder / "silhouettes" / f"Silhouette{camera}_0004.png")
        np.savetxt(folder / "calibration" / f"Camera{camera}.Pmat.cal", projection.numpy())
    return folder


def test_a_sequence_of_calibrated_videos_is_taken(tmp_path: Path) -> None:
    folder = write_sequence(tmp_path / "T_walk")
    views, frame = articulated_views(folder, None)
    assert len(views) == 3
    assert frame.world_from_body.shape == (4, 4)
    assert disagreement(views) is None
    with pytest.raises(UserError, match="no pictures of frame 9"):
        articulated_views(folder, 9)
    for path in (folder / "silhouettes").glob("Silhouette[23]_*"):
        path.unlink()
    with pytest.raises(UserError, match=r"1 camera\(s\)"):
        articulated_views(folder, None)
    with pytest.raises(UserError, match="lacks images/"):
        articulated_views(tmp_path, None)


def test_a_view_is_a_value(tmp_path: Path) -> None:
    (path,) = turned_photographs(tmp_path, (0,))
    view = parallel_view(person_in_picture(path, Hints()))
    assert isinstance(view, BodyView)
    assert view.image(64).shape == (3, 64, 64)
    assert set(view.mask(64).unique().tolist()) == {0.0, 1.0}
