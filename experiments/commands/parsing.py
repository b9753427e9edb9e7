"""A function's signature as a command line: types and defaults from the signature, help texts from the docstring."""

import inspect
import re
import types
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any, Union, get_args, get_origin

import docstring_parser
from jsonargparse import ArgumentError, ArgumentParser

from experiments.errors import UserError, one_line


def call(
    function: Callable[..., Any], arguments: Sequence[str], *, verb: str, given: Mapping[str, Any] | None = None
) -> Any:
    """Parses the words after a verb and calls the function with them.

    A parameter `list[T]` takes the words that belong to no option, `list[T] | None` likewise, or none; behind a `*` it
    is an option of one word or more (`--yaws 0 90 180`). `tuple[T, T, ...] | None` takes as many words as the tuple has
    members (`--box 10 20 300 300`); every other parameter is one option. Parameters that are `given` are no options.

    Raises:
        UserError: words that do not fit the signature.
    """
    parser = signature_parser(function, verb=verb, without=set(given or ()))
    try:
        values = parser.parse_args(list(arguments))
    except ArgumentError as error:
        raise UserError(f"{verb}: {plain_words(str(error))}; `threefold {verb} --help` lists what it takes") from None
    return function(**values.as_dict(), **(given or {}))


def signature_parser(function: Callable[..., Any], *, verb: str, without: Set[str] = frozenset()) -> ArgumentParser:
    """The parser behind `call`; parameters in `without` are left out."""
    text = docstring_parser.parse(inspect.getdoc(function) or "")
    help_texts = {parameter.arg_name: parameter.description for parameter in text.params}
    parser = PlainParser(prog=f"threefold {verb}", description=text.description, exit_on_error=False)
    by_hand: set[str | int] = set(without)
    for name, parameter in inspect.signature(function).parameters.items():
        members = several_words(parameter.annotation)
        if members is None or name in without:
            continue
        by_hand.add(name)
        help_text = help_texts.get(name)
        if get_origin(parameter.annotation) is list:
            parser.add_argument(name, nargs="+", type=members[0], help=help_text)
        elif all(get_origin(choice) is not list for choice in get_args(parameter.annotation)):
            parser.add_argument(f"--{name}", nargs=len(members), type=members[0], default=None, help=help_text)
        elif parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            parser.add_argument(f"--{name}", nargs="+", type=members[0], default=None, help=help_text)
        else:
            parser.add_argument(name, nargs="*", type=members[0], help=help_text)
    parser.add_function_arguments(function, skip=by_hand, as_group=False, sub_configs=False)
    return parser


class PlainParser(ArgumentParser):
    """Help that names types as people do."""

    def format_help(self) -> str:
        return re.sub(r"<class\s+'(?:[\w.]*\.)?(\w+)'>", r"\1", super().format_help())


def several_words(annotation: Any) -> tuple[type, ...] | None:
    """The types of the words that a `list[T]`, a `list[T] | None` or a `tuple[T, T] | None` takes; None for an ordinary
    option."""
    if get_origin(annotation) is list:
        return get_args(annotation)
    if get_origin(annotation) in (Union, types.UnionType):
        for choice in get_args(annotation):
            if get_origin(choice) in (tuple, list):
                return get_args(choice)
    return None


def plain_words(message: str) -> str:
    """jsonargparse's message without Python's notation."""
    message = one_line(message)
    message = re.sub(r'Parser key "([^"]+)"( element \d+)?:', r"--\1\2:", message)
    message = re.sub(r"typing\.Literal\[([^\]]*)\]", r"one of \1", message)
    message = re.sub(r"<class '(?:[\w.]*\.)?(\w+)'>", r"\1", message)
    message = re.sub(
        r"Does not validate against any of the Union subtypes Subtypes: \[(.*?)(?:, NoneType)?\] Errors: .* "
        r"Given value type: \w+ Given value: (.*)",
        r"expected \1, got \2",
        message,
    )
    return message.replace("Got value:", "got").replace("Expected a", "expected").replace(". got", ", got").rstrip(". ")
