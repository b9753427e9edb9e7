"""Numbers from papers, to stand beside ours and never among them.

Both tables: Li, Oskarsson and Heyden (multi-scale features from several views, ICPR 2020), as shown on their slides.
The slides print no units: centimetres for P2S, from the vertices of the prediction, and square decimetres for
Chamfer-L2 are our reading, the only one whose ratio of root mean square to mean is plausible. Their data, cameras and
splits are not ours: compare rankings and margins, not numbers across the line.
"""

from typing import Literal, NamedTuple

Paper = Literal["articulated", "cape"]


class QuotedColumn(NamedTuple):
    title: str
    ours: str
    """The column of ours that measures the same."""
    higher_is_better: bool


COLUMNS = (
    QuotedColumn("P2S cm ↓", "p2s_vertices_cm", False),
    QuotedColumn("Chamfer-L2 dm² ↓", "chamfer_l2_dm2", False),
    QuotedColumn("IoU ↑", "iou_volume", True),
)

QUOTED: dict[Paper, dict[str, tuple[float, float, float]]] = {
    "articulated": {
        "SPIN": (3.5206, 0.2679, 0.3506),
        "DeepHuman": (3.9448, 0.2675, 0.3742),
        "PIFu": (0.8194, 0.0210, 0.8255),
        "Li et al.": (0.7332, 0.0194, 0.8484),
    },
    "cape": {
        "SPIN": (2.2134, 0.1271, 0.4044),
        "DeepHuman": (3.4028, 0.1850, 0.3861),
        "PIFu": (1.0330, 0.0212, 0.7571),
        "Li et al.": (0.9482, 0.0196, 0.7829),
    },
}

NOTE = (
    "Quoted rows: Li et al., ICPR 2020, slides; units are our reading (P2S cm from vertices, Chamfer-L2 dm²); other "
    "data, cameras and splits than ours."
)
