"""What a person may have meant by a path at which there is nothing."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from urllib.parse import unquote

CHECK_PATH = "check the path for a typing mistake"
QUESTION_LAST = "write it last, after what it is about"
QUESTION_WORDS = 3
"""A name of so many words, and no suffix, is taken for a question."""

# A path has lost one of the slashes, and may have been made absolute.
_URL = re.compile(r"(?:^|/)(?P<scheme>https?|ftps?|sftp|smb|s3|gs|hf|file):/+(?P<rest>.*)", re.I)
_DRIVE = re.compile(r"(?P<letter>[A-Za-z]):[/\\](?P<rest>.*)", re.DOTALL)


def meant(name: str) -> tuple[str, str]:
    """Return the message and the hint for a path at which there is no document."""
    if found := foreign(name):
        return found
    if reads_like_question(name):
        return (
            f"{name} does not exist",
            f"if it is the question, {QUESTION_LAST}; else {CHECK_PATH}",
        )
    return f"{name} does not exist", CHECK_PATH


def foreign(name: str) -> tuple[str, str] | None:
    """Return the same for a URL, or a path of another system; None for all others."""
    if url := _URL.search(name):
        return _url(url["scheme"].lower(), url["rest"])
    if os.name != "nt" and (hint := _from_windows(name)):
        return f"{name} is a path of Windows", hint
    return None


def reads_like_question(name: str) -> bool:
    """Tell whether a name may be a question that is not in its place."""
    words = name.split()
    return name.rstrip().endswith("?") or (
        len(words) >= QUESTION_WORDS and not re.search(r"\.\w{1,8}$|[/\\]", name)
    )


def _url(scheme: str, rest: str) -> tuple[str, str]:
    if scheme == "file":
        hint = f"give the path itself: {shlex.quote(unquote(f'/{rest}'))}"
        return f"file:///{rest} is a URL, and no path", hint
    hint = "URLs are not fetched: download it, and name the file"
    return f"{scheme}://{rest} is a URL, and no path", hint


def _from_windows(name: str) -> str:
    """Return the hint for a path as Windows writes it; empty for any other."""
    if drive := _DRIVE.fullmatch(name):
        # Where Linux runs within Windows, its drives are there.
        here = Path("/mnt", drive["letter"].lower(), drive["rest"].replace("\\", "/"))
    elif "\\" in name:
        here = Path(name.replace("\\", "/"))
    else:
        return ""
    if here.exists():
        return f"here it is {shlex.quote(str(here))}"
    return "give the path that the file has here, in quotes"
