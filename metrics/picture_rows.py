"""A table with one row a picture, complete over processes, in which every picture stands once."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat


class PictureRows(Metric):
    """Figures of pictures by the pictures' index. A picture that comes again, as the samplers of several processes
    repeat a few to give each equally many, is counted once.

    Args:
        columns: names of the figures.
    """

    higher_is_better = None
    full_state_update = False
    rows: list[Tensor] | Tensor

    def __init__(self, columns: tuple[str, ...]) -> None:
        super().__init__()
        self.columns = columns
        self.add_state("rows", [], dist_reduce_fx="cat")

    def update(self, index: Int[Tensor, " b"], figures: dict[str, Float[Tensor, " b"]]) -> None:
        """Adds a batch; a column without figures is NaN."""
        unknown = set(figures) - set(self.columns)
        if unknown:
            raise ValueError(f"The table of pictures has no column {sorted(unknown)[0]}: give it when it is made.")
        assert isinstance(self.rows, list)
        nothing = torch.full((len(index),), torch.nan, device=self.device)
        values = [figures[name].to(nothing) if name in figures else nothing for name in self.columns]
        # flat and float32: what torchmetrics gathers from a process without pictures
        self.rows.append(torch.stack([index.to(nothing), *values], 1).flatten())

    def table(self) -> Float[Tensor, "pictures columns"]:
        """Index and `columns` of every picture of this process, ordered by index; of all inside `compute`."""
        flat = dim_zero_cat(self.rows) if len(self.rows) else torch.zeros(0, device=self.device)
        rows = flat.reshape(-1, 1 + len(self.columns)).double()
        index, inverse = rows[:, 0].unique(return_inverse=True)
        first = torch.full_like(index, len(rows)).long()
        first = first.scatter_reduce(0, inverse, torch.arange(len(rows), device=rows.device), "amin")
        return rows[first]

    def compute(self) -> Float[Tensor, "pictures columns"]:
        """`table` of the pictures of all processes, float64."""
        return self.table()

    def figures(self) -> dict[str, Float[Tensor, " pictures"]]:
        """Every column, and `index`, over all processes; each process must ask."""
        return dict(zip(("index", *self.columns), self.compute().unbind(1), strict=True))
