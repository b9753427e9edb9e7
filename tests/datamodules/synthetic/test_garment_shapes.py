"""Garments are closed, upright, the right way round, and other in front than behind."""

import math

import numpy as np
import pytest
import torch

from datamodules.synthetic.garment_birds import draw_bird
from datamodules.synthetic.garment_cameras import CameraRanges, GarmentCamera, draw_camera, perspective_camera
from datamodules.synthetic.garment_dresses import draw_dress
from datamodules.synthetic.garment_handbags import draw_handbag
from datamodules.synthetic.garment_people import draw_person
from datamodules.synthetic.garment_photographs import photographs
from datamodules.synthetic.garment_shapes import GarmentShape, SolidField, shape_of
from datamodules.synthetic.garment_subjects import draw_subject
from models.geometry.grids import Bounds
from models.geometry.mesh import Mesh

RED, GREEN, BLUE = (0.9, 0.05, 0.05), (0.05, 0.9, 0.05), (0.05, 0.05, 0.9)
COARSE = 56
DRAWS = {
    "people": lambda random: draw_person(random, 3),
    "dresses": lambda random: draw_dress(random, COARSE),
    "handbags": lambda random: draw_handbag(random, COARSE),
    "birds": lambda random: draw_bird(random, np.random.default_rng(1), COARSE),
}


