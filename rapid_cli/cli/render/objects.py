"""Objects on stdout, as JSON: the same on a terminal as in a file."""

from __future__ import annotations

import json
import sys

from rapid_cli.text.printable import printable_json


def print_json(value: object) -> None:
    """Print a value on one line, at once; what the output has no letters for is escaped."""
    print(_encodable(value), flush=True)


def _encodable(value: object) -> str:
    text = printable_json(value)
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:  # else a question mark would stand in the place of a letter
        return json.dumps(value)
    return text
