"""What is known of languages: scripts, ends of sentences, stop words and number words.

The characters are the insides of `[...]` in a regular expression.
"""

from __future__ import annotations

import re

UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai and Lao, Myanmar, Khmer
    "\u2e80-\u2fff\u3005-\u3007\u3021-\u302f\u3031-\u303c\u3040-\u4dbf\u4e00-\u9fff"  # CJK, kana
    "\uf900-\ufaff\uff66-\uff9f\U0001b000-\U0001b16f\U00020000-\U0003ffff"  # and more of both
)
"""Letters of scripts without spaces between words."""
HANGUL = "\uac00-\ud7a3"
"""Korean has spaces, but its words carry so many endings that only parts of them are looked for."""
JAMO = "\ua960-\ua97f\ud7b0-\ud7ff"
"""The parts that old Hangul is put together from."""
WIDE_FORMS = "\u3000-\u303f\uff01-\uff65"
"""Punctuation, and letters as wide as an ideograph, among which lines break like among those."""

STOPS = ".!?…"
ALL_STOPS = f"{STOPS}؟۔।॥"
"""Those of Arabic, Urdu and Hindi, too."""
WIDE_STOPS = "。！？｡"
"""Stops that no space follows."""
CLOSERS = r"\"'”’»)\]"
"""Quotation marks and brackets that close behind a stop, and belong to the sentence."""
WIDE_CLOSERS = "”’」』）"

PARAGRAPH_BREAK = r"\n[^\S\n]*\n\s*"
SENTENCE_BREAK = rf"[{STOPS}][{CLOSERS}]*\s+|[{WIDE_STOPS}]+[{WIDE_CLOSERS}]*\s*"
"""The end of a sentence of a document, with the space behind it: chunks are cut and widened there.

It does without ALL_STOPS, so that a document is cut as it was when it was added to a library.
"""

_words = re.compile(r"\w+").findall

_STOP_WORDS = frozenset(
    _words(
        "a about according after all also am an and any are as at be because been before being "
        "between but by can could did do does doing during each for from had has have having he "
        "her here his how i if in into is it its just me more most my no not of off on one only "
        "or other our out over s she should so some such t than that the their them then there "
        "these they this those through to under until up us was we were what when where which "
        "while who whom whose why will with would you your"
    )
)
QUESTION_STOP_WORDS = _STOP_WORDS.union(_words("give given list many much name please tell"))
"""Words that say nothing of what a question is after."""
CLAIM_STOP_WORDS = _STOP_WORDS.union(
    _words(
        "above again based both document down dr either further hers him however itself may might "
        "mr mrs ms must nd nor ok okay once own passage passages rd said same say says shall st "
        "sure text th therefore thus too upon very well yes yet"
    )
)
"""Words that an answer claims nothing with; a question may be after a well, or the month of May."""

ONES = _words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
)
TENS = _words("twenty thirty forty fifty sixty seventy eighty ninety")
ORDINALS = _words(
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
)
NUMBERS: dict[str, int] = {word: number for number, word in enumerate(ONES)} | {
    word: 10 * number for number, word in enumerate(TENS, start=2)
}
"""The words of ONES and TENS with what they stand for."""
