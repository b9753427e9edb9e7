"""Blendshapes of the procedural face: sizes, sides, smoothness, closed mouths and eyes; and the samplers."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from models.morphable.coefficient_sampling import (
    sample_albedo,
    sample_expression,
    sample_expression_weights,
    sample_identity,
)
from models.morphable.linear import MorphableModel
from models.morphable.procedural_expressions import BLENDSHAPE_NAMES
from models.morphable.procedural_face import procedural_face
from models.morphable.procedural_grid import face_grid


@pytest.fixture(scope="module")
def face(tmp_path_factory: pytest.TempPathFactory) -> MorphableModel:
    return procedural_face("default", cache=tmp_path_factory.mktemp("cache"))


def posed(face: MorphableModel, **weights: float) -> Tensor:
    vector = torch.zeros(1, len(BLENDSHAPE_NAMES))
    for name, weight in weights.items():
        vector[0, BLENDSHAPE_NAMES.index(name)] = weight
    return face.vertices_mm(torch.zeros(1, face.identity_size), face.expression_from_blendshapes(vector))


def test_coefficients_reproduce_the_raw_blendshapes(face: MorphableModel) -> None:
    weights = torch.rand(3, 24, generator=torch.Generator().manual_seed(0))
    through_modes = face.vertices_mm(torch.zeros(3, face.identity_size), face.expression_from_blendshapes(weights))
    raw = face.mean_mm + torch.einsum("bn,nvx->bvx", weights, face.blendshapes_mm)
    torch.testing.assert_close(through_modes, raw, atol=1e-3, rtol=0)
    assert face.expression_size == 24


@pytest.mark.parametrize(
    ("name", "largest"),
    [("jawOpen", 42.0), ("smileLeft", 15.8), ("cheekPuff", 14.0), ("pucker", 12.4), ("jawForward", 11.2),
     ("blinkLeft", 9.6), ("browOuterUpLeft", 8.6), ("browDownLeft", 6.5)],
)  # fmt: skip
def test_sizes_are_of_the_order_of_captured_faces(face: MorphableModel, name: str, largest: float) -> None:
    reach = float(face.blendshapes_mm[BLENDSHAPE_NAMES.index(name)].norm(dim=1).max())
    assert 0.55 * largest < reach < 1.1 * largest


def test_left_and_right_are_mirror_images_on_the_persons_own_sides(face: MorphableModel) -> None:
    mirror = torch.from_numpy(face_grid("default").mirror)
    flip = torch.tensor([-1.0, 1.0, 1.0])
    for index, name in enumerate(BLENDSHAPE_NAMES):
        shape = face.blendshapes_mm[index]
        if name.endswith("Left"):
            other = BLENDSHAPE_NAMES.index(name.removesuffix("Left") + "Right")
            torch.testing.assert_close(shape[mirror] * flip, face.blendshapes_mm[other], atol=1e-4, rtol=0)
            if name != "jawLeft":
                strength = shape.norm(dim=1)
                assert float((strength * face.mean_mm[:, 0]).sum() / strength.sum()) > 5.0, name
        elif not name.endswith("Right"):
            torch.testing.assert_close(shape[mirror] * flip, shape, atol=1e-4, rtol=0)


def test_no_blendshape_tears_the_mesh_or_folds_it(face: MorphableModel) -> None:
    edges = torch.cat([face.faces[:, [0, 1]], face.faces[:, [1, 2]], face.faces[:, [2, 0]]])
    a, b, c = (face.mean_mm[face.faces[:, k]] for k in range(3))
    before = torch.linalg.cross(b - a, c - a)
    for name in BLENDSHAPE_NAMES:
        vertices = posed(face, **{name: 1.0})[0]
        a, b, c = (vertices[face.faces[:, k]] for k in range(3))
        folded = ((before * torch.linalg.cross(b - a, c - a)).sum(1) <= 0).float().mean()
        assert float(folded) < 0.002, name
        stretch = (vertices[edges[:, 0]] - vertices[edges[:, 1]]).norm(dim=1)
        # the wide open jaw stretches most: a crack would be as wide as the whole movement
        assert float(stretch.max()) < 16.0, name


def test_eyes_close(face: MorphableModel) -> None:
    closed = face.landmarks_mm(posed(face, blinkLeft=1.0, blinkRight=1.0))[0]
    opened = face.landmarks_mm(face.mean_mm[None])[0]
    for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46)):
        assert float((closed[upper] - closed[lower])[1]) < 0.25 * float((opened[upper] - opened[lower])[1])
        assert float((closed[upper] - closed[lower])[1]) > -0.3


@pytest.mark.parametrize("seed", range(3))
def test_lips_do_not_pass_through_each_other(face: MorphableModel, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    _, expression = sample_expression(face, generator, 16)
    vertices = face.vertices_mm(sample_identity(face, generator, 16), expression)
    grid = face_grid("default")
    upper = torch.from_numpy(np.flatnonzero(grid.upper_lip))
    # the copy of a slit vertex lies at the same place of the texture
    same = (torch.from_numpy(grid.uv)[:, None] - torch.from_numpy(grid.uv)[upper][None]).abs().sum(2) < 1e-12
    lower = torch.stack([same[:, k].nonzero()[0, 0] for k in range(len(upper))])
    gap = vertices[:, upper, 1] - vertices[:, lower, 1]
    assert float(gap.min()) > -0.05


def test_samples_of_people_are_cut_normal_and_repeatable(face: MorphableModel) -> None:
    first = sample_identity(face, torch.Generator().manual_seed(3), 2000)
    again = sample_identity(face, torch.Generator().manual_seed(3), 2000)
    assert torch.equal(first, again)
    assert float(first.abs().max()) <= 2 * 0.85 + 1e-5
    assert float(first.std()) == pytest.approx(0.85 * 0.88, abs=0.02)
    assert sample_albedo(face, torch.Generator(), 5).shape == (5, face.albedo_size)


def test_sampled_expressions_are_plausible() -> None:
    weights = sample_expression_weights(torch.Generator().manual_seed(0), 3000)
    part = dict(zip(BLENDSHAPE_NAMES, weights.unbind(1)))
    assert float(weights.min()) >= 0.0
    assert float(weights.max()) <= 1.0
    assert float((part["smileLeft"] * part["frownLeft"]).max()) == 0.0
    assert float((part["blinkLeft"] + 0.4 * part["squintLeft"]).max()) <= 1.0 + 1e-6
    no_lids = torch.stack([weight for name, weight in part.items() if not name.startswith("blink")])
    assert 0.10 < float((no_lids.amax(0) < 1e-6).float().mean()) < 0.25, "one in six is neutral"
    assert float((weights > 0.05).float().mean(0).min()) > 0.02, "every movement occurs"
    sides = torch.corrcoef(torch.stack([part["smileLeft"], part["smileRight"]]))[0, 1]
    assert float(sides) > 0.7


def test_albedo_modes_stay_the_colour_of_people(face: MorphableModel) -> None:
    skin = (face.regions.eyes + face.regions.brows + face.regions.mouth < 0.02) & (face.regions.face > 0.9)
    tones = face.albedo(sample_albedo(face, torch.Generator().manual_seed(1), 200))[:, skin].mean(1)
    red, green, blue = tones.unbind(1)
    assert (red > green).all(), "no green faces"
    assert (green > blue).all(), "no blue faces"
    assert float(red.std()) > 0.03
    share_outside = ((tones < 0) | (tones > 1)).float().mean()
    assert float(share_outside) < 0.03
    modes = face.albedo_basis.flatten(1)
    strength = modes.norm(dim=1)
    # sorted on the reference vertices; nearly so on these
    assert float(strength[0]) > float(strength[5]) > float(strength[20]) > float(strength[39])


def test_the_mean_wears_crisp_features(face: MorphableModel) -> None:
    grey = face.albedo_mean.mean(1)
    skin = grey[(face.regions.face > 0.9) & (face.regions.brows < 0.01) & (face.regions.eyes < 0.01)].median()
    assert float(grey[face.regions.brows > 0.35].median()) < 0.75 * float(skin)
    assert float(grey[face.regions.eyes > 0.9].max()) > 1.2 * float(skin)
    lips = face.albedo_mean[face.regions.mouth > 0.9]
    assert float((lips[:, 0] - lips[:, 1]).mean()) > 0.25


def test_the_environment_names_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THREEFOLD_CACHE", str(tmp_path / "elsewhere"))
    procedural_face("tiny", identity_size=2, albedo_size=2)
    assert len(list((tmp_path / "elsewhere").iterdir())) == 1
