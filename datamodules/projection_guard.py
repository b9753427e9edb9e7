"""The guard against cameras that do not belong to their pictures: the mesh must project into the mask."""

import numpy as np
from scipy import ndimage

LEAST_INSIDE = 0.995
PROBE_POINTS = 2000


def projected(view_from_body: np.ndarray, points_cm: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """[p, 2] columns and rows in pixels of a picture of (height, width)."""
    h = points_cm @ view_from_body[:, :3].T + view_from_body[:, 3]
    position = h[:, :2] / np.where(h[:, 3:] > 1e-6, h[:, 3:], np.nan)
    return (position + 1) * (np.array([size[1], size[0]]) / 2)


def share_in_mask(mask: np.ndarray, pixels: np.ndarray, border: int = 1) -> float:
    """Share of the points [p, 2] that lie in the mask [h, w] or at most `border` pixels beside it (thin borders)."""
    around = border + 1
    grown = ndimage.binary_dilation(np.pad(mask.astype(bool), around), np.ones((3, 3)), iterations=border)
    with np.errstate(invalid="ignore"):
        index = np.nan_to_num(np.floor(pixels), nan=-around).clip(-around, np.array(mask.shape[::-1]) + border)
    column, row = (index.astype(int) + around).T
    return float(grown[row, column].mean())


def require_projection(
    mask: np.ndarray, view_from_body: np.ndarray, points_cm: np.ndarray, camera: str, border_share: float = 0.0
) -> None:
    """Raises ValueError when less than 99.5 % of a body's surface points [p, 3] project into the mask [h, w], widened
    by a pixel or by `border_share` of its side; the sentence names `camera` and the likely reason."""
    pixels = projected(view_from_body, points_cm, (mask.shape[0], mask.shape[1]))
    border = max(1, round(border_share * max(mask.shape)))
    share = share_in_mask(mask, pixels, border)
    if share < LEAST_INSIDE:
        raise ValueError(
            f"{camera} puts {share:.1%} of the body into its mask where {LEAST_INSIDE:.1%} are needed: "
            f"{_likely_reason(mask, pixels, border)}."
        )


def _likely_reason(mask: np.ndarray, pixels: np.ndarray, border: int) -> str:
    height, width = mask.shape
    seen = pixels[np.isfinite(pixels).all(1)]
    if len(seen) < len(pixels) / 2:
        return "it has the body behind it, check the sign of the matrix"
    for text, changed in (
        ("its rows point up, change the sign of y", np.array([0, height]) + seen * np.array([1, -1])),
        ("it is mirrored, change the sign of x", np.array([width, 0]) + seen * np.array([-1, 1])),
        ("its rows and columns are swapped", seen[:, ::-1]),
    ):
        if share_in_mask(mask, changed, border) >= LEAST_INSIDE:
            return text
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    ratio = float(np.ptp(seen[:, 1])) / float(rows[-1] + 1 - rows[0])
    if rows[0] == 0 or rows[-1] == height - 1 or columns[0] == 0 or columns[-1] == width - 1:
        return "the person is cut by the border of the picture, leave the view out"
    if not 0.9 < ratio < 1.1:
        return f"the body is drawn {ratio:.2f} times as high as the mask, check the scale and the size of the picture"
    middle = np.array([(columns[0] + columns[-1] + 1) / 2, (rows[0] + rows[-1] + 1) / 2])
    offset = (seen.min(0) + seen.max(0)) / 2 - middle
    if np.abs(offset).max() > 0.02 * max(height, width):
        return f"the body lies {np.abs(offset).max() / max(height, width):.0%} of the side beside it, check the centre"
    return "its rotation, its mask or its mesh belongs to another view or frame"
