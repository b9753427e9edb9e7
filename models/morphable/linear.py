"""The one interface of every morphable face model."""

import dataclasses
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

NUMBER_OF_LANDMARKS = 68
NUMBER_OF_JAW_LANDMARKS = 17


class VertexRegions(NamedTuple):
    """Weights in 0..1 that say which part of the face a vertex belongs to; each `[v]`."""

    face: Float[Tensor, " v"]
    eyes: Float[Tensor, " v"]
    brows: Float[Tensor, " v"]
    nose: Float[Tensor, " v"]
    mouth: Float[Tensor, " v"]


@dataclasses.dataclass(frozen=True)
class Blendshapes:
    """Named expressions behind the expression basis: displacements at weight 1, weights run from 0 to 1.

    ``to_expression`` turns weights into coefficients of the model's expression basis: coefficients = weights @
    to_expression.
    """

    names: tuple[str, ...]
    displacements_mm: Float[Tensor, "n v 3"]
    to_expression: Float[Tensor, "n k"]


class MorphableModel(nn.Module):
    """Faces as a mean plus linear modes of identity, expression and albedo, in millimetres.

    Frame: x to the right of the picture, y up, z out of the face. Every basis is already multiplied by its
    standard deviation, so all coefficients are in standard deviations and zero coefficients give the neutral
    mean face. Differentiable in every coefficient. Source: Blanz and Vetter 1999; S = mean + B_id a + B_exp e,
    T = mean + B_alb t.

    Args:
        mean_mm: `[v 3]`. identity_basis_mm: `[k v 3]`. expression_basis_mm: `[k v 3]`. albedo_mean: `[v 3]`,
        RGB in 0..1. albedo_basis: `[k v 3]`; k = 0 where a model has no colour modes. faces: `[f 3]`,
        counter-clockwise seen from outside. uv: `[t 2]`, v up; face_uv: `[f 3]` indices into uv.
        landmark_faces: `[68 3]` vertex ids and landmark_barycentrics `[68 3]`: the iBUG-68 points on the
        surface. contour_candidates: `[17 c]` vertex ids over which each jaw landmark slides; column 0 is the
        vertex nearest to the
            landmark itself, the rest lie on its row towards the cheek (repeated ids are harmless).
        regions: soft parts of the face.
        name, provenance: which model, and the hash of the file or the recipe it came from.
        blendshapes: the named expressions, where a model has them.
        licensed: True for models that must not be redistributed; their arrays then stay out of checkpoints.

    Raises:
        ValueError: when sizes do not fit together.
    """

    mean_mm: Tensor
    identity_basis_mm: Tensor
    expression_basis_mm: Tensor
    albedo_mean: Tensor
    albedo_basis: Tensor
    faces: Tensor
    uv: Tensor
    face_uv: Tensor
    landmark_faces: Tensor
    landmark_barycentrics: Tensor
    contour_candidates: Tensor
    blendshapes_mm: Tensor
    blendshape_to_expression: Tensor

    def __init__(
        self,
        mean_mm: Float[Tensor, "v 3"],
        identity_basis_mm: Float[Tensor, "ki v 3"],
        expression_basis_mm: Float[Tensor, "ke v 3"],
        albedo_mean: Float[Tensor, "v 3"],
        albedo_basis: Float[Tensor, "ka v 3"],
        faces: Int[Tensor, "f 3"],
        uv: Float[Tensor, "t 2"],
        face_uv: Int[Tensor, "f 3"],
        landmark_faces: Int[Tensor, "68 3"],
        landmark_barycentrics: Float[Tensor, "68 3"],
        contour_candidates: Int[Tensor, "17 c"],
        regions: VertexRegions,
        name: str,
        provenance: str,
        *,
        blendshapes: Blendshapes | None = None,
        licensed: bool = False,
    ) -> None:
        super().__init__()
        count = mean_mm.shape[0]
        for what, ids, limit in (
            ("faces", faces, count),
            ("face_uv", face_uv, uv.shape[0]),
            ("landmark_faces", landmark_faces, count),
            ("contour_candidates", contour_candidates, count),
        ):
            if ids.numel() and (int(ids.min()) < 0 or int(ids.max()) >= limit):
                raise ValueError(
                    f"{name}: {what} holds ids {int(ids.min())}..{int(ids.max())} but only 0..{limit - 1} exist; "
                    "check whether the file counts from one."
                )
        if blendshapes is None:
            blendshapes = Blendshapes(
                (), mean_mm.new_zeros(0, count, 3), mean_mm.new_zeros(0, expression_basis_mm.shape[0])
            )
        self.name = name
        self.provenance = provenance
        self.licensed = licensed
        self.blendshape_names = blendshapes.names
        arrays = {
            "mean_mm": mean_mm,
            "identity_basis_mm": identity_basis_mm,
            "expression_basis_mm": expression_basis_mm,
            "albedo_mean": albedo_mean,
            "albedo_basis": albedo_basis,
            "faces": faces.long(),
            "uv": uv,
            "face_uv": face_uv.long(),
            "landmark_faces": landmark_faces.long(),
            "landmark_barycentrics": landmark_barycentrics,
            "contour_candidates": contour_candidates.long(),
            "blendshapes_mm": blendshapes.displacements_mm,
            "blendshape_to_expression": blendshapes.to_expression,
        }
        for key, value in arrays.items():
            self.register_buffer(key, value.contiguous(), persistent=not licensed)
        for part, weight in regions._asdict().items():
            self.register_buffer(f"region_{part}", weight.contiguous(), persistent=not licensed)

    @property
    def identity_size(self) -> int:
        return self.identity_basis_mm.shape[0]

    @property
    def expression_size(self) -> int:
        return self.expression_basis_mm.shape[0]

    @property
    def albedo_size(self) -> int:
        return self.albedo_basis.shape[0]

    @property
    def number_of_vertices(self) -> int:
        return self.mean_mm.shape[0]

    @property
    def regions(self) -> VertexRegions:
        return VertexRegions(*(getattr(self, f"region_{part}") for part in VertexRegions._fields))

    def vertices_mm(self, identity: Float[Tensor, "b ki"], expression: Float[Tensor, "b ke"]) -> Float[Tensor, "b v 3"]:
        """Vertices of each face. Differentiable in both coefficient vectors.

        Raises:
            ValueError: when the number of coefficients is not the size of the basis.
        """
        self._check_size("identity", identity, self.identity_size)
        self._check_size("expression", expression, self.expression_size)
        neutral = torch.addmm(self.mean_mm.flatten(), identity, self.identity_basis_mm.flatten(1))
        return torch.addmm(neutral, expression, self.expression_basis_mm.flatten(1)).unflatten(1, (-1, 3))

    def modes_at(self, vertex_ids: Int[Tensor, " n"]) -> Float[Tensor, "k n 3"]:
        """How the given vertices move with each identity and then each expression coefficient, at the mean face.

        Exact for linear models; a model with joints overrides it with its derivative.
        """
        return torch.cat([self.identity_basis_mm[:, vertex_ids], self.expression_basis_mm[:, vertex_ids]])

    def albedo(self, coefficients: Float[Tensor, "b k"]) -> Float[Tensor, "b v 3"]:
        """Linear RGB albedo of each vertex, NOT clipped to 0..1, so that gradients survive. Differentiable.

        Raises:
            ValueError: when the number of coefficients is not the size of the basis.
        """
        self._check_size("albedo", coefficients, self.albedo_size)
        return torch.addmm(self.albedo_mean.flatten(), coefficients, self.albedo_basis.flatten(1)).unflatten(1, (-1, 3))

    def expression_from_blendshapes(self, weights: Float[Tensor, "b n"]) -> Float[Tensor, "b k"]:
        """Coefficients of the expression basis that reproduce blendshape weights (0..1). Differentiable.

        Raises:
            ValueError: when the model has no named blendshapes or their number differs.
        """
        self._check_size("blendshape", weights, len(self.blendshape_names))
        return weights @ self.blendshape_to_expression

    def landmarks_mm(self, vertices_mm: Float[Tensor, "b v 3"]) -> Float[Tensor, "b 68 3"]:
        """The 68 points fixed to the surface, iBUG order. Differentiable in the vertices."""
        corners = vertices_mm[:, self.landmark_faces]
        return (corners * self.landmark_barycentrics[..., None]).sum(2)

    def sliding_landmarks_mm(
        self, vertices_mm: Float[Tensor, "b v 3"], rotation: Float[Tensor, "b 3 3"]
    ) -> Float[Tensor, "b 68 3"]:
        """The 68 points as annotators see them: jaw points slide along their row to the outline of the turned head.

        `rotation` takes model points to the camera (column vectors). Each jaw landmark but the chin moves to
        the candidate vertex that lies farthest out, across the head's upright axis as seen in the picture; on
        the near side that is the landmark's own place, on the far side the outline. Differentiable in the
        vertices (the choice is not). Points come back in the model frame. Source: Zhu et al. 2015 (landmark
        marching).
        """
        fixed = self.landmarks_mm(vertices_mm)
        candidates = vertices_mm[:, self.contour_candidates]
        choice = self.sliding_choice(candidates, rotation)
        slid = candidates.gather(2, choice[..., None, None].expand(-1, -1, 1, 3)).squeeze(2)
        # the first candidate stands for the landmark itself, whose exact place between the vertices is known
        jaw = torch.where(choice[..., None] == 0, fixed[:, :NUMBER_OF_JAW_LANDMARKS], slid)
        return torch.cat([jaw, fixed[:, NUMBER_OF_JAW_LANDMARKS:]], dim=1)

    @torch.no_grad()
    def sliding_choice(
        self, candidates_mm: Float[Tensor, "b 17 c 3"], rotation: Float[Tensor, "b 3 3"]
    ) -> Int[Tensor, "b 17"]:
        """Which of its candidates each jaw landmark slides to: the one farthest out (see `sliding_landmarks_mm`)."""
        up = rotation[:, :2, 1]
        # the picture direction to the right of the head, whatever the roll
        outward = torch.stack([up[:, 1], -up[:, 0]], dim=-1)
        across = torch.einsum("bxm,bx->bm", rotation[:, :2], outward)
        extent = torch.einsum("bjcm,bm->bjc", candidates_mm, across)
        side = torch.ones(NUMBER_OF_JAW_LANDMARKS, device=extent.device, dtype=extent.dtype)
        side[: NUMBER_OF_JAW_LANDMARKS // 2] = -1
        return (extent * side[:, None]).argmax(2)

    def _check_size(self, what: str, coefficients: Tensor, expected: int) -> None:
        if coefficients.shape[1] != expected:
            raise ValueError(
                f"{self.name} expects {expected} {what} coefficients but {coefficients.shape[1]} were given; "
                "build the model with that size or pad with zeros."
            )
