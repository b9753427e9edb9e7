import torch

from models.clothing.attributes import CameraRanges
from models.clothing.configurations import small_encoder
from models.clothing.reconstructor import ClothingReconstructor
from models.clothing.template import ClothingTemplate


def small(seed: int = 0) -> ClothingReconstructor:
    torch.manual_seed(seed)
    return ClothingReconstructor(small_encoder(CameraRanges(), width=4))


def test_an_untrained_reconstructor_shows_the_template_in_front() -> None:
    model = small().eval()
    images, masks = torch.rand(2, 3, 64, 32), torch.ones(2, 1, 64, 32)
    with torch.no_grad():
        attributes = model(images, masks)
        seen = model.render(attributes, (64, 32))
    assert seen.image.shape == (2, 3, 64, 32)
    assert attributes.camera.azimuth.abs().max() < 0.2
    assert (attributes.vertices - model.template_vertices).abs().max() < 0.02
    assert seen.hard_mask[:, 0, 32, 16].all()
    assert (seen.image[:, :, 0, 0] == 1).all()


def test_gradients_reach_every_encoder_through_the_picture() -> None:
    model = small()
    attributes = model(torch.rand(2, 3, 64, 32), torch.ones(2, 1, 64, 32))
    seen = model.render(attributes, (64, 32), background=True)
    (seen.image.square().mean() + seen.soft_mask.mean()).backward()
    for name, encoder in model.encoder.named_children():
        reached = [part.grad is not None and bool((part.grad != 0).any()) for part in encoder.parameters()]
        assert any(reached), name


def test_the_template_of_the_moment_travels_with_the_weights_and_the_first_one_stays() -> None:
    model, other = small(), small(1)
    first = model.template.vertices.clone()
    model.move_template(model.template_vertices * 1.1 + 0.01)
    assert torch.equal(model.template.vertices, first)
    assert "template_vertices" in model.state_dict()
    assert not [name for name in model.state_dict() if name.startswith("initial_")]
    other.load_state_dict(model.state_dict())
    images, masks = torch.rand(1, 3, 64, 32), torch.ones(1, 1, 64, 32)
    with torch.no_grad():
        found, expected = other.eval()(images, masks), model.eval()(images, masks)
    assert torch.equal(found.vertices, expected.vertices)
    assert (found.vertices - first).abs().max() > 0.05
    assert isinstance(model.template, ClothingTemplate)
