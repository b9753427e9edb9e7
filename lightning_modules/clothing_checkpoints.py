"""What the checkpoints of clothing insist on: the template that training started from is the configuration's."""

from typing import Any

from torch import Tensor

TEMPLATE = "reconstructor.template_vertices"


def require_first_template(
    checkpoint: dict[str, Any], template: Tensor, half_extents: tuple[float, float, float]
) -> None:
    """Where the template has got to lies in the checkpoint, but what is mirrored in it, and the depth that shapes
    should have, come from the one that training started from.

    Args:
        template: [v, 3], of the configuration.
        half_extents: of the configuration's first template.

    Raises:
        ValueError: when the checkpoint's template has other vertices or began with other extents.
    """
    stored = checkpoint["state_dict"].get(TEMPLATE)
    began = checkpoint.get("hyper_parameters", {}).get("half_extents")
    if stored is None or stored.shape != template.shape:
        found, own = "no template" if stored is None else f"a template of {len(stored)} vertices", len(template)
    elif began is not None and tuple(map(float, began)) != tuple(map(float, half_extents)):
        found, own = f"a template that began with the half extents {list(began)}", list(half_extents)
    else:
        return
    raise ValueError(
        f"The checkpoint has {found}, but the configuration has one of {own}: give the configuration that the "
        "checkpoint was trained with."
    )
