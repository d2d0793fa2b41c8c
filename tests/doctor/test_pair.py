"""Checking a pair by what the files say: real models, and files with one thing wrong."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from dataclasses import replace

import pytest

from rapid_cli.doctor import memory
from rapid_cli.doctor.pair import check
from rapid_cli.errors import IncompatibleModels, ModelError
from rapid_cli.llama import Outline, Weights, check_pair, engine, machine
from rapid_cli.models.hub.parts import stamp_of
from rapid_cli.models.memory import GIB
from rapid_cli.models.models_file import load_models_file
from rapid_cli.models.specs import ModelSpec
from rapid_cli.session.copies import Copies
from rapid_cli.session.session import Session
from rapid_cli.session.tuned import RunSettings, Tuned
from tests.support.tiny_hybrids import write_hybrid
from tests.support.tiny_models import (
    write_changed,
    write_hole,
    write_tiny,
    write_with_template,
)

pytestmark = pytest.mark.slow

FILE = """
[default]
pair = "self"
embedder = "none"
[models.reader]
path = "{reader}"
{more}
[models.writer]
path = "{writer}"
{drafting}
[pairs.self]
target = "reader"
[pairs.two]
target = "reader"
drafter = "writer"
retrieve_tokens = 1000
[pairs.copied]
target = "reader"
drafter = "target:q4_0"
[embedders.none]
path = "none"
"""
CHAT = (
    "{% for message in messages %}<{{ message.role }}>{{ message.content }}{% endfor %}<assistant>"
)
SETTINGS = RunSettings(
    flash_attention=True, k_type="q8_0", v_type="q8_0", threads=1, ubatch=64, format=None
)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return write_tiny(tmp_path_factory.mktemp("tiny") / "tiny.gguf")


@pytest.fixture
def session(tmp_path, familiar_home):
    """Return sessions with a reader and a writer."""
    with ExitStack() as opened:

        def session(reader, writer="/nowhere/writer.gguf", more="", drafting=""):
            path = tmp_path / "models.toml"
            path.write_text(FILE.format(reader=reader, writer=writer, more=more, drafting=drafting))
            return opened.enter_context(Session(load_models_file(path)))

        yield session


@pytest.fixture
def checked(session):
    """Check pairs of a reader and a writer."""

    def checked(reader, writer="/nowhere/writer.gguf", more="", pair=None, drafting=""):
        opened = session(reader, writer, more, drafting)
        name = pair or ("self" if writer == "/nowhere/writer.gguf" else "two")
        return check(opened.pairs, opened.models_file.pair(name))

    return checked


def of(checked, subject):
    """Return the one finding on a subject."""
    (found,) = [each for each in checked.findings if each.subject == subject]
    return found


def verdicts(checked):
    return {each.subject: each.verdict for each in checked.findings}


def test_the_starter_has_nothing_wrong(checked, starter_path):
    found = checked(starter_path)
    assert found.ok
    assert set(verdicts(found).values()) == {"ok"}
    assert of(found, "target file").text == f"reader: {starter_path}, 98 MB in Q4_1"
    assert of(found, "target architecture").text == "llama, 30 layers"
    assert of(found, "target context").text == "trained on 8192 tokens"
    assert of(found, "drafter").text == "the target's own weights, loaded once"
    assert [at.context for at in found.memory] == [8192]


def test_a_file_that_is_not_here_is_a_failure_with_the_hint_of_who_looked_for_it(checked, tiny):
    found = checked(tiny, "/nowhere/other.gguf")
    assert not found.ok
    missing = of(found, "drafter file")
    assert missing.verdict == "failure"
    assert missing.text == "the model /nowhere/other.gguf does not exist"
    assert missing.hint == "check the path in models.toml"
    assert of(found, "target file").verdict == "ok"
    assert of(found, "vocabulary").verdict == "warning"
    assert "the drafter cannot be opened" in of(found, "vocabulary").text


def test_a_truncated_file_is_named_as_such_with_both_sizes_and_the_rest_is_still_said(
    checked, starter_path, tmp_path
):
    short = tmp_path / "short.gguf"
    with starter_path.open("rb") as file:
        short.write_bytes(file.read(40_000_000))
    found = checked(short)
    cut = of(found, "target file")
    assert cut.verdict == "failure"
    whole = starter_path.stat().st_size
    assert cut.text == f"{short} is truncated: it has 40,000,000 of {whole:,} bytes"
    assert of(found, "target context").text == "trained on 8192 tokens"
    assert found.memory[0].needed_bytes == checked(starter_path).memory[0].needed_bytes


def test_a_file_cut_in_its_header_is_a_failure(checked, tiny, tmp_path):
    short = tmp_path / "short.gguf"
    short.write_bytes(tiny.read_bytes()[:3000])
    assert of(checked(short), "target file").verdict == "failure"


def test_what_lies_where_the_weights_are_does_not_matter(checked, tiny, tmp_path):
    hole = write_hole(tmp_path / "tiny.gguf", tiny)
    assert hole.read_bytes() != tiny.read_bytes()
    whole, empty = checked(tiny), checked(hole)
    assert verdicts(empty) == verdicts(whole)
    assert empty.ok
    assert [each.needed_bytes for each in empty.memory] == [
        each.needed_bytes for each in whole.memory
    ]


def test_an_architecture_that_llama_cpp_does_not_know_is_named(checked, tiny, tmp_path):
    odd = write_changed(tmp_path / "odd.gguf", tiny, b"llama", b"zebra")
    found = of(checked(odd), "target architecture")
    assert found.verdict == "failure"
    assert found.text.endswith("this llama.cpp does not know the architecture zebra")
    assert "Qwen3" in found.hint
    with pytest.raises(ModelError) as raised:
        Weights(odd, ModelSpec("reader", path=str(odd)))
    assert (raised.value.message, raised.value.hint) == (found.text, found.hint)


def test_a_model_that_lacks_a_tensor_is_refused_before_it_is_loaded(checked, tiny, tmp_path):
    odd = write_changed(tmp_path / "odd.gguf", tiny, b"blk.1.ffn_up", b"blk.1.ffn_xx")
    found = of(checked(odd), "target architecture")
    assert found.verdict == "failure"
    assert "blk.1.ffn_up" in found.text


def test_a_recurrent_model_is_let_in(checked, tmp_path):
    path = write_hybrid(tmp_path / "mamba.gguf", "mamba2")
    found = of(checked(path), "target architecture")
    assert found.verdict == "ok"
    assert "mamba2" in found.text


def test_without_a_template_a_model_is_asked_in_a_plain_format(checked, tiny):
    found = of(checked(tiny), "target template")
    assert found.verdict == "warning"
    assert found.text == "reader has no chat template: it is asked in a plain format"
    assert 'chat_template = "FILE"' in found.hint


def test_the_template_of_models_toml_is_the_one_that_counts(checked, tiny, tmp_path):
    broken = write_with_template(tmp_path / "broken.gguf", tiny, "{% for")
    found = checked(broken, more=f'chat_template = "{CHAT}"')
    assert of(found, "target template").verdict == "ok"
    assert "the one of models.toml" in of(found, "target template").text
    sound = write_with_template(tmp_path / "sound.gguf", tiny, CHAT)
    assert of(checked(sound), "target template").text == "its own works"
    found = checked(sound, more='chat_template = "{{ messages"')
    assert of(found, "target template").verdict == "failure"


def test_a_file_whose_templates_all_have_names_is_asked_with_one_of_them(checked, tiny, tmp_path):
    named = write_with_template(tmp_path / "named.gguf", tiny, CHAT, "tool_use")
    assert of(checked(named), "target template").text == "its own works"


def test_a_plain_format_is_no_lack_where_models_toml_asks_for_it(checked, tiny, tmp_path):
    broken = write_with_template(tmp_path / "broken.gguf", tiny, "{% for")
    found = of(checked(broken, more='chat_template = "plain"'), "target template")
    assert found.verdict == "ok"
    assert "plain format" in found.text


def test_reasoning_that_a_template_cannot_switch_is_a_warning(checked, tiny, tmp_path):
    path = write_with_template(tmp_path / "chat.gguf", tiny, CHAT)
    found = of(checked(path, more="reasoning = false"), "target template")
    assert found.verdict == "warning"
    assert "the chat template of reader has no switch for thinking" in found.text
    switched = CHAT + "{{ '<think></think>' if enable_thinking is false }}"
    path = write_with_template(tmp_path / "switched.gguf", tiny, switched)
    found = of(checked(path, more="reasoning = false"), "target template")
    assert (found.verdict, found.text) == ("ok", "its own works")


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{% for message in messages %}", "Unexpected end of template"),
        ("{{ messages[0].content.no.such.thing }}", "has no attribute 'no'"),
        ("{{ raise_exception('not for you') }}", "not for you"),
        ("Hello", "it leaves out what it is given"),
    ],
)
def test_a_broken_template_is_a_failure_with_the_reason(checked, tiny, tmp_path, template, reason):
    path = write_with_template(tmp_path / "broken.gguf", tiny, template)
    found = of(checked(path), "target template")
    assert found.verdict == "failure"
    assert reason in found.text
    assert "chat_template" in found.hint


@pytest.mark.parametrize(
    "program",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ raise_exception.__globals__['re'].__loader__ }}",
        "{{ cycler.__init__.__globals__.os.system('touch FILE') }}",
        "{{ self._TemplateReference__context.environment.loader.x.__import__('os') }}",
        "{% set _ = messages.append(1) %}{{ messages.clear() }}",
        "{{ lipsum.__globals__['os'].popen('touch FILE').read() }}",
    ],
)
def test_a_hostile_template_reaches_nothing(checked, tiny, tmp_path, program):
    harm = tmp_path / "harm"
    hostile = program.replace("FILE", str(harm)) + CHAT
    path = write_with_template(tmp_path / "hostile.gguf", tiny, hostile)
    found = of(checked(path), "target template")
    assert found.verdict == "failure"
    assert found.text.startswith("the model's chat template cannot be used: ")
    assert not harm.exists()


def test_a_template_that_knows_one_question_only_is_a_warning(checked, tiny, tmp_path):
    once = "{{ messages[0].content }}{{ messages[1].content }}"
    path = write_with_template(tmp_path / "once.gguf", tiny, once)
    found = of(checked(path), "target template")
    assert found.verdict == "warning"
    assert "for one question only" in found.text


def test_a_context_beyond_training_is_a_warning_unless_it_is_scaled(checked, tiny):
    within = of(checked(tiny, more="context_length = 4096"), "target context")
    assert (within.verdict, within.text) == (
        "ok",
        "4096 tokens by models.toml, trained on 4096 tokens",
    )
    beyond = of(checked(tiny, more="context_length = 8192"), "target context")
    assert beyond.verdict == "warning"
    assert "context_length = 4096" in beyond.hint
    scaled = 'context_length = 8192\nrope_scaling = "yarn"\nrope_factor = 2'
    found = of(checked(tiny, more=scaled), "target context")
    assert found.verdict == "ok"
    assert "scaled 2 times (yarn) to 8192" in found.text
    found = of(checked(tiny, more=scaled.replace("8192", "8193")), "target context")
    assert found.verdict == "warning"


def test_vocabularies_that_differ_by_padding_are_a_pair(checked, tiny, tmp_path):
    padded = write_tiny(tmp_path / "padded.gguf", vocabulary=640)
    found = checked(tiny, padded)
    assert of(found, "vocabulary").verdict == "ok"
    assert of(found, "vocabulary").text == "512 tokens in common"
    assert found.ok
    larger = write_tiny(tmp_path / "larger.gguf", vocabulary=641 + 31)
    found = of(checked(tiny, larger), "vocabulary")
    assert found.verdict == "failure"
    assert found.text.endswith("their vocabularies have 512 and 672 tokens")


def test_one_token_in_the_middle_is_named_as_loading_names_it(checked, tiny, tmp_path):
    other = write_changed(tmp_path / "other.gguf", tiny, b"t000300", b"T000300")
    found = of(checked(tiny, other), "vocabulary")
    assert found.verdict == "failure"
    assert found.text == "writer cannot draft for reader: token 300 is 't000300' and 'T000300'"
    assert "self-speculation" in found.hint
    specs = [ModelSpec(name, path=name) for name in ("reader", "writer")]
    with Weights(tiny, specs[0]) as reader, Weights(other, specs[1]) as writer:
        with pytest.raises(IncompatibleModels) as raised:
            check_pair(reader.vocabulary, writer.vocabulary)
        assert raised.value.message == found.text


def test_a_pair_that_does_not_fit_the_memory_is_a_warning_with_advice(checked, tiny, monkeypatch):
    monkeypatch.setattr(memory, "free_memory", lambda _offloaded: GIB // 100)
    found = checked(write_tiny(tiny.with_name("long.gguf"), context=32768))
    assert found.ok, "a shorter text may do"
    warnings = [each for each in found.findings if each.subject == "memory"]
    assert [each.verdict for each in warnings] == ["warning"] * 2
    assert "reader with a context of 32768 tokens needs" in warnings[1].text
    assert "0.0 GiB are free" in warnings[1].text
    assert "--context-length" in warnings[1].hint
    assert [(at.context, at.fits) for at in found.memory] == [(8192, False), (32768, False)]
    assert all(at.needed_bytes > at.free_bytes == GIB // 100 for at in found.memory)


@pytest.mark.parametrize(
    ("limit", "tried"),
    [
        (4096, [4096]),
        (8192, [8192]),
        (40000, [8192, 32768]),
        (131072, [8192, 32768, 131072]),
        (0, [8192, 32768, 131072]),
    ],
)
def test_memory_is_told_for_lengths_up_to_the_limit(limit, tried):
    assert memory.lengths(limit) == tried


def test_a_drafter_of_its_own_has_weights_and_a_short_context_of_its_own(session, tiny, tmp_path):
    other = write_tiny(tmp_path / "other.gguf")
    opened = session(tiny, other)
    pairs, two = opened.pairs, opened.models_file.pair("two")
    alone = check(pairs, opened.models_file.pair("self")).memory[0].needed_bytes
    both = check(pairs, two).memory[0].needed_bytes
    assert both > alone + tiny.stat().st_size
    wide = check(pairs, replace(two, retrieve_tokens=3000)).memory[0].needed_bytes
    assert wide > both
    assert check(pairs, two, tiny, tiny).memory[0].needed_bytes > alone


def test_smaller_keys_are_counted_as_such(checked, tiny):
    def need(more):
        return checked(tiny, more=more).memory[0].needed_bytes

    assert need('k_type = "q8_0"') < need("") < need('k_type = "f32"')
    own = checked(tiny, tiny, drafting='k_type = "f32"').memory[0].needed_bytes
    assert own > checked(tiny, tiny, drafting="threads = 1").memory[0].needed_bytes


def test_a_copy_that_drafts_is_announced_but_not_made(session, starter_path, familiar_home):
    opened = session(starter_path)
    found = check(opened.pairs, opened.models_file.pair("copied"))
    assert "in q4_0, made with the first answer, " in of(found, "drafter").text
    assert Copies(familiar_home / "cache" / "weights").entries() == []
    alone = check(opened.pairs, opened.models_file.pair("self")).memory[0].needed_bytes
    announced = found.memory[0].needed_bytes - alone
    opened.copies.make(starter_path, "q4_0")
    found = check(opened.pairs, opened.models_file.pair("copied"))
    assert "in q4_0, made already, " in of(found, "drafter").text
    assert found.memory[0].needed_bytes - alone == pytest.approx(announced, rel=0.1)


def test_a_copy_in_the_format_of_the_file_is_none(checked, tiny, tmp_path):
    path = tmp_path / "models.toml"
    assert of(checked(tiny, pair="copied"), "drafter").verdict == "ok"
    text = path.read_text().replace("target:q4_0", "target:q8_0")
    path.write_text(text)
    with Session(load_models_file(path)) as opened:
        found = check(opened.pairs, opened.models_file.pair("copied"))
        alone = check(opened.pairs, opened.models_file.pair("self"))
    assert of(found, "drafter").verdict == "warning"
    assert "in q8_0 already" in of(found, "drafter").text
    assert found.memory == alone.memory or found.memory[0].fits


def test_tuning_is_told_as_the_list_tells_it(session, tiny, tmp_path):
    path = shutil.copy(tiny, tmp_path / "mine.gguf")
    opened = session(path)
    pairs, pair = opened.pairs, opened.models_file.pair(None)
    untuned = of(check(pairs, pair), "target tuning")
    assert (untuned.text, untuned.hint) == (
        "not tuned",
        "fastest settings: rapid models tune self",
    )
    assert of(check(pairs, pair, path), "target tuning").hint == "", "tuning takes pairs"
    before = check(pairs, pair).memory[0].needed_bytes
    tuned = Tuned(str(path), stamp_of(path), machine(), engine(), False, SETTINGS)
    pairs.tuned.put(tuned)
    found = check(pairs, pair)
    assert of(found, "target tuning").text == "tuned on this machine"
    assert found.memory[0].needed_bytes < before, "with keys and values of eight bits"
    pairs.tuned.put(replace(tuned, settings=replace(SETTINGS, format="q4_0")))
    gone = of(check(pairs, pair), "target tuning")
    assert gone.verdict == "warning"
    assert "copy of mine.gguf in q4_0 that tuning chose is gone" in gone.text
    pairs.tuned.clear()
    pairs.tuned.put(replace(tuned, machine="PDP-11"))
    stale = of(check(pairs, pair), "target tuning")
    assert stale.verdict == "warning"
    assert "on another machine (PDP-11)" in stale.text


def test_the_tuning_of_a_drafter_is_told_too(session, tiny, tmp_path):
    path = shutil.copy(tiny, tmp_path / "mine.gguf")
    opened = session(tiny, path)
    pairs, pair = opened.pairs, opened.models_file.pair("two")
    hint = "fastest settings: rapid models tune two"
    assert of(check(pairs, pair), "drafter tuning").hint == hint
    pairs.tuned.put(Tuned(str(path), stamp_of(path), machine(), engine(), False, SETTINGS))
    found = check(pairs, pair)
    assert of(found, "drafter tuning").text == "tuned on this machine"
    assert of(found, "target tuning").text == "not tuned"


def test_tuned_false_is_said(checked, tiny):
    assert of(checked(tiny, more="tuned = false"), "target tuning").text == "models.toml forbids it"


def test_an_outline_says_what_the_loaded_model_says(weights, starter_path):
    with Outline(starter_path, "smollm2-135m") as outline:
        assert outline.chat_template == weights.chat_template
        assert outline.context_limit == weights.context_limit
        assert outline.window == weights.window == 0
        assert check_pair(outline.vocabulary, weights.vocabulary) == 49152
        for token in (0, 2, 300, 49151):
            assert outline.vocabulary.text(token) == weights.vocabulary.text(token)
    outline.close()
