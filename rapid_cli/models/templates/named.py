"""Of several chat templates under names, the one for plain questions."""

from __future__ import annotations

import json

DEFAULT = "default"
_KEY = "chat_template"


def default_template(text: str) -> str:
    """Return the template for questions, if a text is JSON with one or several; else the text.

    So Hugging Face's tokenizer_config.json has them: under the key "chat_template" one, a
    dictionary, or a list of "name" and "template". Without a default one, it is the first.
    """
    if not text.lstrip().startswith(("{", "[")):
        return text
    try:
        return _chosen(json.loads(text)) or text
    except (ValueError, RecursionError):  # a template, which may begin with the same characters
        return text


def _chosen(found: object) -> str | None:
    if isinstance(found, dict) and _KEY in found:
        found = found[_KEY]
    if isinstance(found, list):
        found = {each.get("name"): each.get("template") for each in found if isinstance(each, dict)}
    if isinstance(found, dict):
        found = found.get(DEFAULT) or next(iter(found.values()), None)
    return found if isinstance(found, str) else None
