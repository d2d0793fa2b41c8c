"""llama.cpp on real models: what a context answers does not depend on how it was read."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

import llama_cpp
import numpy as np
import pytest

from rapid_cli.decoding.shapes import PaddedContext
from rapid_cli.errors import ContextFull, IncompatibleModels, ModelError, NativeError
from rapid_cli.llama import LlamaContext, Weights, check_pair, compute_devices, context
from rapid_cli.machine import stopping
from rapid_cli.models.specs import ModelSpec
from tests.support.fakes import FlatShapes
from tests.support.repository import REPOSITORY
from tests.support.tiny_hybrids import write_hybrid

pytestmark = pytest.mark.models

ENGLISH = "The lighthouse keeper wrote down every ship that passed. One night no ship came. " * 3
EMOJI_AND_CJK = "Zürich, 漢字と仮名, a family: 👩‍👩‍👧, a party: 🎉🎈.\x00\tEnd"


def same(left, right):
    """Compare logits, which reach into the tens; devices round differently by batch width.

    By that they differ by 0.1 in the mean square, and by 1 where one of 40 tokens is another.
    """
    return left.shape == right.shape and float(np.sqrt(np.mean((left - right) ** 2))) < 0.3


def read_afresh(weights, tokens, *, rows):
    """Return the last logits of `tokens`, read one by one."""
    with LlamaContext(weights, length=len(tokens), rows=1) as fresh:
        every = [fresh.extend([token], rows=1)[0].copy() for token in tokens]
    return np.stack(every[-rows:])


def read_through(reader, tokens):
    return list(reader.read(tokens))


@pytest.fixture(scope="module", autouse=True)
def one_thread(weights):
    """Threads that wait for each other at every step take seconds on a busy machine."""
    spec = weights.spec
    weights.spec = replace(spec, threads=1)
    yield
    weights.spec = spec


@pytest.fixture(scope="module")
def tokens(weights):
    return weights.vocabulary.tokenize(ENGLISH)[:40]


@pytest.fixture
def opened(weights):
    with LlamaContext(weights, length=256, rows=8) as fresh:
        yield fresh


def test_rows_of_one_extend_equal_those_of_reading_token_by_token(weights, opened, tokens):
    expected = read_afresh(weights, tokens[:12], rows=8)
    opened.extend(tokens[:4], rows=1)
    assert same(opened.extend(tokens[4:12], rows=8), expected)
    assert np.ptp(expected, axis=1).min() > 5  # not all the same number


def test_fewer_rows_than_tokens_are_those_of_the_last_tokens(weights, opened, tokens):
    expected = read_afresh(weights, tokens[:12], rows=3)
    assert same(opened.extend(tokens[:12], rows=3), expected)


def test_the_length_is_the_number_of_tokens_read_and_not_cut(opened, tokens):
    assert len(opened) == 0
    opened.extend(tokens[:5], rows=1)
    read_through(opened, tokens[5:9])
    assert len(opened) == 9
    opened.truncate(9)
    assert len(opened) == 9
    opened.truncate(2)
    assert len(opened) == 2


def test_after_a_cut_logits_are_those_of_a_context_that_never_read_the_rest(
    weights, opened, tokens
):
    opened.extend(tokens[:10], rows=1)
    opened.extend([17, 300, 5000, 17], rows=4)
    opened.truncate(10)
    assert same(opened.extend(tokens[10:13], rows=3), read_afresh(weights, tokens[:13], rows=3))


def test_a_context_cut_to_nothing_is_as_new(weights, opened, tokens):
    opened.extend([17, 300, 5000], rows=1)
    opened.truncate(0)
    assert same(opened.extend(tokens[:4], rows=4), read_afresh(weights, tokens[:4], rows=4))


def test_a_context_is_not_cut_to_more_than_it_holds(opened, tokens):
    opened.extend(tokens[:4], rows=1)
    for length in (5, -1):
        with pytest.raises(AssertionError):
            opened.truncate(length)


def test_reading_in_pieces_tells_how_far_it_is_and_leaves_the_same_cache(
    weights, opened, tokens, monkeypatch
):
    monkeypatch.setattr(context, "READ_BATCH", 16)
    with LlamaContext(weights, length=256, rows=1) as pieces:
        assert read_through(pieces, tokens[:39]) == [16, 32, 39]
        in_pieces = pieces.extend(tokens[39:], rows=1).copy()
    assert same(opened.extend(tokens, rows=1), in_pieces)


def test_a_part_of_a_batch_computed_at_once_gives_the_same_and_is_kept_apart(weights, tokens):
    spec = replace(weights.spec, ubatch=32)
    text = (tokens * 5)[:180]
    with (
        LlamaContext(weights, length=256, rows=8) as whole,
        LlamaContext(weights, length=256, rows=8, spec=spec) as parts,
    ):
        assert read_through(parts, text[:172]) == read_through(whole, text[:172]) == [172]
        assert same(parts.extend(text[172:], rows=8), whole.extend(text[172:], rows=8))
        assert parts.batch_size == whole.batch_size
        assert parts.state_key == f"{whole.state_key} ubatch=32"


def test_a_text_longer_than_a_batch_can_be_extended_by(weights, tokens, monkeypatch):
    monkeypatch.setattr(context, "READ_BATCH", 16)
    with LlamaContext(weights, length=256, rows=4) as narrow:
        logits = narrow.extend(tokens, rows=4)
        assert same(logits, read_afresh(weights, tokens, rows=4))
        assert len(narrow) == len(tokens)


def test_no_more_rows_are_given_than_tokens_or_than_reserved(opened, tokens):
    for count, rows in ((3, 4), (12, 9), (3, 0), (0, 1)):
        with pytest.raises(AssertionError):
            opened.extend(tokens[:count], rows=rows)
    assert len(opened) == 0


def test_all_reserved_rows_can_be_used(weights, opened, tokens):
    logits = opened.extend(tokens[:8], rows=8)
    assert logits.shape == (8, weights.vocabulary.size)
    assert logits.dtype == np.float32


def test_logits_are_cut_to_the_tokens_that_a_pair_shares(weights, opened, tokens):
    whole = opened.extend(tokens[:3], rows=2)
    with LlamaContext(weights, length=256, rows=2, vocabulary_size=1000) as cut:
        logits = cut.extend(tokens[:3], rows=2)
        assert logits.shape == (2, 1000)
        assert same(logits, whole[:, :1000])


def test_an_overfull_context_says_so_and_stays_usable(weights, opened, tokens):
    assert opened.capacity == 256
    read_through(opened, (tokens * 7)[:250])
    for overfull in (
        lambda: opened.extend(tokens[:7], rows=1),
        lambda: read_through(opened, tokens[:7]),
    ):
        with pytest.raises(ContextFull, match="257 tokens do not fit a context of 256") as raised:
            overfull()
        assert raised.value.hint
        assert len(opened) == 250
    opened.extend(tokens[:6], rows=1)
    opened.truncate(3)
    assert same(opened.extend(tokens[3:6], rows=2), read_afresh(weights, tokens[:6], rows=2))


def test_a_closed_context_refuses_everything_but_closing(weights, tokens):
    closed = LlamaContext(weights, length=256, rows=2)
    closed.extend(tokens[:3], rows=1)
    closed.close()
    closed.close()
    for use in (
        lambda: closed.extend(tokens[:2], rows=1),
        lambda: read_through(closed, tokens[:2]),
        lambda: closed.truncate(1),
    ):
        with pytest.raises(AssertionError, match="after close"):
            use()


def test_leaving_a_with_block_closes(starter_path, weights, tokens):
    with Weights(starter_path, weights.spec) as short, LlamaContext(short, length=9, rows=1) as one:
        one.extend(tokens[:3], rows=1)
    with pytest.raises(AssertionError, match="after close"):
        one.extend(tokens[:3], rows=1)
    with pytest.raises(AssertionError, match="after close"):
        LlamaContext(short, length=256, rows=1)


def test_two_contexts_on_the_same_weights_do_not_see_each_other(weights, opened, tokens):
    with LlamaContext(weights, length=256, rows=2) as other:
        opened.extend(tokens[:6], rows=1)
        other.extend(tokens[20:25], rows=1)
        opened.extend(tokens[6:9], rows=1)
        other.truncate(3)
        mine = opened.extend(tokens[9:11], rows=2)
        theirs = other.extend(tokens[30:32], rows=2)
        assert same(mine, read_afresh(weights, tokens[:11], rows=2))
        assert same(theirs, read_afresh(weights, [*tokens[20:23], *tokens[30:32]], rows=2))


def test_a_context_can_be_read_in_another_thread(weights, opened, tokens):
    worker = threading.Thread(target=read_through, args=(opened, tokens[:10]))
    worker.start()
    worker.join()
    assert same(opened.extend(tokens[10:12], rows=1), read_afresh(weights, tokens[:12], rows=1))


def test_a_context_that_llama_cpp_refuses_is_an_error_with_its_reason(weights, monkeypatch):
    # models_file refuses this combination, so that only a test gets this far.
    monkeypatch.setattr(weights, "spec", replace(weights.spec, v_type="q8_0"))
    assert weights.spec.flash_attention is False
    with pytest.raises(NativeError, match=r"cannot be given a context of 256 tokens: .*V cache"):
        LlamaContext(weights, length=256, rows=1)


@pytest.mark.parametrize("kind", ["f32", "bf16", "q5_1", "q4_0"])
def test_every_kind_of_cache_can_be_opened_and_read(weights, tokens, monkeypatch, kind):
    spec = replace(weights.spec, k_type=kind, v_type=kind, flash_attention=True)
    monkeypatch.setattr(weights, "spec", spec)
    with LlamaContext(weights, length=256, rows=1) as odd:
        assert np.isfinite(odd.extend(tokens[:20], rows=1)).all()


def test_ctrl_c_ends_a_long_reading_in_the_middle_of_a_batch(weights, tokens, monkeypatch):
    monkeypatch.setattr(context, "READ_BATCH", 2048)  # one native call of many seconds
    pressed = []

    def press():
        pressed.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with LlamaContext(weights, length=2100, rows=2) as long:
        read_through(long, tokens[:10])
        timer = threading.Timer(0.3, press)
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            read_through(long, (tokens * 60)[:2048])
        assert time.monotonic() - pressed[0] < 0.8
        timer.join()
        assert signal.getsignal(signal.SIGINT) is before
        assert len(long) == 10
        logits = long.extend(tokens[10:12], rows=2)
        assert same(logits, read_afresh(weights, tokens[:12], rows=2))
        try:
            assert read_through(long, tokens[12:20]) == [8]
        except KeyboardInterrupt:  # which would end pytest
            pytest.fail("one Ctrl-C interrupted twice")
        assert len(long) == 20


def test_a_reading_in_another_thread_ends_in_the_middle_of_a_batch_as_wished(
    weights, tokens, monkeypatch
):
    monkeypatch.setattr(context, "READ_BATCH", 2048)
    over, ended = threading.Event(), []

    def read(long):
        try:
            with stopping.stopped_by(over.is_set):
                read_through(long, (tokens * 60)[:2048])
        except stopping.Stopped:
            ended.append(time.monotonic())

    with LlamaContext(weights, length=2100, rows=2) as long:
        read_through(long, tokens[:10])
        thread = threading.Thread(target=read, args=(long,))
        thread.start()
        time.sleep(0.3)
        over.set()
        wished = time.monotonic()
        thread.join()
        assert ended[0] - wished < 0.8
        assert len(long) == 10
        logits = long.extend(tokens[10:12], rows=2)
        assert same(logits, read_afresh(weights, tokens[:12], rows=2))
        assert read_through(long, tokens[12:20]) == [8]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_the_command_ends_a_long_reading_too(
    weights, tokens, monkeypatch, number
):
    monkeypatch.setattr(context, "READ_BATCH", 2048)

    def leave(caught, _frame):
        raise SystemExit(128 + caught)

    usual = signal.signal(number, leave)
    try:
        with LlamaContext(weights, length=2100, rows=1) as long:
            timer = threading.Timer(0.3, os.kill, (os.getpid(), number))
            timer.start()
            with pytest.raises(SystemExit) as ended:
                read_through(long, (tokens * 60)[:2048])
            timer.join()
            assert ended.value.code == 128 + number
            assert signal.getsignal(number) is leave
    finally:
        signal.signal(number, usual)


def test_a_signal_that_is_ignored_stays_so(weights, tokens):
    usual = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with LlamaContext(weights, length=256, rows=1) as short:
            for _ in short.read(tokens[:16]):
                signal.raise_signal(signal.SIGINT)
            assert len(short) == 16
    finally:
        signal.signal(signal.SIGINT, usual)


def test_ctrl_c_between_two_batches_leaves_a_consistent_length(weights, tokens, monkeypatch):
    monkeypatch.setattr(context, "READ_BATCH", 8)
    with LlamaContext(weights, length=256, rows=1) as short:
        with pytest.raises(KeyboardInterrupt):
            for done in short.read(tokens[:32]):
                if done == 16:
                    signal.raise_signal(signal.SIGINT)
        assert len(short) == 16
        assert same(short.extend(tokens[16:18], rows=1), read_afresh(weights, tokens[:18], rows=1))


@pytest.mark.parametrize("text", [ENGLISH, EMOJI_AND_CJK, "<|im_end|>", " ", "\n\n  x", ""])
def test_the_pieces_of_a_text_join_to_the_text(weights, text):
    vocabulary = weights.vocabulary
    found = vocabulary.tokenize(text)
    assert b"".join(map(vocabulary.piece, found)) == text.encode()


def test_a_character_can_span_tokens(weights):
    pieces = [weights.vocabulary.piece(token) for token in weights.vocabulary.tokenize("漢🎈")]
    assert any(piece.decode("utf-8", "ignore").encode() != piece for piece in pieces)


def test_what_is_no_unicode_text_becomes_a_question_mark(weights):
    found = weights.vocabulary.tokenize("a\udc80b")
    assert b"".join(map(weights.vocabulary.piece, found)) == b"a?b"


def test_markup_in_a_text_is_text_unless_it_is_said_to_be_special(weights):
    vocabulary = weights.vocabulary
    text = "before<|im_end|>after<|endoftext|>"
    ends = {token for token in range(20) if vocabulary.is_end(token)}
    assert vocabulary.eos in ends
    assert not ends & set(vocabulary.tokenize(text))
    special = vocabulary.tokenize(text, special=True)
    assert [token for token in special if vocabulary.text(token).startswith("<|")] == [2, 0]


def test_control_tokens_have_a_name_but_no_text(weights):
    vocabulary = weights.vocabulary
    assert vocabulary.text(vocabulary.eos) == "<|im_end|>"
    assert vocabulary.piece(vocabulary.eos) == b""
    assert vocabulary.text(vocabulary.tokenize(" keeper")[0]) == " keeper"


def test_the_weights_know_what_a_prompt_needs(weights):
    assert weights.context_limit == 8192
    assert "<|im_start|>" in weights.chat_template
    assert weights.vocabulary.name == "smollm2-135m"
    assert not weights.vocabulary.adds_bos
    assert weights.device in compute_devices()


def test_weights_without_offloaded_layers_are_computed_on_the_cpu(weights, monkeypatch):
    monkeypatch.setattr(weights, "spec", replace(weights.spec, gpu_layers=0))
    assert weights.device == compute_devices()[-1]


def damaged_files(folder, starter_path):
    with starter_path.open("rb") as file:
        start = file.read(1 << 20)
    contents = {"empty": b"", "text": b"Not a model.\n", "magic": b"GGUF", "truncated": start}
    for name, content in contents.items():
        (folder / f"{name}.gguf").write_bytes(content)
    (folder / "folder.gguf").mkdir()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing", "cannot be read: No such file or directory"),
        ("folder", "cannot be read: Is a directory"),
        ("empty", "is not a GGUF file"),
        ("text", "is not a GGUF file"),
        ("magic", "cannot be loaded: .*failed to read header"),
        ("truncated", "cannot be loaded: .*failed to read key-value pairs"),
    ],
)
def test_a_damaged_file_is_one_sentence_and_a_hint(tmp_path, starter_path, capfd, name, message):
    damaged_files(tmp_path, starter_path)
    path = tmp_path / f"{name}.gguf"
    with pytest.raises(ModelError, match=message) as raised:
        Weights(path, ModelSpec(name, path=str(path)))
    assert str(path) in raised.value.message
    assert "\n" not in raised.value.message
    assert raised.value.hint
    assert capfd.readouterr() == ("", "")


def test_llama_cpp_writes_nothing_to_the_terminal(tmp_path, starter_path, repack):
    """In a process of its own: pytest gives the root logger handlers, which hides a leak."""
    damaged_files(tmp_path, starter_path)
    recurrent = write_hybrid(tmp_path / "mamba.gguf", "mamba2")  # which makes llama.cpp warn
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from rapid_cli.models.specs import ModelSpec\n"
        "from rapid_cli.errors import ModelError\n"
        "from rapid_cli.llama import Weights, open_context\n"
        "for name in sys.argv[3:]:\n"
        "    try:\n"
        "        Weights(Path(name), ModelSpec('a', path=name))\n"
        "    except ModelError:\n"
        "        continue\n"
        "    raise SystemExit('loaded ' + name)\n"
        "for name in sys.argv[1:3]:\n"
        f"    with Weights(Path(name), ModelSpec('a', repack={repack})) as weights:\n"
        "        with open_context(weights, length=9000, rows=1) as context:\n"  # over the models'
        "            context.extend([1, 2], rows=1)\n"
    )
    arguments = [str(starter_path), str(recurrent), str(tmp_path / "truncated.gguf")]
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=REPOSITORY,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


class ListedVocabulary:
    """A vocabulary that is a list of texts: check_pair asks no more of one."""

    def __init__(self, name, texts, *, kind=2, bos=1, eos=2):
        self.name, self.type, self.bos, self.eos = name, kind, bos, eos
        self._texts = texts
        self.size = len(texts)

    def text(self, token):
        return self._texts[token]

    entry = text


def test_a_model_pairs_with_itself_on_all_its_tokens(weights):
    assert check_pair(weights.vocabulary, weights.vocabulary) == weights.vocabulary.size == 49152


def test_vocabularies_that_differ_in_padding_share_the_rest():
    texts = [str(token) for token in range(300)]
    large, small = ListedVocabulary("large", texts), ListedVocabulary("small", texts[:172])
    assert check_pair(large, small) == check_pair(small, large) == 172
    with pytest.raises(IncompatibleModels, match="vocabularies have 300 and 171 tokens"):
        check_pair(large, ListedVocabulary("smaller", texts[:171]))


def test_the_first_token_that_differs_is_named():
    texts = [str(token) for token in range(20)]
    other = [*texts[:2], "x", *texts[3:7], "seven", *texts[8:]]  # the first few may differ
    with pytest.raises(IncompatibleModels, match="b cannot draft for a: token 7 is '7' and 'seven"):
        check_pair(ListedVocabulary("a", texts), ListedVocabulary("b", other))


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"kind": 1}, "kinds of tokenizer differ"),
        ({"bos": 3}, "begin-of-text tokens differ"),
        ({"eos": 3}, "end-of-text tokens differ"),
    ],
)
def test_pairs_are_refused_for_what_differs(other, message):
    texts = [str(token) for token in range(9)]
    with pytest.raises(IncompatibleModels, match=message) as raised:
        check_pair(ListedVocabulary("a", texts), ListedVocabulary("b", texts, **other))
    assert raised.value.hint
    assert "token " not in raised.value.message, "all tokens are the same"


def test_what_differs_is_said_together_with_the_first_token_that_does():
    texts = [str(token) for token in range(9)]
    other = ListedVocabulary("b", [*texts[:6], "six", *texts[7:]], kind=1, bos=3)
    with pytest.raises(IncompatibleModels) as raised:
        check_pair(ListedVocabulary("a", texts), other)
    assert raised.value.message == (
        "b cannot draft for a: their kinds of tokenizer differ (2 and 1), "
        "and the first differing token is 6: '6' and 'six'"
    )


def test_texts_decide_where_the_files_write_the_same_tokens_differently():
    class Written(ListedVocabulary):
        def entry(self, token):
            return f"{self.name} {token}"

    texts = [str(token) for token in range(9)]
    assert check_pair(Written("a", texts), Written("b", texts)) == 9


def test_a_large_vocabulary_is_compared_in_less_than_a_second_and_a_half(gemma):
    before = time.process_time()
    assert check_pair(gemma.vocabulary, gemma.vocabulary) == 262144
    assert time.process_time() - before < 1.5


@pytest.fixture(scope="module")
def gemma(gemma_path):
    with Weights(gemma_path, ModelSpec("gemma-3-270m", path=str(gemma_path))) as loaded:
        yield loaded


def test_a_base_model_has_no_chat_template_and_wants_a_first_token(gemma):
    assert gemma.chat_template is None
    assert gemma.vocabulary.adds_bos
    assert gemma.vocabulary.text(gemma.vocabulary.bos) == "<bos>"


def test_the_pieces_of_a_text_join_to_the_text_in_a_sentencepiece_model_too(gemma):
    found = gemma.vocabulary.tokenize(EMOJI_AND_CJK)
    assert gemma.vocabulary.bos not in found  # prompts put it first themselves
    assert b"".join(map(gemma.vocabulary.piece, found)) == EMOJI_AND_CJK.encode()


def test_models_of_two_families_are_refused_as_a_pair(weights, gemma):
    with pytest.raises(IncompatibleModels) as raised:
        check_pair(weights.vocabulary, gemma.vocabulary)
    assert raised.value.message == (
        "gemma-3-270m cannot draft for smollm2-135m: their kinds of tokenizer differ (2 and 1), "
        "and the first differing token is 5: '<file_sep>' and '[multimodal]'"
    )
    assert "family" in raised.value.hint


def test_flash_attention_is_not_for_sliding_windows_on_the_cpu(weights, gemma, monkeypatch):
    assert weights.may_fuse
    monkeypatch.setattr(gemma, "spec", replace(gemma.spec, gpu_layers=0))
    assert not gemma.may_fuse
    assert gemma.flash_attention_of(gemma.spec) is False


def test_a_sliding_window_model_can_be_cut_back_by_more_than_its_window(gemma, monkeypatch):
    # With small batches a cache of the window's size only would have lost the first tokens.
    monkeypatch.setattr(context, "READ_BATCH", 64)
    found = gemma.vocabulary.tokenize(ENGLISH * 25)[:960]
    with LlamaContext(gemma, length=1000, rows=2) as long:
        expected = []
        for start in (0, 40):
            read_through(long, found[start : start + 38])
            expected.append(long.extend(found[start + 38 : start + 40], rows=2).copy())
        read_through(long, found[80:])
        assert len(long) == 960
        long.truncate(78)
        assert same(long.extend(found[78:80], rows=2), expected[1])
        long.truncate(38)
        assert same(long.extend(found[38:40], rows=2), expected[0])


def test_costs_with_so_many_threads_do_not_count_for_other_numbers(weights, monkeypatch):
    monkeypatch.setattr(weights, "spec", replace(weights.spec, threads=None))
    before = weights.fingerprint
    monkeypatch.setattr("rapid_cli.llama.weights.available_cpus", lambda: 4096)
    assert weights.fingerprint != before


class Crowded:
    """A load that says how many threads may run."""

    def __init__(self, count: int) -> None:
        self.count = count

    def threads(self) -> int:
        return self.count


def test_threads_follow_the_load_unless_all_is_to_be_as_it_always_is(shallow_weights, monkeypatch):
    set_to = []
    real = llama_cpp.llama_set_n_threads

    def watched(handle, decoding, reading):
        set_to.append((decoding, reading))
        real(handle, decoding, reading)

    monkeypatch.setattr(llama_cpp, "llama_set_n_threads", watched)
    monkeypatch.setattr("rapid_cli.llama.context.threads_of", lambda spec: 2)
    load = Crowded(2)
    monkeypatch.setattr("rapid_cli.llama.context.current_load", lambda: load)
    with LlamaContext(shallow_weights, length=64, rows=1) as context:
        alone = context.extend([5, 6, 7], rows=1).copy()
        assert set_to == []
        for load.count, wanted in ((1, 1), (1, 1), (9, 2)):
            context.truncate(0)
            assert np.array_equal(context.extend([5, 6, 7], rows=1), alone)
            assert set_to[-1:] == [(wanted, wanted)]
        assert set_to == [(1, 1), (2, 2)]
        load.count, context.steady = 1, True
        context.extend([8], rows=1)
        assert set_to == [(1, 1), (2, 2)]


# Batches that keep their shape.


def reused(opened):
    """Return for how many batches llama.cpp has kept the graph of the one before."""
    return llama_cpp.llama_perf_context(opened._open()).n_reused


@pytest.mark.parametrize(("pads", "kept"), [(False, 0), (True, 5)])
def test_a_graph_is_kept_for_batches_that_are_filled_up(shallow_weights, tokens, pads, kept):
    logits = []
    with LlamaContext(shallow_weights, length=256, rows=8) as opened:
        reading = PaddedContext(opened, FlatShapes(8)) if pads else opened
        reading.extend(tokens[:10], rows=1)
        before, read = reused(opened), 10
        for size in (3, 5, 2, 8, 4, 6):
            logits.append(reading.extend(tokens[read : read + size], rows=size)[-1].copy())
            read += size
            assert len(reading) == read
        assert reused(opened) - before == kept
        reading.truncate(read)
    assert same(np.stack(logits), read_afresh(shallow_weights, tokens[:38], rows=28)[ENDS])


ENDS = np.cumsum((3, 5, 2, 8, 4, 6)) - 1


def test_batches_that_ask_for_fewer_logits_have_another_shape(opened, tokens):
    opened.extend(tokens[:8], rows=8)
    before = reused(opened)
    opened.extend(tokens[8:16], rows=8)
    assert reused(opened) - before == 1
    opened.extend(tokens[16:24], rows=5)
    assert reused(opened) - before == 1
