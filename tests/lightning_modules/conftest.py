"""Tiny stages and batches made in memory."""

import pytest
import torch

from datamodules.samples import FaceSample, FaceTruthSample
from lightning_modules.face_coarse import CoarseWeights, FaceCoarse
from models.faces.parameters import FaceParameters
from models.morphable.coefficient_sampling import sample_albedo, sample_expression, sample_identity
from models.morphable.procedural_face import procedural_face
from models.networks.convolutional import ConvolutionalEncoder
from models.networks.point_network import PointNetwork

SIDE = 64


class Progress(FaceCoarse):
    """A coarse stage at a chosen point of its training, without a trainer."""

    done = 1.0

    @property
    def progress(self) -> float:
        return self.done

    def log(self, *arguments, **options) -> None:
        pass

    def log_dict(self, *arguments, **options) -> None:
        pass


def tiny_coarse(points: bool = True, **options) -> Progress:
    torch.manual_seed(0)
    network = PointNetwork(64, width=4, map_width=16, features=32) if points else ConvolutionalEncoder(64, 4, 32)
    options.setdefault("weights", CoarseWeights(landmarks=1.0, outline=0.5))
    return Progress(procedural_face("tiny"), network, image_size=64, rendering_size=32, precision="float32", **options)


@pytest.fixture
def coarse() -> Progress:
    return tiny_coarse()


@pytest.fixture
def batch(coarse: Progress) -> FaceTruthSample:
    return four_faces(coarse)


def four_faces(coarse: Progress) -> FaceTruthSample:
    """Four rendered people with truth; the detail truth is flat."""
    generator = torch.Generator().manual_seed(5)
    model, reconstructor = coarse.face_model, coarse.reconstructor
    light = torch.zeros(4, 9, 3)
    light[:, 0], light[:, 1], light[:, 2] = 1.8, 0.5, torch.tensor([0.6, -0.6, 0.3, 0.0])[:, None]
    pose = 0.2 * (torch.rand(4, 6, generator=generator) - 0.5)
    truth = FaceParameters(
        sample_identity(model, generator, 4),
        sample_expression(model, generator, 4)[1],
        sample_albedo(model, generator, 4),
        pose,
        light,
    )
    geometry = reconstructor.deform(truth, SIDE)
    rendering = reconstructor.render(truth, geometry, SIDE)
    covered = rendering.fragments.face_index >= 0
    photo = FaceSample(
        torch.where(covered[:, None], rendering.image, 0.4),
        geometry.landmarks,
        torch.ones(4, 68),
        torch.where(rendering.skin[:, 0] > 0, 1, 0),
        torch.arange(4),
    )
    return FaceTruthSample(
        photo,
        truth.identity,
        truth.expression,
        truth.albedo,
        pose,
        light,
        rendering.normals,
        torch.where(covered, rendering.fragments.depth, torch.inf),
        torch.zeros(4, 1, 16, 16),
        covered,
    )
