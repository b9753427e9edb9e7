"""Market-HQ as it is downloaded: its sound pairs linked, their foreground counted."""

from pathlib import Path

from datamodules.market_hq import market_hq_layout
from datamodules.preparation.clothing_pairs import Progress, place_pairs
from datamodules.preparation.neutral_layout import Prepared


def prepare_market_hq(
    raw: str | Path, out: str | Path, *, copy: bool = False, progress: Progress | None = None
) -> Prepared:
    """OUT/hq/pytorch, OUT/hq/seg_hmr and OUT/hq/foreground.csv; names stay. `raw` is only read, unless `out` is the
    same folder, which then gets the index. A second run changes nothing.

    copy: copy pictures instead of linking to them. Raises FileNotFoundError when `raw` is no Market-HQ.
    """
    layout = market_hq_layout(raw)
    base = layout.base if Path(out).resolve() == Path(raw).resolve() else Path(out) / "hq"
    return place_pairs(layout, base, lambda path: path.relative_to(layout.base), copy=copy, progress=progress)
