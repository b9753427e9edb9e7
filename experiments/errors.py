"""A user's mistake ends in one sentence and exit status 2; a fault of the program keeps its traceback."""

import errno
import re
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import jsonargparse
from jsonargparse import ArgumentError

USER_MISTAKE = 2
INTERRUPTED = 130
OUR_CODE = Path(__file__).parent.parent
OUR_SOURCES = [OUR_CODE / name for name in ("models", "metrics", "datamodules", "lightning_modules", "experiments")]
PARSER = Path(jsonargparse.__file__).parent


class UserError(ValueError):
    """What was given, what was expected, what to do next, in one sentence."""


@contextmanager
def mistakes_as_sentences(debug: bool) -> Iterator[None]:
    """Turns explained errors into a sentence on stderr and exit status 2; `debug` lets every error through."""
    told = threading.excepthook
    if not debug:
        threading.excepthook = lambda fault: None if full_disk(fault.exc_value) else told(fault)
    try:
        yield
    except KeyboardInterrupt:
        sys.stderr.write("threefold: interrupted\n")
        raise SystemExit(INTERRUPTED) from None
    except Exception as error:
        sentence = None if debug else explanation(error)
        if sentence is None:
            raise
        sys.stderr.write(f"threefold: {sentence}\n")
        raise SystemExit(USER_MISTAKE) from None
    finally:
        threading.excepthook = told


def full_disk(error: BaseException | None) -> bool:
    """What a thread that writes logs fails of too; the training itself says it."""
    return isinstance(error, OSError) and error.errno == errno.ENOSPC


def explanation(error: BaseException) -> str | None:
    """The sentence for a mistake of the user's; None where the error is a fault of the program."""
    from_worker = worker_error(error)
    if from_worker is not None:
        return from_worker
    if isinstance(error, (UserError, ArgumentError)) or told_by_lightning(error):
        return one_line(str(error))
    if type(error).__module__.startswith("wandb."):
        return f"wandb: {one_line(str(error))}; with --wandb offline the run can be sent later by `wandb sync`"
    if isinstance(error, OSError):
        return system_sentence(error)
    if isinstance(error, (ValueError, ModuleNotFoundError)) and raised_in(error, OUR_SOURCES):
        return one_line(str(error))
    if isinstance(error, ValueError) and raised_in(error, (PARSER,)):
        return innermost(str(error))  # what a constructor named in a configuration complained about
    return None


def told_by_lightning(error: BaseException) -> bool:
    """Whether it is Lightning's complaint about a configuration; who has not loaded Lightning need not for this."""
    loaded = sys.modules.get("lightning.fabric.utilities.exceptions")
    return loaded is not None and isinstance(error, loaded.MisconfigurationException)


def worker_error(error: BaseException) -> str | None:
    """A DataLoader's worker hands its exception over as text, with the traceback inside."""
    match = re.match(r"Caught (\w+) in DataLoader worker", str(error))
    if match is None or match[1] not in {"ValueError", "UserError", "FileNotFoundError", "OSError"}:
        return None
    text = str(error)
    if not any(str(folder) in text for folder in OUR_SOURCES):
        return None
    return one_line(text.strip().splitlines()[-1].split(": ", 1)[-1])


def raised_in(error: BaseException, folders: Sequence[Path]) -> bool:
    """Whether the raise statement stands in one of the folders: in ours, the message was written for the user."""
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and any(Path(frames[-1].filename).is_relative_to(folder) for folder in folders)


def innermost(message: str) -> str:
    """A parser's message without the layers that it wraps around a mistake inside a class's arguments."""
    text = one_line(message)
    while found := re.search(r"Errors: - (.*?)(?:(?: - Expected a| - expected NoneType| Given value type).*)?$", text):
        text = found[1].replace("Problem with given class_path", "class_path")
    return text


def system_sentence(error: OSError) -> str:
    """The operating system's refusal in words."""
    name = error.filename
    if error.errno == errno.ENOSPC:
        return f"the disk is full{f' while writing {name}' if name else ''}; free some space and run the command again"
    if error.errno is None or name is None:
        return innermost(str(error))  # a parser may stand between
    if isinstance(error, FileNotFoundError):
        return f"{name} does not exist; check the path"
    if isinstance(error, PermissionError):
        return f"{name} may not be read or written by this user; change its permissions or choose another path"
    if isinstance(error, (IsADirectoryError, NotADirectoryError)):
        return f"{name}: {error.strerror}; check the path"
    return f"{name}: {error.strerror}"


def one_line(text: str) -> str:
    return " ".join(text.split())
