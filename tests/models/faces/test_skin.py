"""Skin comes from masks, else from landmarks; without both it is unknown to measures and announced in training."""

import pytest
import torch

from models.faces.reconstructor import FaceReconstructor
from models.faces.skin import skin_mask, skin_or_everything

SIDE = 64


def landmarks_of(reconstructor: FaceReconstructor, truth) -> torch.Tensor:
    straight = truth._replace(pose=torch.zeros(3, 6))
    return reconstructor.deform(straight, SIDE).landmarks


def test_segmentation_goes_before_landmarks(reconstructor: FaceReconstructor, truth) -> None:
    landmarks = landmarks_of(reconstructor, truth)
    segmentation = torch.full((3, SIDE, SIDE), -1)
    segmentation[0] = 13  # hair everywhere
    segmentation[0, :10] = 1
    skin = skin_mask(segmentation, landmarks, torch.ones(3, 68))
    assert int(skin[0].sum()) == 10 * SIDE
    assert 0.1 < float(skin[1].float().mean()) < 0.5


def test_the_outline_leaves_eyes_and_background_out(reconstructor: FaceReconstructor, truth) -> None:
    landmarks = landmarks_of(reconstructor, truth)
    skin = skin_mask(torch.full((3, SIDE, SIDE), -1), landmarks, torch.ones(3, 68))
    for picture in range(3):
        nose = landmarks[picture, 30].long()
        eye = landmarks[picture, 36:42].mean(0).long()
        assert bool(skin[picture, nose[1], nose[0]])
        assert not bool(skin[picture, eye[1], eye[0]])
        assert not bool(skin[picture, 0, 0])


def test_without_mask_and_landmarks_measures_see_no_skin_and_training_says_so(
    reconstructor: FaceReconstructor, truth
) -> None:
    landmarks = landmarks_of(reconstructor, truth)
    segmentation, known = torch.full((3, SIDE, SIDE), -1), torch.ones(3, 68)
    known[2, 5] = 0
    assert not bool(skin_mask(segmentation, landmarks, known)[2].any())
    with pytest.warns(UserWarning, match="neither a mask nor landmarks"):
        everything = skin_or_everything(segmentation, landmarks, known)
    assert bool(everything[2].all())
    assert torch.equal(everything[:2], skin_mask(segmentation, landmarks, known)[:2])
