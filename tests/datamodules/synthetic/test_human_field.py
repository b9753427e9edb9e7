"""The field of procedural people: its sign is the truth, its value nearly a distance, whatever was skipped."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from datamodules.synthetic.human_blocks import Part
from datamodules.synthetic.human_draws import draw_human
from datamodules.synthetic.human_field import HumanField
from datamodules.synthetic.human_folds import ridge
from datamodules.synthetic.human_mesh import human_mesh
from datamodules.synthetic.human_parameters import HumanParameters
from datamodules.synthetic.human_primitives import Ellipsoids, RoundCones
from datamodules.synthetic.human_skeleton import Skeleton, posed_skeleton

SEEDS = (0, 2, 112)  # jacket and bag; squatting in a skirt; walking with bag, bun and jacket


@pytest.fixture(scope="module")
def people() -> dict[int, HumanParameters]:
    return {seed: draw_human(seed) for seed in SEEDS}


@pytest.fixture(scope="module")
def surfaces(people: dict[int, HumanParameters]) -> dict[int, Tensor]:
    return {seed: human_mesh(HumanField(person), 96).vertices for seed, person in people.items()}


def around(surface: Tensor, count: int, sigma_cm: float) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    chosen = torch.randint(len(surface), (count,), generator=generator)
    return surface[chosen] + sigma_cm * torch.randn(count, 3, generator=generator)


@pytest.mark.parametrize("seed", SEEDS)
def test_skipping_changes_no_sign(seed, people, surfaces):
    field = HumanField(people[seed])
    truth = HumanField(people[seed], dtype=torch.float64, everywhere=True)
    anywhere = (torch.rand(10_000, 3, generator=torch.Generator().manual_seed(1)) - 0.5) * 200
    points = torch.cat([around(surfaces[seed], 15_000, 2.0), around(surfaces[seed], 5_000, 8.0), anywhere])
    fast, slow = field(points), truth(points.double()).float()
    decided = slow.abs() > 1e-4
    assert ((fast < 0) == (slow < 0))[decided].all()
    near = slow.abs() < 1
    assert (fast - slow).abs()[near].quantile(0.999) < 1e-3


@pytest.mark.parametrize("seed", SEEDS)
def test_values_are_nearly_distances_near_the_surface(seed, people, surfaces):
    field = HumanField(people[seed])
    points = around(surfaces[seed], 20_000, 1.0)
    points = points[field(points).abs() < 1.5]
    differences = [(field(points + 0.02 * axis) - field(points - 0.02 * axis)) / 0.04 for axis in torch.eye(3)]
    norm = torch.stack(differences).norm(dim=0)
    assert norm.median() == pytest.approx(1, abs=0.1)
    assert norm.quantile(0.99) < 2.5


def test_values_do_not_depend_on_company(people, surfaces):
    field = HumanField(people[0])
    points = around(surfaces[0], 4_000, 4.0)
    together = field(points)
    assert torch.allclose(field(points.flip(0)).flip(0), together, atol=2e-4)
    assert torch.allclose(torch.cat([field(one) for one in points[:50].split(1)]), together[:50], atol=2e-4)
    assert field(torch.zeros(0, 3)).shape == (0,)


@pytest.mark.parametrize("seed", SEEDS)
def test_people_are_180_high_centred_and_in_the_box(seed, people, surfaces):
    low, high = surfaces[seed].amin(0), surfaces[seed].amax(0)
    assert float(high[1] - low[1]) == pytest.approx(180, abs=0.5)
    assert float(high[1] + low[1]) / 2 == pytest.approx(0, abs=0.3)
    assert surfaces[seed].median(0).values[[0, 2]].abs().max() < 2.0
    bounds = HumanField(people[seed]).bounds
    assert (low > torch.tensor(bounds.lower)).all()
    assert (high < torch.tensor(bounds.upper)).all()
    assert surfaces[seed].abs().max() < 102.4


@pytest.mark.parametrize("seed", SEEDS)
def test_a_third_to_a_half_of_near_points_lie_inside(seed, people, surfaces):
    inside = (HumanField(people[seed])(around(surfaces[seed], 20_000, 5.0)) < 0).float().mean()
    assert 0.3 < float(inside) < 0.5


def test_hands_keep_out_of_the_trunk():
    for seed in range(20, 22):
        person = draw_human(seed, family="crossing")
        skeleton = posed_skeleton(person.shape, person.pose)
        field = HumanField(person)
        palms = np.stack([skeleton.point(f"{side}_wrist", s * 5, 0, 0) for side, s in (("left", 1), ("right", -1))])
        normal = person.normalisation
        palms_cm = torch.from_numpy((palms - normal.centre) * normal.scale).float()
        assert (field(palms_cm) > -8.0).all()
        assert (field(palms_cm) < 0).all()


def test_legs_stand_in_air_below_and_inside_a_skirt():
    person = draw_human(7, family="standing", lower="skirt")
    person = replace(person, outfit=replace(person.outfit, skirt_length=0.9, skirt_flare=5.0, pleat_depth=0.3))
    field, skeleton = HumanField(person), posed_skeleton(person.shape, person.pose)
    knees = (skeleton.position["left_knee"] + skeleton.position["right_knee"]) / 2
    hips = (skeleton.position["left_hip"] + skeleton.position["right_hip"]) / 2
    normal = person.normalisation

    def between_the_legs(share: float) -> float:
        point = torch.from_numpy((hips + share * (knees - hips) - normal.centre) * normal.scale).float()
        return float(field(point[None]))

    assert between_the_legs(1.15) > 0  # below the hem
    assert between_the_legs(0.8) > 0  # in the skirt's hollow
    assert between_the_legs(0.3) < 0


def test_straps_tell_of_the_bag():
    person = draw_human(2)
    assert person.outfit.backpack
    field = HumanField(person)
    without = HumanField(replace(person, outfit=replace(person.outfit, backpack=False)))
    points = human_mesh(field, 128).vertices
    added = points[without(points) > 0.3]
    skeleton, normal = posed_skeleton(person.shape, person.pose), person.normalisation
    chest = (
        skeleton.rotation["chest"].T
        @ (added.double().numpy() / normal.scale + normal.centre - skeleton.position["chest"]).T
    )
    assert (chest[2] > 8).sum() > 20  # the straps in front
    assert (chest[2] < -15).sum() > 500  # the bag behind


def test_parts_and_colours(people, surfaces):
    field = HumanField(people[0])
    parts = field.parts(surfaces[0])
    assert {Part.SKIN, Part.OUTER, Part.LOWER, Part.SHOES, Part.HAT, Part.BAG} <= set(parts.tolist())
    low, high = surfaces[0][parts == Part.SHOES].amax(0), surfaces[0][parts == Part.HAT].amin(0)
    assert low[1] < -60
    assert high[1] > 60
    albedo = field.albedo(surfaces[0])
    assert albedo.shape == surfaces[0].shape
    assert 0 <= float(albedo.min()) <= float(albedo.max()) <= 1
    shoes = albedo[parts == Part.SHOES]
    torch.testing.assert_close(shoes, shoes.new_tensor(people[0].colours.shoes).expand_as(shoes))


def test_details_and_bands_can_be_left_out(people, surfaces):
    points = surfaces[0]
    full = HumanField(people[0])(points)
    for other in (HumanField(people[0], bands=(1, 2)), HumanField(people[0], details=False)):
        assert ((other(points) - full).abs() > 0.02).float().mean() > 0.01
    with pytest.raises(ValueError, match="bands"):
        HumanField(people[0], bands=(4,))


def test_primitives_against_plain_formulas():
    random = np.random.default_rng(0)
    here = Skeleton({"j": random.normal(size=3)}, {"j": np.linalg.qr(random.normal(size=(3, 3)))[0]})
    start, end, origin = random.normal(size=3), 4 * random.normal(size=3), random.normal(size=3)
    points = 5 * random.normal(size=(200, 3))
    like = torch.zeros((), dtype=torch.float64)
    cones = RoundCones(here, [("j", start, end, 1.0, 0.5)], origin, like)(torch.from_numpy((points - origin).T))
    a, b = here.point("j", *start), here.point("j", *end)
    share = np.clip(((points - a) @ (b - a)) / ((b - a) @ (b - a)), 0, 1)
    expected = np.linalg.norm(points - a - share[:, None] * (b - a), axis=1) - (1 - 0.5 * share)
    np.testing.assert_allclose(cones[0].numpy(), expected, atol=1e-9)
    ball = Ellipsoids(here, [("j", start, (2, 2, 2))], origin, like)(torch.from_numpy((points - origin).T))
    np.testing.assert_allclose(ball[0].numpy(), np.linalg.norm(points - a, axis=1) - 2, atol=1e-9)


def test_ridges_have_no_mean():
    turns = torch.linspace(0, 7, 70_001, dtype=torch.float64)[:-1]
    assert abs(float(ridge(turns).mean())) < 1e-6
    assert float(ridge(turns).std()) == pytest.approx(0.596, abs=1e-3)
