import torch

from datamodules.synthetic.uv_atlas import uv_atlas
from models.geometry.primitives import icosphere


def test_a_texel_shows_what_its_uv_says() -> None:
    """Positions are interpolated over the texels; the uv of the same triangle interpolates to the texel's centre."""
    sphere = icosphere(3)
    atlas = uv_atlas(len(sphere.faces))
    assert float(atlas.weights.min()) >= -1e-6
    assert torch.bincount(atlas.face, minlength=len(sphere.faces)).min() >= 3
    uv = (atlas.uv[atlas.face_uv()[atlas.face]] * atlas.weights[..., None]).sum(1)
    row, column = atlas.at.div(atlas.side, rounding_mode="floor"), atlas.at % atlas.side
    torch.testing.assert_close(uv[:, 0], (column + 0.5) / atlas.side)
    torch.testing.assert_close(uv[:, 1], 1 - (row + 0.5) / atlas.side)


def test_texels_lie_on_the_surface_and_the_rest_is_empty() -> None:
    sphere = icosphere(3)
    atlas = uv_atlas(len(sphere.faces))
    positions = atlas.texels(sphere, sphere.vertices)
    covered = positions.norm(dim=0) > 0
    assert int(covered.sum()) == len(atlas.at)
    assert float(positions.norm(dim=0)[covered].min()) > 0.98
