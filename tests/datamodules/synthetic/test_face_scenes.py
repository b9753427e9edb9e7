import numpy as np
import pytest
import torch

from datamodules.synthetic.face_scenes import harmonics, sample_light, sample_scene
from models.morphable.procedural_face import procedural_face
from models.rendering.lighting import spherical_harmonics_chen2020


@pytest.fixture(scope="module")
def scenes():
    model = procedural_face("tiny")
    return [sample_scene(model, 0, index, images_per_identity=2) for index in range(300)]


def test_three_quarters_of_the_faces_look_about_ahead(scenes) -> None:
    """60 % within 25 degrees, the others anywhere within 60."""
    degrees = np.rad2deg(np.stack([scene.angles for scene in scenes]))
    assert np.abs(degrees).max(0) == pytest.approx([20, 60, 15], abs=3)
    ahead = (np.abs(degrees[:, 1]) <= 25).mean()
    assert ahead == pytest.approx(0.6 + 0.4 * 25 / 60, abs=0.07)
    assert np.abs(degrees.mean(0)).max() < 6


def test_more_than_half_of_the_faces_are_lit_from_the_side(scenes) -> None:
    light = np.stack([scene.light.mean(1) for scene in scenes])
    beside = (
        np.hypot(light[:, 2], light[:, 3]) > light[:, 1]
    )  # band 1 points at the lamp; 45 degrees off the camera's axis
    assert 0.5 < beside.mean() < 0.72


def test_a_lamp_lights_what_faces_it_and_the_mean_skin_is_never_dark_nor_burnt() -> None:
    random = np.random.default_rng(0)
    for level in (0.25, 0.45, 0.7):
        for _ in range(50):
            light = torch.from_numpy(sample_light(random, level)).float()
            lamp = torch.nn.functional.normalize(light.mean(1)[[2, 3, 1]], dim=0)
            normals = torch.stack([lamp, -lamp], -1).view(1, 3, 1, 2)
            bright, dark = (spherical_harmonics_chen2020(normals)[0, :, 0].T @ light).mean(1).tolist()
            assert bright > dark + 0.2
            assert dark > -0.05
            assert 0.15 < level * bright < 1.6


def test_the_harmonics_are_those_of_the_renderer() -> None:
    direction = np.array([0.48, -0.6, 0.64])
    theirs = spherical_harmonics_chen2020(torch.from_numpy(direction).view(1, 3, 1, 1))
    np.testing.assert_allclose(harmonics(direction), theirs[0, :, 0, 0].numpy(), atol=2e-4)


def test_scenes_repeat_and_people_keep_their_looks(scenes) -> None:
    model = procedural_face("tiny")
    again = sample_scene(model, 0, 17, images_per_identity=2)
    np.testing.assert_array_equal(again.light, scenes[17].light)
    np.testing.assert_array_equal(again.blendshape_weights, scenes[17].blendshape_weights)
    assert scenes[16].person.number == scenes[17].person.number == 8
    assert scenes[16].person.age == scenes[17].person.age
    np.testing.assert_array_equal(scenes[16].person.style.hair_colour, scenes[17].person.style.hair_colour)
    assert scenes[18].person.age != scenes[17].person.age
    other = sample_scene(model, 1, 17, images_per_identity=2)
    assert not np.array_equal(other.light, scenes[17].light)
