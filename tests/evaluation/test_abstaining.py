from __future__ import annotations

import pytest

from rapid_cli.evaluation.abstaining import abstains


@pytest.mark.parametrize(
    "answer",
    [
        "The text does not say.",
        "The passage doesn't mention the year of her birth.",
        "The text doesn’t explicitly state when the ship sank.",
        "Not mentioned",
        "Not in the text.",
        "Not found in the text",
        "Unknown.",
        "N/A",
        "None",
        "There is no mention of a dog.",
        "No information is given about it.",
        "No specific information about the dog is available.",
        "There isn't enough information to say.",
        "The answer is not in the text.",
        "The name of her dog is not mentioned in the text.",
        "The dog's name isn't given.",
        "I cannot find that in the text.",
        "It is not known.",
        "It does not say.",
        "There are no dogs mentioned in the text.",
        "The question cannot be answered from the text.",
        "The text does not name the dog. She kept the light for forty-one years.",
        "The document you gave me does not contain the answer",
    ],
)
def test_an_answer_that_says_that_the_text_does_not_say_abstains(answer: str) -> None:
    assert abstains(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "1912",
        "No.",
        "No one",
        "None of them",
        "not in Paris",
        "He did not say goodbye",
        "The company does not report earnings.",
        "He was not named after his father.",
        "The treaty was never signed",
        "It was not clear to him",
        "It does not include batteries",
        "Edith Marlow. The text does not say how old she was.",
        "The author does not like it",
    ],
)
def test_an_answer_that_says_something_does_not_abstain(answer: str) -> None:
    assert not abstains(answer)
