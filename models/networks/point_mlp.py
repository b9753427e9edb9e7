"""The network that says of every point whether it is inside, from the features of one or several views."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, linear

from models.networks.residual_block import Initialization, initialize

Fusion = Literal["mean", "max", "attention", "per_view"]
SLOPE = 0.01


class PointOutput(NamedTuple):
    """What the network says of points."""

    logits: Tensor
    """[b p], positive inside."""
    merged: Tensor
    """[b p c]: activation after the merge layer, fused over the views (PIFuHD's Ω)."""
    per_view: Tensor | None
    """[b n p]: logits of each view on its own, when asked for."""


class PointMlp(nn.Module):
    """Linear layers shared by all points, with the input given again to later layers, and the views fused half-way.

    Layers up to `merge_layer` run for each view; there the activations are fused over the views, and so is the input
    that later layers are given again; the rest runs once a point. Every point is answered on its own: neither its
    neighbours nor the size of the batch matter. Source: the surface classifiers of PIFu (Saito et al. 2019: the
    defaults) and PIFuHD (Saito et al. 2020: coarse `skip_layers=(2, 3, 4)`; fine widths (272, 512, 256, 128, 1) and
    skips (1, 2)).

    Args:
        widths: channels of the input, of every layer, and of the answer, which is 1.
        skip_layers: layers, counted from 0, that see the input again.
        merge_layer: the layer, counted from 0, after whose activation the views are fused.
        norm: "group" normalises the channels of each point in groups of 32 or fewer.
        fusion: "mean" is PIFu's; "max"; "attention" weighs the views by a learned score; "per_view" follows each view
            to the end and takes the mean of their logits.
        init: see `initialize`.
    """

    def __init__(
        self,
        widths: Sequence[int] = (257, 1024, 512, 256, 128, 1),
        skip_layers: Sequence[int] = (1, 2, 3, 4),
        merge_layer: int = 2,
        norm: Literal["none", "group"] = "none",
        fusion: Fusion = "mean",
        init: Initialization = "default",
    ) -> None:
        super().__init__()
        count = len(widths) - 1
        if count < 2 or widths[-1] != 1:
            raise ValueError(f"The widths are {tuple(widths)}, but two layers or more that end in 1 are needed.")
        if not 0 <= merge_layer < count - 1 or not all(0 < layer < count for layer in skip_layers):
            raise ValueError(
                f"merge_layer is {merge_layer} and skip_layers {tuple(skip_layers)}, but with {count} layers the views "
                f"merge after one of 0 … {count - 2} and skips lead to some of 1 … {count - 1}: change them."
            )
        self.skip_layers, self.merge_layer, self.fusion = frozenset(skip_layers), merge_layer, fusion
        self.widths = tuple(widths)
        self.layers = nn.ModuleList(
            nn.Linear(widths[layer] + widths[0] * (layer in self.skip_layers), widths[layer + 1])
            for layer in range(count)
        )
        self.norms = nn.ModuleList(
            nn.GroupNorm(_groups(width), width) if norm == "group" else nn.Identity() for width in widths[1:-1]
        )
        self.attention = nn.Linear(widths[merge_layer + 1], 1) if fusion == "attention" else None
        initialize(self, init)

    def forward(
        self,
        features: Float[Tensor, "b n p c"],
        per_view: bool = False,
    ) -> PointOutput:
        """Logits of points from their features in every view. Differentiable in the features.

        Args:
            features: sampled features, the depth among them.
            per_view: also answer for each view on its own.
        """
        hidden = self._run(features, features, 0, self.merge_layer + 1)
        shares = None if self.attention is None else self.attention(hidden).softmax(dim=1)  # [b n p 1]
        merged = self._fuse(hidden, shares)
        alone = None
        if per_view or self.fusion == "per_view":
            alone = self._run(hidden, features, self.merge_layer + 1, len(self.layers))[..., 0]
        if self.fusion == "per_view":
            assert alone is not None
            return PointOutput(self._fuse(alone[..., None], shares)[..., 0], merged, alone)
        again = self._fuse(features, shares)
        logits = self._run(merged, again, self.merge_layer + 1, len(self.layers))[..., 0]
        return PointOutput(logits, merged, alone)

    def _run(self, hidden: Tensor, features: Tensor, first: int, end: int) -> Tensor:
        """Layers `first` to `end` − 1. The input is not joined to the activations: two products are a fifth faster."""
        for index in range(first, end):
            layer = self.layers[index]
            assert isinstance(layer, nn.Linear)
            if index in self.skip_layers:
                width = hidden.shape[-1]
                seen = linear(features, layer.weight[:, width:], layer.bias)
                hidden = _accumulated(seen, hidden, layer.weight[:, :width])
            else:
                hidden = layer(hidden)
            if index < len(self.layers) - 1:
                norm = self.norms[index]
                if isinstance(norm, nn.GroupNorm):
                    hidden = norm(hidden.reshape(-1, hidden.shape[-1])).reshape(hidden.shape)
                hidden = leaky_relu(hidden, SLOPE)
        return hidden

    def _fuse(self, values: Tensor, shares: Tensor | None) -> Tensor:
        """[b n p c] -> [b p c]; equal shares without any."""
        if shares is not None:
            return (values * shares).sum(dim=1)
        if values.shape[1] == 1:
            return values[:, 0]
        return values.amax(dim=1) if self.fusion == "max" else values.mean(dim=1)


def _accumulated(sum_so_far: Tensor, values: Tensor, weight: Tensor) -> Tensor:
    shape = sum_so_far.shape
    product = torch.addmm(sum_so_far.reshape(-1, shape[-1]), values.reshape(-1, values.shape[-1]), weight.t())
    return product.reshape(shape)


def _groups(width: int) -> int:
    return max(
        groups for groups in (32, 16, 8, 4, 2, 1) if width % groups == 0 and (groups == 1 or width // groups > 1)
    )
