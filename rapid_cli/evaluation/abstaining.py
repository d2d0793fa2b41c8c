"""Whether an answer says that the text does not hold what was asked for."""

from __future__ import annotations

import re

from rapid_cli.text.sentences import sentences

_TEXT = (
    r"(?:text|passage|document|article|excerpt|context|source|story|paper|book|report|page|section"
    r"|information|content|author|lecture|conversation|provided|given|above|it|there)"
)
_TELL = (
    r"(?:say|state|mention|specify|tell|provide|give|contain|include|hold|indicate|describe|explain"
    r"|discuss|address|answer|reveal|disclose|list|name|offer|identify|clarify|report|have|cover"
    r"|refer)"
)
_TOLD = (
    r"(?:said|stated|mentioned|specified|told|provided|given|contained|included|indicated|described"
    r"|explained|discussed|addressed|answered|available|found|disclosed|listed|named|known|present"
    r"|identified|reported|covered|defined|clear|in the)"
)
_NOT = r"(?:does not|do not|did not|doesn't|don't|didn't|never|fails to|cannot|can't|can not)"
_RULES = (
    rf"\b{_TEXT}\b[^.]{{0,60}}?\b{_NOT}\s+(?:\w+ly\s+)?{_TELL}\b",
    rf"\b(?:is|are|was|were|isn't|aren't|wasn't|weren't)\s*(?:not|n't)?\s*(?:\w+ly\s+)?"
    rf"(?<=not )(?:\w+ly\s+)?{_TOLD}\b",
    rf"\b(?:isn't|aren't|wasn't|weren't)\s+(?:\w+ly\s+)?{_TOLD}\b",
    rf"^\W*(?:\w+ly\s+)?not\s+(?:\w+ly\s+)?{_TOLD}\b",
    r"\bno\s+(?:\w+\s+){0,3}?(?:information|mention|answer|evidence|details?|data|reference|indication)\b",
    r"\b(?:not|n't)\s+(?:enough|sufficient|any)\s+(?:\w+\s+)?"
    r"(?:information|detail|context|data|mention)",
    r"\binsufficient\s+(?:information|context|detail|data)\b",
    r"\b(?:cannot|can't|can not|could not|couldn't)\s+be\s+"
    r"(?:answered|determined|found|inferred|known|identified)\b",
    r"\b(?:i|we)\s+(?:do not|don't|cannot|can't|could not|couldn't)\s+"
    r"(?:know|find|answer|determine|see|tell)\b",
    r"\b(?:unable|impossible)\s+to\s+(?:answer|determine|find|say|tell)\b",
    r"\b(?:unanswerable|not answerable|not applicable)\b",
    r"^\W*(?:unknown|unspecified|unclear|none|n/?a|nothing)\W*$",
    r"\bthere\s+(?:is|are|was|were)\s+no\s+(?:\w+\s+){1,6}?(?:in|mentioned in|given in)\s+the\s+"
    rf"(?:\w+\s+)?{_TEXT}\b",
)
_ABSTAINING = re.compile("|".join(f"(?:{rule})" for rule in _RULES))


def abstains(answer: str) -> bool:
    """Tell whether an English answer begins by saying that the text does not say.

    The first sentence decides: what comes after an answer may well say what else is not known.
    """
    text = answer.replace("’", "'").lower().strip()
    spans = sentences(text)
    first = text[slice(*spans[0])] if spans else text
    return bool(_ABSTAINING.search(first))
