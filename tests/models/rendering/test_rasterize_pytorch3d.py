"""The contract of the backend that PyTorch3D answers: the reference's picture but for pixels that rounding decides."""

import importlib
import sys

import pytest
import torch

from models.rendering.rasterize import rasterize
from tests.models.rendering.screen_scenes import pinhole, sphere_on_screen, torus_on_screen, triangle_soup
from tests.models.rendering.test_rasterize import SIZE, ambiguous_pixels


def pytorch3d_imports() -> str:
    """Empty when it imports, else the reason why not."""
    try:
        importlib.import_module("pytorch3d.structures")
        importlib.import_module("pytorch3d.renderer.mesh.rasterize_meshes")
    except Exception as error:  # a build for another torch fails with other than ImportError
        return f"PyTorch3D cannot be imported: {error}"
    return ""


needs_pytorch3d = pytest.mark.skipif(bool(pytorch3d_imports()), reason=pytorch3d_imports() or "it imports")


@needs_pytorch3d
@pytest.mark.parametrize("perspective", [True, False])
@pytest.mark.parametrize("cull", ["none", "back"])
def test_random_triangles_equal_the_reference(perspective: bool, cull) -> None:
    edge_pixels = edge_differences = 0
    for seed in range(3):
        for behind in (False, True):
            if behind and not perspective:
                continue  # without division nothing passes through the camera's plane
            screen, faces = triangle_soup(torch.Generator().manual_seed(seed), behind=behind)
            theirs = rasterize(screen, faces, SIZE, perspective=perspective, cull=cull, backend="pytorch3d")
            truth = rasterize(screen, faces, SIZE, perspective=perspective, cull=cull, backend="reference")
            clear = ~ambiguous_pixels(screen, faces, SIZE, perspective, cull)
            assert torch.equal(theirs.face_index[clear], truth.face_index[clear])
            edge_pixels += int((~clear).sum())
            edge_differences += int((theirs.face_index != truth.face_index).sum())
    assert edge_pixels < 0.05 * 6 * 2 * SIZE[0] * SIZE[1]
    assert edge_differences <= edge_pixels


@needs_pytorch3d
@pytest.mark.parametrize("size", [(33, 44), (64, 40), (48, 48)])
def test_meshes_differ_in_few_pixels_and_without_bias(size: tuple[int, int]) -> None:
    lost = gained = total = 0
    for screen, faces in (sphere_on_screen(size), torus_on_screen(size)):
        native, theirs = rasterize(screen, faces, size), rasterize(screen, faces, size, backend="pytorch3d")
        seen, theirs_seen = native.face_index >= 0, theirs.face_index >= 0
        lost, gained = lost + int((seen & ~theirs_seen).sum()), gained + int((~seen & theirs_seen).sum())
        total += int(seen.sum())
        agree = native.face_index == theirs.face_index
        assert float(agree.float().mean()) > 0.999
        assert torch.equal(native.depth[agree], theirs.depth[agree])
        assert torch.equal(native.barycentrics[agree], theirs.barycentrics[agree])
    assert lost + gained <= 1e-3 * total


@needs_pytorch3d
def test_gradients_are_those_of_every_backend() -> None:
    screen, faces = sphere_on_screen(SIZE)
    upstream = torch.randn(1, *SIZE, 3, generator=torch.Generator().manual_seed(0))
    gradients = []
    for backend in ("native", "pytorch3d"):
        vertices = screen.clone().requires_grad_()
        (rasterize(vertices, faces, SIZE, backend=backend).barycentrics * upstream).sum().backward()
        gradients.append(vertices.grad)
    assert torch.nn.functional.cosine_similarity(*(g.flatten() for g in gradients), dim=0) > 0.9999


@needs_pytorch3d
def test_broken_vertices_and_a_triangle_through_the_camera_plane() -> None:
    floor = torch.tensor([[-50.0, 1.0, -20.0], [50.0, 1.0, -20.0], [0.0, 1.0, 300.0], [0.0, 0.0, 5.0]])
    screen = pinhole(floor, 40.0, SIZE).repeat(2, 1, 1)
    screen[1, 3, 0] = torch.nan
    faces = torch.tensor([[0, 1, 3], [0, 1, 2]])
    theirs = rasterize(screen, faces, SIZE, backend="pytorch3d")
    truth = rasterize(screen, faces, SIZE, backend="reference")
    assert float((theirs.face_index == truth.face_index).float().mean()) > 0.999
    assert not (theirs.face_index[1] == 0).any()
    empty = rasterize(screen, faces[:0], SIZE, backend="pytorch3d")
    assert (empty.face_index == -1).all()


def test_without_pytorch3d_the_error_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pytorch3d.structures", None)
    screen, faces = sphere_on_screen(SIZE, 0)
    with pytest.raises(ImportError, match="use backend='native'"):
        rasterize(screen, faces, SIZE, backend="pytorch3d")
