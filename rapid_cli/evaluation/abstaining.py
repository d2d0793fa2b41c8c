"""Whether an answer says that the text does not hold what was asked for."""

from __future__ import annotations

import re

from rapid_cli.text.sentences import sentences

_TEXT = (
    "text|passage|document|article|excerpt|context|source|story|paper|book|report|page|section"
    "|information|content|author|lecture|conversation"
)
_SAY = "say|state|mention|specify|tell|indicate|describe|explain|discuss|address|reveal|disclose"
_HOLD = "provide|give|contain|include|hold|answer|list|name|offer|identify|clarify|have|cover|refer"
_SAID = (
    "said|stated|mentioned|specified|told|provided|given|indicated|described|explained|discussed"
    "|addressed|disclosed|listed|identified|available|found in|contained in|included in"
)
_NOT = "does not|do not|did not|doesn't|don't|didn't|never|fails to|cannot|can't|can not"
_BE_NOT = "is not|are not|was not|were not|isn't|aren't|wasn't|weren't"
_FACTS = "information|mention|answer|evidence|details?|data|reference|indication"
_RULES = (
    rf"\b(?:{_TEXT})\b[^.]{{0,60}}?\b(?:{_NOT})\s+(?:\w+ly\s+)?(?:{_SAY}|{_HOLD})\b",
    rf"\bit\s+(?:{_NOT})\s+(?:\w+ly\s+)?(?:{_SAY})\b",
    rf"\b(?:{_BE_NOT})\s+(?:\w+ly\s+)?in\s+the\s+(?:\w+\s+)?(?:{_TEXT})\b",
    rf"\b(?:{_BE_NOT})\s+(?:\w+ly\s+)?(?:{_SAID})\b",
    rf"\b(?:it|this|that)\s+(?:{_BE_NOT})\s+(?:known|clear)\b(?!\s+to\b)",
    rf"^\W*(?:\w+ly\s+)?not\s+(?:\w+ly\s+)?(?:{_SAID}|known|clear|in\s+the\s+(?:{_TEXT}))\b",
    rf"\bno\s+(?:\w+\s+){{0,3}}?(?:{_FACTS})\b",
    rf"(?:\bnot|n't)\s+(?:\w+\s+)?(?:enough|sufficient|any)\s+(?:\w+\s+)?(?:{_FACTS})\b",
    rf"\binsufficient\s+(?:\w+\s+)?(?:{_FACTS}|context)\b",
    r"\b(?:cannot|can't|can not|could not|couldn't)\s+be\s+"
    r"(?:answered|determined|found|inferred|known|identified)\b",
    r"\b(?:i|we)\s+(?:do not|don't|cannot|can't|could not|couldn't)\s+"
    r"(?:know|find|answer|determine|see|tell)\b",
    r"\b(?:unable|impossible)\s+to\s+(?:answer|determine|find|say|tell)\b",
    r"\b(?:unanswerable|not answerable|not applicable)\b",
    r"^\W*(?:unknown|unspecified|unclear|none|n/?a|nothing)\W*$",
    rf"\bthere\s+(?:is|are|was|were)\s+no\s+[^.]{{1,60}}?\bin\s+the\s+(?:\w+\s+)?(?:{_TEXT})\b",
)
_ABSTAINING = re.compile("|".join(f"(?:{rule})" for rule in _RULES))


def abstains(answer: str) -> bool:
    """Tell whether an English answer begins by saying that the text does not say.

    The first sentence decides: what comes after an answer may well say what else is not known.
    """
    spans = sentences(answer)
    first = answer[slice(*spans[0])] if spans else ""
    return bool(_ABSTAINING.search(first.replace("’", "'").lower()))
