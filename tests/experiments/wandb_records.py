"""Reads what wandb's client writes while it is offline: a file of blocks of 32 KiB with protobuf records."""

import importlib
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

BLOCK = 32768
FULL, LAST = 1, 4


class OfflineRun(NamedTuple):
    """What the files of one run say, all starts of it together."""

    ids: set[str]
    config: dict[str, Any]
    history: list[dict[str, Any]]
    artifacts: list[str]


def records(path: Path) -> Iterator[Any]:
    messages: Any = importlib.import_module("wandb.proto.wandb_internal_pb2")
    content, place, part = path.read_bytes(), 7, b""  # behind the head of the file
    while place + 7 <= len(content):
        left = BLOCK - place % BLOCK
        if left < 7:
            place += left
            continue
        _, length, kind = struct.unpack_from("<IHB", content, place)
        if kind == 0:
            return
        part += content[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (FULL, LAST):
            record = messages.Record()
            record.ParseFromString(part)
            part = b""
            yield record


def read_offline(folder: Path) -> OfflineRun:
    """Every start below a run's folder, in order."""
    run = OfflineRun(set(), {}, [], [])
    for path in sorted(folder.glob("wandb/offline-run-*/run-*.wandb")):
        for record in records(path):
            kind = record.WhichOneof("record_type")
            if kind == "run":
                run.ids.add(record.run.run_id)
                run.config.update({item.key: json.loads(item.value_json) for item in record.run.config.update})
            elif kind == "history":
                items = record.history.item
                run.history.append(
                    {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in items}
                )
            elif kind == "artifact":
                run.artifacts.append(record.artifact.name)
    return run
