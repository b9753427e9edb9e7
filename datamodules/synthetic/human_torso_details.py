"""Small things on a shirt, sharper than a coarse feature map: pockets, buttons, strings, belts, straps, patches."""

import torch
from torch import Tensor

from datamodules.synthetic.human_blocks import Addition, Context, Part
from datamodules.synthetic.human_parameters import Outfit
from datamodules.synthetic.human_primitives import smooth_max, smooth_min, tilted, torus

EMBOSS_CM = 0.3
BUTTONS = 5


def emboss(outfit: Outfit, chest: Tensor) -> Tensor:
    """[p] cm by which a patch on chest or back stands out; the light alone tells its sign."""
    x, y = chest[0], chest[1] - 5
    side = chest[2] if not outfit.emboss_on_back else -chest[2]
    if outfit.emboss_shape == 0:
        flat = ((x.square() + y.square()).sqrt() - 5.0).abs() - 1.4
    elif outfit.emboss_shape == 1:
        flat = torch.minimum(torch.maximum(x.abs() - 1.5, y.abs() - 6), torch.maximum(x.abs() - 6, y.abs() - 1.5))
    else:
        flat = torch.maximum(x.abs() - 7, ((y + 6) % 4 - 2).abs() - 1.1)
        flat = torch.maximum(flat, y.abs() - 6)
    inside = (0.5 - flat / 0.5).clamp(0, 1) * (side > 0)
    return inside * inside * (3 - 2 * inside) * (EMBOSS_CM * outfit.emboss)


def relief(
    context: Context, outside: Tensor, shirt: Tensor, trunk: Tensor, pelvis: Tensor, chest: Tensor
) -> list[Addition]:
    """All that lies on the trunk's clothes; each piece is a copy of the cloth below it, thicker, cut to its outline.

    outside: of all garments [p]; pelvis and chest: coordinates [3, p].
    """
    outfit = context.parameters.outfit
    pieces: list[tuple[Part, Tensor]] = []
    x, y, front = chest[0], chest[1], -chest[2]
    if context.details and outfit.lower != "dress" and outfit.belt:
        pieces.append((Part.TRIM, smooth_max(trunk - 1.7, (pelvis[1] - 5).abs() - 1.8, 0.3)))
    if context.details and outfit.upper != "jacket":
        if outfit.pocket:
            outline = torch.maximum(torch.maximum((x - 8).abs() - 4, (y - 8).abs() - 4.5), front)
            pieces.append((Part.UPPER, smooth_max(shirt - 0.25, outline, 0.1)))
        if outfit.buttons:
            row = ((17 - y) / 6.5).round().clamp(0, BUTTONS - 1)
            outline = (x.square() + (y - (17 - 6.5 * row)).square()).sqrt() - 0.7
            pieces.append((Part.TRIM, smooth_max(shirt - 0.25, torch.maximum(outline, front), 0.1)))
        if outfit.upper == "hoodie":  # the strings in front tell of the hood behind
            outline = torch.maximum((x.abs() - 3.2).abs() - 0.45, (y - 13).abs() - 6)
            pieces.append((Part.TRIM, smooth_max(shirt - 0.4, torch.maximum(outline, front), 0.2)))
    if outfit.backpack:  # the straps in front tell of the bag behind
        outline = torch.maximum((x.abs() - 9.5).abs() - 2.2, 1 - y)
        pieces.append((Part.BAG, smooth_max(outside - 0.9, outline, 0.4)))
    if outfit.scarf:
        outline = torch.maximum(torch.maximum((x - 4).abs() - 3.5, (y - 9).abs() - 13), front)
        end = smooth_max(outside - 1.1, outline, 0.5)
        around = tilted(chest, (0, 25.0 * context.parameters.shape.torso, 0.0), 0.3)
        pieces.append((Part.ACCESSORY, smooth_min(end, torus(around, 6.6, 3.0), 1.0)))
    if outfit.apron:
        outline = torch.maximum(torch.maximum(x.abs() - 12, y - 13), front + 2)
        pieces.append((Part.ACCESSORY, smooth_max(outside - 0.8, outline, 0.4)))
    return [Addition(part, distance, 0.0) for part, distance in pieces]
