"""The command line's sentences in the words of the page: no paths, no options."""

import re

from experiments.demo.limits import MEGABYTE, Limits

REMEDY = "try another picture, or say which person under “Settings”"
_PICTURE = re.compile(r"(?:/[^\s:;,()]+)+/(?:picture\.png|upload)")
_PATH = re.compile(r"(?:/[^\s:;,()]+)+/([^\s/:;,()]+)")
_OPTION = re.compile(r"--(\w+)")


def for_visitors(sentence: str) -> str:
    """What was found stays; what to do next is said anew where it names an option of the command line."""
    sentence = _PATH.sub(r"\1", _PICTURE.sub("the picture", sentence))
    sentence = sentence.removeprefix("the picture: ").replace("--person N takes", "“Settings” takes")
    found, separator, remedy = sentence.partition("; ")
    if "--" in remedy:
        remedy = REMEDY
    return _OPTION.sub(r"\1", found) + separator + remedy


def memory_sentence(error: BaseException, limits: Limits) -> str | None:
    """The sentence for work that hit its bound of memory; None for every other error."""
    text = str(error).lower()
    refused = isinstance(error, MemoryError) or "can't allocate memory" in text or "out of memory" in text
    return memory_needed(limits) if refused else None


def memory_needed(limits: Limits) -> str:
    return (
        f"this needed more memory than the {limits.job_memory_bytes / MEGABYTE / 1024:.1f} GB that one reconstruction "
        "may have; choose a smaller picture or fewer cells"
    )
