"""What chat templates rely on, the ways to tell them a conversation, thoughts, and switches."""

from __future__ import annotations

import re

import pytest

from rapid_cli.errors import ModelError
from rapid_cli.models.prompts import INSTRUCTIONS, PromptFormat, Turn
from rapid_cli.models.templates import worker
from tests.support.template_runs import render_here

TEXT, QUESTION = "Ships came.", "Who wrote?"
SAID = f"{TEXT}\n\nQuestion: {QUESTION}"
SAYS = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}"
ASKS = "{% if add_generation_prompt %}<assistant>{% endif %}"
CHAT = SAYS + ASKS
PLAIN = f"<system>{INSTRUCTIONS}<user>{SAID}<assistant>"
IN_FIRST = f"<user>{INSTRUCTIONS}\n\n{SAID}<assistant>"


@pytest.fixture(autouse=True)
def here(monkeypatch):
    render_here(monkeypatch)


def asked(template, **how):
    prompt = PromptFormat(template, **how).prompt(TEXT, QUESTION)
    return "".join(part.text for part in (*prompt.context, *prompt.question))


def refusal(template):
    with pytest.raises(ModelError) as raised:
        PromptFormat(template)
    return raised.value


def test_the_tag_that_marks_what_an_assistant_wrote_is_passed_over():
    template = (
        "{% for m in messages %}<{{ m.role }}>{% generation %}{% set own = m.content %}{{ own }}"
        "{% endgeneration %}{{ own }}{% endfor %}" + ASKS
    )
    assert asked(template) == PLAIN
    assert asked(template.replace("{% generation %}", "{%- generation -%}")) == PLAIN
    assert "Unexpected end of template" in refusal("{% generation %}" + CHAT).message


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("{'b': 'é<', 'a': [1]} | tojson", '{"b": "é<", "a": [1]}'),
        ("{'b': 'é<'} | tojson(ensure_ascii=true)", '{"b": "\\u00e9<"}'),
        ("{'b': 2, 'a': 1} | tojson(sort_keys=true)", '{"a": 1, "b": 2}'),
        ("{'b': 2, 'a': 1} | tojson(separators=(',', ':'))", '{"b":2,"a":1}'),
        ("[1] | tojson(indent=2)", "[\n  1\n]"),
        ("tools | tojson ~ documents | tojson", "nullnull"),
        ("custom_tools is defined or date_string is defined", "False"),
        ("namespace(a=1).a ~ dict(b=2).b ~ range(3) | join", "12012"),
    ],
)
def test_templates_find_what_their_usual_renderer_offers(written, expected):
    assert asked(f"{{{{ {written} }}}}" + CHAT) == expected + PLAIN


def test_what_a_template_itself_says_is_quoted_and_the_way_out_is_named():
    error = refusal("{{ raise_exception('Only tools, please') }}")
    assert error.message.endswith('cannot be used: it says "Only tools, please"')
    assert "chat_template" in error.hint
    assert '"plain"' in error.hint
    assert "in line 2: Encountered unknown tag 'else'" in refusal("a\n{% else %}").message


PARTS = "{% for p in m.content %}{% if p.type == 'text' %}{{ p.text }}{% endif %}{% endfor %}"
STRING = "{% if m.content is string %}{{ m.content }}{% endif %}"


def test_a_template_that_wants_parts_gets_them():
    in_parts = CHAT.replace("{{ m.content }}", PARTS)
    assert asked(in_parts) == PLAIN
    system_apart = CHAT.replace(
        "{{ m.content }}",
        "{% if m.role == 'system' %}" + STRING + "{% else %}" + PARTS + "{% endif %}",
    )
    assert asked(system_apart) == PLAIN
    refuses = "{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}"
    assert asked(refuses + in_parts) == IN_FIRST
    told = PromptFormat(in_parts).prompt(TEXT, "And?", [Turn(QUESTION, (7,))]).question
    assert [part if part == (7,) else part.text for part in told[1:4]] == [
        *(QUESTION, "<assistant>", (7,)),
    ]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{% if m.role != 'user' %}{{ m.content }}{% endif %}",
        "{% if m.role == 'system' %}{{ m.content }}{% else %}{{ m.content[:9] }}{% endif %}",
        "{% if m.content is not string %}{{ m.content }}{% endif %}",
        "{% if m.content is not string %}{{ m.content | tojson }}{% endif %}",
        "{% if m.content is not string %}{{ m.content | tojson | e }}{% endif %}",
    ],
)
def test_a_template_that_drops_what_it_is_told_or_prints_its_parts_is_not_taken(content):
    message = refusal(CHAT.replace("{{ m.content }}", content)).message
    assert "it leaves out what it is given" in message


