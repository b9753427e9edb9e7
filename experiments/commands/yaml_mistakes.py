"""Mistakes in configuration files, said in one sentence that names the key and the file."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from experiments.commands.parsing import plain_words
from experiments.errors import UserError, innermost

KEY_MENTIONS = (
    r"Option [\"']([\w./]+)[\"'] is not accepted",
    r"accept (?:option|key|nested key) [\"']([\w./]+)[\"']",
    r"--([\w./]+): expected",
    r"Parser key [\"']([\w./]+)[\"']",
    r"unrecognized arguments: --([\w./]+)",
    r"class_path [\"']([\w./]+)[\"']",
)
"""How the parser names the key it stumbled over, the most telling first."""


def sentence_for(message: str, verb: str, files: Sequence[Path]) -> str:
    """The parser's message as one sentence: what is wrong, with which key, in which file."""
    message = innermost(message)
    keys = [match for pattern in KEY_MENTIONS for match in re.findall(pattern, message)]
    for key in keys:
        for path in reversed(files):
            if mentions(yaml.safe_load(path.read_text()), key):
                return f"{path}: key {key!r}: {plain_words(message)}; correct the key or take it out"
    return f"{verb}: {plain_words(message)}; `threefold {verb} --help` lists what it takes"


def mentions(document: Any, key: str) -> bool:
    """Whether a YAML document contains a key, given whole ("trainer.max_epochs") or by its last part, or a class's
    name."""
    last = key.split(".")[-1]
    if key in class_names(document):
        return True
    return any(path == key or path.endswith(f".{key}") or path.split(".")[-1] == last for path in key_paths(document))


def key_paths(document: Any, prefix: str = "") -> Iterator[str]:
    if isinstance(document, dict):
        for key, value in document.items():
            yield f"{prefix}{key}"
            yield from key_paths(value, f"{prefix}{key}.")
    elif isinstance(document, list):
        for value in document:
            yield from key_paths(value, prefix)


def class_names(document: Any) -> list[str]:
    """Every class_path in a YAML document."""
    if isinstance(document, dict):
        own = [document["class_path"]] if "class_path" in document else []
        return own + [name for value in document.values() for name in class_names(value)]
    if isinstance(document, list):
        return [name for value in document for name in class_names(value)]
    return []


def refuse_two_models(files: Sequence[Path]) -> None:
    """A later file that names another class would silently keep the values of the earlier one's class.

    Raises:
        UserError: two of the files name different classes for the model or the data.
    """
    for part in ("model", "data"):
        named: dict[str, Path] = {}
        for path in files:
            section = (yaml.safe_load(path.read_text()) or {}).get(part)
            if isinstance(section, dict) and "class_path" in section:
                named[section["class_path"]] = path
        if len(named) > 1:
            (first, one), (second, other) = list(named.items())[:2]
            raise UserError(
                f"{one} says {part}: {first} and {other} says {part}: {second}; give the class in one of the "
                "files only, because values of the first would leak into the second"
            )