def fair(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture(scope="module", params=list(DRAWS))
def shape(request: pytest.FixtureRequest) -> GarmentShape:
    return DRAWS[request.param](fair(4))


def test_surfaces_are_closed_wound_outwards_and_of_moderate_size(shape: GarmentShape) -> None:
    faces = shape.mesh.faces
    directed = torch.cat([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    there = {tuple(edge) for edge in directed.tolist()}
    assert len(there) == len(directed)
    assert all((b, a) in there for a, b in there)
    corners = shape.mesh.vertices[faces].double()
    assert torch.linalg.det(corners).sum() / 6 > 0
    assert 1000 < len(faces) < 25000


def test_colours_and_sky_are_shares(shape: GarmentShape) -> None:
    colours = shape.mesh.vertex_colors
    assert colours is not None
    assert 0 <= colours.min() <= colours.max() <= 1
    assert 0 < shape.sky.min() <= shape.sky.max() <= 1
    assert colours.std(0).max() > 0.02


def test_a_persons_face_looks_forward_and_the_head_is_above_the_feet() -> None:
    """Eyes and mouth break up the skin of the head in front; behind is hair or skin alone."""
    shape = draw_person(fair(1), 12)
    vertices, colours = shape.mesh.vertices, shape.mesh.vertex_colors
    assert colours is not None
    head = vertices[:, 1] > vertices[:, 1].max() - 22
    middle = vertices[head].median(0).values
    assert vertices[head][:, 0].std() < vertices[:, 0].std()
    eyes = head & (colours.amax(1) < 0.35) & (colours.amin(1) > 0.03) & ((vertices[:, 0] - middle[0]).abs() < 8)
    assert eyes.any()
    toes = vertices[vertices[:, 1] < vertices[:, 1].min() + 4]
    heel_to_toe = toes[:, 2] - vertices[vertices[:, 1] < vertices[:, 1].min() + 20][:, 2].median()
    assert heel_to_toe.max() > -heel_to_toe.min()


def test_fronts_and_backs_differ() -> None:
    """Over several dresses the mean colour of front and back is not the same."""
    differences = []
    for seed in range(3):
        mesh = draw_dress(fair(seed), COARSE).mesh
        assert mesh.vertex_colors is not None
        front, back = (mesh.vertex_colors[side] for side in (mesh.vertices[:, 2] > 5, mesh.vertices[:, 2] < -5))
        differences.append(float((front.mean(0) - back.mean(0)).abs().max()))
    assert max(differences) > 0.02


def test_birds_of_one_species_share_their_plumage_and_look_to_plus_x() -> None:
    one, two = (draw_bird(fair(seed), fair(7), COARSE).mesh for seed in (1, 2))
    other = draw_bird(fair(1), fair(8), COARSE).mesh
    assert one.vertex_colors is not None
    assert two.vertex_colors is not None
    assert other.vertex_colors is not None
    means = [mesh.vertex_colors.mean(0) for mesh in (one, two, other)]  # pyright: ignore[reportOptionalMemberAccess]
    assert (means[0] - means[1]).abs().max() < (means[0] - means[2]).abs().max()
    top = one.vertices[one.vertices[:, 1] > one.vertices[:, 1].max() - 10]
    assert top[:, 0].mean() > one.vertices[:, 0].median(), "the head is the highest and lies before the middle"


def test_subjects_fill_the_frame_of_the_template() -> None:
    for kind in ("handbags", "birds"):
        vertices = draw_subject(kind, 0, 1).mesh.vertices
        extent = vertices.amax(0) - vertices.amin(0)
        assert 1.69 <= float(extent.max()) <= 1.8001
        assert (vertices.amax(0) + vertices.amin(0)).abs().max() < 1e-5


def painted_block() -> GarmentShape:
    """A block 1.6 high: red towards +x, green towards -x, blue the upper third, grey elsewhere."""

    def box(points: torch.Tensor) -> torch.Tensor:
        return (points.abs() - points.new_tensor([40, 80, 25])[:, None]).amax(0)

    shape = shape_of(SolidField(box, Bounds((-42, -82, -27), (42, 82, 27))), 40, lambda points: points * 0 + 0.5)
    vertices = shape.mesh.vertices / 100
    colours = torch.full_like(vertices, 0.5)
    colours[vertices[:, 0] > 0.3] = colours.new_tensor(RED)
    colours[vertices[:, 0] < -0.3] = colours.new_tensor(GREEN)
    colours[vertices[:, 1] > 0.4] = colours.new_tensor(BLUE)
    return GarmentShape(Mesh(vertices, shape.mesh.faces, vertex_colors=colours), torch.ones_like(shape.sky))


def test_from_plus_90_degrees_the_left_side_is_seen_and_from_minus_90_the_right_one() -> None:
    """A person's left is +x: the person looks to +z."""
    cameras = [GarmentCamera(math.radians(degrees), 0.0, 3.0, (0.0, 0.0)) for degrees in (0, 90, 180, -90)]
    front, left, back, right = photographs(
        painted_block(), cameras, [fair(seed) for seed in range(4)], (64, 64), {"studio": 1.0}
    )
    for photo, shown, hidden in ((left, 0, 1), (right, 1, 0)):
        assert dominant(photo.pixels, shown)[photo.mask].mean() > 0.5
        assert dominant(photo.pixels, hidden)[photo.mask].mean() < 0.02
    for photo, red_side in ((front, 1), (back, -1)):
        columns = np.nonzero(dominant(photo.pixels, 0) & photo.mask)[1]
        assert np.sign(columns.mean() - 32) == red_side, "in front, a person's left is on the picture's right"


def test_up_is_up_and_offsets_move_the_picture_against_them() -> None:
    block = painted_block()
    cameras = [GarmentCamera(0.3, 0.1, 3.5, offset) for offset in ((0.0, 0.0), (0.3, 0.0), (0.0, 0.2))]
    photos = photographs(block, cameras, [fair(seed) for seed in range(3)], (64, 64), {"studio": 1.0})
    rows = [np.nonzero(dominant(photo.pixels, 2) & photo.mask)[0].mean() for photo in photos]
    middles = [np.stack(np.nonzero(photo.mask)).mean(1) for photo in photos]
    assert rows[0] < middles[0][0] - 5, "blue is on top"
    assert middles[1][1] < middles[0][1] - 5
    assert middles[2][0] > middles[0][0] + 3


def test_the_camera_is_that_of_the_family() -> None:
    """Against the formulas in float64: centre, looking at the offset, 2.5 / depth, y down."""
    camera, size = GarmentCamera(0.7, -0.2, 3.1, (0.2, -0.1)), (128, 64)
    points = torch.randn(50, 3, generator=torch.Generator().manual_seed(0)) * 0.5
    centre = 3.1 * np.array([math.cos(0.2) * math.sin(0.7), math.sin(-0.2), math.cos(0.2) * math.cos(0.7)])
    z_axis = (centre - [0.2, -0.1, 0]) / np.linalg.norm(centre - [0.2, -0.1, 0])
    x_axis = np.cross([0, 1, 0], z_axis) / np.linalg.norm(np.cross([0, 1, 0], z_axis))
    x, y, z = np.stack([x_axis, np.cross(z_axis, x_axis), z_axis]) @ (points.numpy().astype(np.float64) - centre).T
    expected = np.stack([32 + 2.5 * x / -z * 64, 64 - 2.5 * y / -z * 64, -z], 1)
    np.testing.assert_allclose(perspective_camera(camera, size).to_screen(points[None])[0].numpy(), expected, atol=1e-3)


def test_drawn_cameras_keep_to_their_ranges_and_the_subject_in_the_picture() -> None:
    ranges = CameraRanges((-10, 15), (2, 6), fill=(0.8, 0.95), widest=1.0, largest_offset=0.5)
    vertices = painted_block().mesh.vertices
    for seed in range(20):
        camera = draw_camera(fair(seed), vertices, ranges, (128, 64), azimuth=0.5 * seed)
        assert camera.azimuth == 0.5 * seed
        assert -10 <= math.degrees(camera.elevation) <= 15
        assert 2 <= camera.distance <= 6
        assert max(abs(x) for x in camera.offset) <= 0.5
        x, y, _ = perspective_camera(camera, (128, 64)).to_screen(vertices[None])[0].unbind(-1)
        assert 0.75 < float(y.max() - y.min()) / 128 < 1.0
        outside = (x < 0) | (x > 64) | (y < 0) | (y > 128)
        assert outside.float().mean() < 0.12


def dominant(pixels: np.ndarray, channel: int) -> np.ndarray:
    """[h, w] where one colour clearly exceeds both others."""
    values = pixels.astype(float)
    others = np.delete(values, channel, 2).max(2)
    return values[..., channel] > 2 * others
