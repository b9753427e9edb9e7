"""What a browser sends, read within bounds and checked."""

import asyncio
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.requests import Request

from experiments.demo.jobs import Job
from experiments.demo.limits import Limits
from experiments.demo.uploads import too_many_bytes
from experiments.demo.work.bodies_options import RESOLUTIONS
from experiments.errors import UserError

LARGEST_JSON = 16384
MOST_PEOPLE = 20


async def receive_upload(request: Request, path: Path, limits: Limits) -> None:
    """Writes the body of a request into a new file, and stops reading at the bound.

    The body is the file itself, without a form around it: there is no name that a browser could choose.

    Raises:
        UserError: it is too large, or takes too long.
    """
    announced = request.headers.get("content-length", "0")
    if not announced.isdigit() or int(announced) > limits.upload_bytes:
        raise UserError(too_many_bytes(limits))
    received = 0
    try:
        async with asyncio.timeout(limits.upload_seconds):
            with path.open("xb") as file:
                async for piece in request.stream():
                    received += len(piece)
                    if received > limits.upload_bytes:
                        raise UserError(too_many_bytes(limits))
                    file.write(piece)
    except TimeoutError:
        raise UserError(
            f"the upload took longer than {limits.upload_seconds:.0f} seconds; choose a smaller file"
        ) from None


async def receive_json(request: Request) -> dict[str, Any]:
    """A small object.

    Raises:
        UserError: it is none, or not small.
    """
    content = bytearray()
    async for piece in request.stream():
        content += piece
        if len(content) > LARGEST_JSON:
            raise UserError("the request is too long; reload the page")
    try:
        values = json.loads(content)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise UserError("the request is no JSON object; reload the page")
    return values


def options_of(words: Mapping[str, str]) -> dict[str, Any]:
    """Which person, and how many cells, out of a query.

    Raises:
        UserError: no numbers, or none that can be.
    """
    options: dict[str, Any] = {}
    if words.get("person"):
        options["person"] = whole_number("person", words["person"], 1, MOST_PEOPLE)
    if words.get("resolution"):
        options["resolution"] = whole_number("resolution", words["resolution"], *RESOLUTIONS)
    return options


def whole_number(name: str, word: str, least: int, most: int) -> int:
    if not (word.isascii() and word.isdigit() and len(word) < 6 and least <= int(word) <= most):
        raise UserError(f"{name} {word[:20]!r} is no whole number from {least} to {most}")
    return int(word)


def changes_of(values: Any, job: Job) -> dict[str, float]:
    """Positions of a result's sliders, kept within their ends.

    Raises:
        UserError: a slider that the result does not have, or a position that is no number.
    """
    if not isinstance(values, dict):
        raise UserError("the changes are no JSON object; reload the page")
    sliders = {slider["name"]: slider for slider in job.sliders}
    changes = {}
    for name, value in values.items():
        if name not in sliders:
            raise UserError(f"this result has no {str(name)[:40]!r} to change; it has {', '.join(sliders)}")
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise UserError(f"{name} is set to no number; reload the page")
        changes[name] = min(max(float(value), float(sliders[name]["least"])), float(sliders[name]["greatest"]))
    return changes
