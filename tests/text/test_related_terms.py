"""What reports call that which a question calls otherwise."""

from __future__ import annotations

import pytest

from rapid_cli.text.related_terms import related_terms


@pytest.mark.parametrize(
    ("question", "term"),
    [
        ("What is the working capital in 2015?", "total current liabilities"),
        ("Return on Capital Employed?", "operating income"),
        ("What's the DPO?", "accounts payable"),
        ("Did PP&E grow?", "property and equipment"),
        ("What were the R&D costs?", "research and development"),
        ("Is the P&L enough?", "statements of operations"),
        ("Which revenues?", "net sales"),
    ],
)
def test_a_measure_is_looked_for_where_its_parts_stand(question, term):
    assert term in related_terms(question)


@pytest.mark.parametrize("question", ["Who is Ahab?", "When is the next step?", ""])
def test_other_questions_have_none(question):
    assert related_terms(question) == []


def test_a_term_is_there_once():
    found = related_terms("What are revenue, sales and net sales?")
    assert len(found) == len(set(found))