def test_instructions_come_before_the_text():
    late = (
        "{% for m in messages if m.role != 'system' %}<{{ m.role }}>{{ m.content }}"
        "{% if loop.last and messages[0].role == 'system' %}{{ messages[0].content }}{% endif %}"
        "{% endfor %}" + ASKS
    )
    assert asked(late) == IN_FIRST


def test_a_template_that_asks_whether_there_are_tools_gets_no_wrong_answer():
    insists = "{% if tools is not none %}{{ raise_exception('tools!') }}{% endif %}"
    assert asked(insists + CHAT) == PLAIN
    counts = "{% if tools is defined %}{{ tools | length }}{% endif %}"
    assert asked(counts + CHAT) == PLAIN


def request(template):
    one = ({"role": "user", "content": SAID},)
    thinks = {"role": "assistant", "content": "Ann.", "reasoning": "Hm."}
    return {
        "template": template,
        **{"bos": "", "eos": "", "reasoning": None, "instructions": "Be brief."},
        "conversations": (one, (*one, thinks)),
    }


def test_only_a_text_that_has_the_date_in_it_is_of_one_day():
    polite = "{% if strftime_now is defined %}{{ strftime_now('%Y') }}{% endif %}"
    told = worker.render(request(polite + CHAT))
    assert told["rendered"][1]["error"], "a thought is tried in all ways, with the date too"
    assert told["dated"] is False
    assert worker.render(request("{{ strftime_now('%Y') }}" + CHAT))["dated"] is True


SWITCHED = {
    "thinking": "{{ 'T' if thinking }}",
    "disable_thinking": "{{ 'T' if not disable_thinking }}",
    "use_reasoning": "{{ 'T' if use_reasoning | default(true) }}",
    "thinking_budget": "{{ 'T' if thinking_budget is not defined or thinking_budget > 0 }}",
    "thinking_effort": "{{ 'T' if thinking_effort | default('max') != 'low' }}",
    "reasoning_mode": "{{ 'T' if 'think' == reasoning_mode or not reasoning_mode == 'chat' }}",
    "/nothink": "{{ 'T' if '/nothink' not in messages[0].content }}",
}


@pytest.mark.parametrize("name", SWITCHED)
def test_the_switch_for_thinking_is_found_by_what_it_does(name):
    # Others that have to do with thinking change nothing in a first question.
    kept = "{% if preserve_thinking and messages | length > 9 %}{{ thinking_text }}{% endif %}"
    template = kept + CHAT + SWITCHED[name]
    on, off = (PromptFormat(template, reasoning=reasoning) for reasoning in (True, False))
    assert on.switch == off.switch == PromptFormat(template).switch == name
    ends = ["".join(part.text for part in one.prompt("", "").question) for one in (on, off)]
    assert [end[-1] for end in ends] == ["T", ">"]
    assert on.unheard_reasoning("it") == off.unheard_reasoning("it") == ""


@pytest.mark.parametrize("more", ["", "{% if keep_past_thinking and messages[9] %}{% endif %}"])
def test_reasoning_that_changes_nothing_is_said_in_a_sentence(more):
    off = PromptFormat(more + CHAT, reasoning=False)
    assert off.switch == ""
    assert off.unheard_reasoning("tiny") == (
        "reasoning = false in models.toml changes nothing: "
        "the chat template of tiny has no switch for thinking."
    )
    assert "plain format" in PromptFormat(None, reasoning=True).unheard_reasoning("tiny")
    assert PromptFormat(more + CHAT).unheard_reasoning("tiny") == ""


TELLS = (
    "{% if m.reasoning_content %}OPENER{{ m.reasoning_content }}CLOSER{% endif %}{{ m.content }}"
)


