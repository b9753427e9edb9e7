"""Numbers from papers, to stand beside ours and never among them.

Only what was read in print stands here: a paper whose tables were not at hand has no rows, and says so.
"""

from typing import Literal, NamedTuple

Paper = Literal["articulated", "cape", "atr", "market-hq", "cub"]


class QuotedColumn(NamedTuple):
    title: str
    ours: str
    """The column of ours that measures the same."""
    higher_is_better: bool


class QuotedTable(NamedTuple):
    """A paper's table: its columns, its rows by method (None where a method has no number), and how to read it."""

    title: str
    columns: tuple[QuotedColumn, ...]
    rows: dict[str, tuple[float | None, ...]]
    note: str
    digits: int = 4
    """Behind the point, as printed."""


BODY_COLUMNS = (
    QuotedColumn("P2S cm ↓", "p2s_vertices_cm", False),
    QuotedColumn("Chamfer-L2 dm² ↓", "chamfer_l2_dm2", False),
    QuotedColumn("IoU ↑", "iou_volume", True),
)
# Li, Oskarsson and Heyden (multi-scale features from several views, ICPR 2020), as shown on their slides. They print no
# units: centimetres and square decimetres are the only reading whose ratio of root mean square to mean is plausible.
BODY_NOTE = (
    "Quoted rows: Li et al., ICPR 2020, slides; units are our reading (P2S cm from vertices, Chamfer-L2 dm²); other "
    "data, cameras and splits than ours."
)

CLOTHING_COLUMNS = (
    QuotedColumn("SSIM ↑", "ssim", True),
    QuotedColumn("MaskIoU soft ↑", "mask_iou_soft", True),
    QuotedColumn("FID reconstruction ↓", "fid_reconstruction", False),
    QuotedColumn("FID rotation ↓", "fid_rotation", False),
    QuotedColumn("FID ±90° ↓", "fid_quarter_turns", False),
)
CLOTHING_NOTE = (
    "No quoted rows: the tables of Zheng et al., 3D Magic Mirror, were not at hand, and its code holds no numbers. The "
    "columns are those of its test. Its code changed between the versions of the paper and chose the epoch by FID "
    "rotation on the test set; a row that is added here must say which version it comes from."
)
BIRD_COLUMNS = (
    *CLOTHING_COLUMNS,
    QuotedColumn("FID twelve views ↓", "fid_twelve_views", False),
    QuotedColumn("MaskIoU CMR ↑", "mask_iou_cmr", True),
)
BIRD_NOTE = (
    "Quoted rows: CMR as a reader re-evaluated it after 500 epochs on CMR's own 2874 test pictures "
    "(github.com/nv-tlabs/DIB-R, thread 2), not its paper's table; 256 x 256 crops around annotated boxes. The soft "
    "MaskIoU of 3D Magic Mirror has other crops and masks and stands in another column; its own table was not at hand."
)
_NO_PICTURES = (None,) * (len(BIRD_COLUMNS) - 1)

TABLES: dict[Paper, QuotedTable] = {
    "articulated": QuotedTable(
        "Articulated",
        BODY_COLUMNS,
        {
            "SPIN": (3.5206, 0.2679, 0.3506),
            "DeepHuman": (3.9448, 0.2675, 0.3742),
            "PIFu": (0.8194, 0.0210, 0.8255),
            "Li et al.": (0.7332, 0.0194, 0.8484),
        },
        BODY_NOTE,
    ),
    "cape": QuotedTable(
        "CAPE",
        BODY_COLUMNS,
        {
            "SPIN": (2.2134, 0.1271, 0.4044),
            "DeepHuman": (3.4028, 0.1850, 0.3861),
            "PIFu": (1.0330, 0.0212, 0.7571),
            "Li et al.": (0.9482, 0.0196, 0.7829),
        },
        BODY_NOTE,
    ),
    "atr": QuotedTable("ATR", CLOTHING_COLUMNS, {}, CLOTHING_NOTE),
    "market-hq": QuotedTable("Market-HQ", CLOTHING_COLUMNS, {}, CLOTHING_NOTE),
    "cub": QuotedTable(
        "CUB",
        BIRD_COLUMNS,
        {
            "CMR, predicted camera": (*_NO_PICTURES, 0.703),
            "CMR, true camera": (*_NO_PICTURES, 0.735),
        },
        BIRD_NOTE,
        digits=3,
    ),
}
