"""One small procedural face and reconstructor for the tests of the family."""

import pytest
import torch

from models.faces.encoder import FaceEncoder
from models.faces.parameters import FaceParameters
from models.faces.reconstructor import FaceReconstructor
from models.morphable.coefficient_sampling import sample_albedo, sample_expression, sample_identity
from models.morphable.linear import MorphableModel
from models.morphable.procedural_face import procedural_face
from models.networks.convolutional import ConvolutionalEncoder


@pytest.fixture(scope="session")
def face_model() -> MorphableModel:
    return procedural_face("tiny")


@pytest.fixture
def reconstructor(face_model: MorphableModel) -> FaceReconstructor:
    torch.manual_seed(0)
    sizes = (face_model.identity_size, face_model.expression_size, face_model.albedo_size)
    return FaceReconstructor(face_model, FaceEncoder(ConvolutionalEncoder(64, 4, 32), *sizes, image_size=64))


@pytest.fixture
def truth(face_model: MorphableModel) -> FaceParameters:
    """Three people with expressions, poses and side light."""
    generator = torch.Generator().manual_seed(3)
    light = torch.zeros(3, 9, 3)
    light[:, 0], light[:, 1], light[:, 2] = 1.6, 0.7, torch.tensor([0.8, -0.8, 0.4])[:, None]
    pose = torch.tensor(
        [[0.1, 0.3, -0.1, 0.02, 0.03, 0.05], [-0.15, -0.5, 0.1, -0.03, 0.0, -0.05], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0]]
    )
    return FaceParameters(
        sample_identity(face_model, generator, 3),
        sample_expression(face_model, generator, 3)[1],
        sample_albedo(face_model, generator, 3),
        pose,
        light,
    )