@pytest.mark.parametrize(
    ("opener", "closer"),
    [
        ("<deliberate>", "</deliberate>"),
        ("[MUSE]\n", "\n[/MUSE]\n"),
        ("◇muse◇", "◇end◇"),
        ("<|begin_of_musing|>", "<|end_of_musing|>"),
        ("Musing:\n", "\nResult:\n"),
    ],
)
@pytest.mark.parametrize("begun", ["", "OPENER", "OPENERCLOSER"])
def test_the_tags_of_a_thought_are_seen_in_what_a_template_writes(opener, closer, begun):
    def filled(template):
        return template.replace("OPENER", opener).replace("CLOSER", closer)

    prompt = CHAT.replace("{{ m.content }}", TELLS).replace("<assistant>", f"<assistant>{begun}")
    format_ = PromptFormat(filled(prompt))
    pair = opener.strip(), closer.strip()
    assert pair in format_.thinking
    assert format_.preamble == filled(begun)
    assert format_.open_thought == (pair[1] if begun == "OPENER" else None)


@pytest.mark.parametrize(
    ("opener", "closer"),
    [
        ("<muse>", "</muse>"),
        ("[MUSE]", "[/MUSE]"),
        ("<|START_MUSING|>", "<|END_MUSING|>"),
        ("<|muse_prefix|>", "<|muse_suffix|>"),
    ],
)
def test_a_tag_that_the_prompt_opens_is_closed_by_the_one_that_the_template_looks_for(
    opener, closer
):
    strips = CHAT.replace("m.content", f"m.content.split('{closer}')[-1]")
    format_ = PromptFormat(strips.replace("<assistant>", f"<assistant>{opener}\n"))
    assert format_.open_thought == closer
    assert PromptFormat(CHAT.replace("<assistant>", f"<assistant>{opener}")).open_thought is None


def test_a_tag_with_a_name_that_says_what_it_is_for_is_known():
    template = CHAT.replace("m.content", "m.content.split('</inner-thought>')[-1]")
    assert ("<inner-thought>", "</inner-thought>") in PromptFormat(template).thinking


@pytest.mark.parametrize(
    "more",
    [
        "{# </" + "think" * 100_000 + " #}",
        "{# " + "".join(f"</think{number}>" for number in range(50_000)) + " #}",
        "<think>" + " " * 200_000 + ".",
        "<" * 200_000,
        "".join(f"{{% if think{number} %}}{{% endif %}}" for number in range(2_000)),
    ],
    ids=["a long name", "many names", "much space", "many brackets", "many variables"],
)
def test_no_template_makes_the_search_for_thoughts_long_or_its_result_large(more):
    assert len(PromptFormat(CHAT + more).thinking) < 20


def test_words_before_an_answer_are_no_mark():
    template = CHAT.replace(
        "{{ m.content }}", "{{ 'all' if m.role == 'assistant' }}{{ m.content }}"
    )
    assert ("all", "") not in PromptFormat(template).thinking


ONE, OTHER = '"{{ one }}"', '"{{ other }}"'
NAMED = {
    "a dictionary": f'{{"tool_use": {OTHER}, "default": {ONE}}}',
    "a list": f'[{{"name": "rag", "template": {OTHER}}}, {{"name": "default", "template": {ONE}}}]',
    "none of them the default": f'[{{"name": "rag", "template": {ONE}}}]',
    "a tokenizer_config.json": f'{{"bos_token": "<s>", "chat_template": {ONE}}}',
    "a list in it": f'{{"chat_template": [{{"name": "default", "template": {ONE}}}]}}',
}


@pytest.mark.parametrize("kind", NAMED)
def test_of_several_templates_under_names_the_default_one_is_taken(kind):
    named = re.sub(r"\{\{ one \}\}", lambda _: CHAT.replace('"', "'"), NAMED[kind])
    assert asked(named) == PLAIN


@pytest.mark.parametrize("text", ["{", "[" * 100_000, "{}", "[1, {}]", '{"chat_template": 7}'])
def test_json_without_a_template_is_an_error_in_a_sentence(text):
    assert "chat template cannot be used" in refusal(text).message
