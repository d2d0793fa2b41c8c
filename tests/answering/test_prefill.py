"""Contexts that stay open: each prompt is read on from what is known of it, and no further."""

from __future__ import annotations

from contextlib import closing
from itertools import islice

import pytest

from rapid_cli.answering.answer import LONGEST_DRAFT, Finished, Note, Pair, Prefilled, Seconds
from rapid_cli.answering.pipeline import answer, read_ahead
from rapid_cli.answering.prefill import CHECKPOINT_SECONDS, SHARE_OF_SAVING, Contexts, PromptReader
from rapid_cli.answering.request import Request
from rapid_cli.decoding.context import common_prefix
from rapid_cli.models.interface import PromptTokens, Restored
from rapid_cli.models.prompts import Turn
from tests.support import table_models
from tests.support.fakes import FakeClock
from tests.support.table_models import BOOK, LOGITS, OTHER_LOGITS, PASSAGES, Known, Ticking, options

BATCH = 10
BATCH_SECONDS = 3.0
TEXT = tuple(range(1_000, 1_200))
QUESTION = (1, 2, 3, 4)
OTHER_QUESTION = (1, 7, 8)


class ReadingContext:
    """A context that notes what it reads, and in which batches; it stops where it is told to.

    `stops` are the batches, counted from 0, at which Ctrl-C comes: while a batch is computed, or
    with `counted` when it is read already, and nobody knows yet.
    """

    batch_size, floor, cuts_freely = BATCH, 0, True

    def __init__(self, *, capacity=1_000, clock=None, stops=(), counted=False, note=""):
        self.capacity, self.note = capacity, note
        self.tokens, self.read_tokens, self.batches = [], [], 0
        self.closed, self.anchors = False, []
        self._clock, self._stops, self._counted = clock or FakeClock(), stops, counted

    def __len__(self):
        return len(self.tokens)

    def truncate(self, length):
        assert 0 <= length <= len(self.tokens), "cannot cut to more than was read"
        assert length == 0 or length >= self.floor, "cut back further than it can be"
        del self.tokens[length:]

    def read(self, tokens):
        assert not self.closed, "used after close"
        for start in range(0, len(tokens), BATCH):
            self.batches += 1
            stopped = self.batches - 1 in self._stops
            if stopped and not self._counted:
                raise KeyboardInterrupt
            piece = tokens[start : start + BATCH]
            self.tokens += piece
            self.read_tokens += piece
            assert len(self.tokens) <= self.capacity, "longer than it was opened for"
            self._clock.now += BATCH_SECONDS
            if stopped:
                raise KeyboardInterrupt
            yield start + len(piece)

    def anchor(self):
        self.anchors.append(len(self.tokens))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        assert not self.closed, "closed twice"
        self.closed = True


class MemoryStore:
    """A StateStore in memory: it gives back the longest beginning that it was given to keep."""

    def __init__(self, *, clock=None, saving_seconds=0.0, refusal="", note=""):
        self.kept, self.lengths, self.asked = {}, [], 0
        self._clock, self._saving_seconds = clock or FakeClock(), saving_seconds
        self._refusal, self._note = refusal, note

    def keep(self, context, name, tokens, whole):
        assert context.tokens == list(tokens[:whole]), "kept under a wrong description"
        self.lengths.append(whole)
        if self._refusal:
            return self._refusal
        self._clock.now += self._saving_seconds
        self.kept[name] = list(tokens[:whole])
        return ""

    def restore(self, context, tokens):
        self.asked += 1
        if self._note:
            context.truncate(0)
            return Restored(note=self._note)
        best = max(self.kept.values(), key=lambda kept: common_prefix(kept, tokens), default=[])
        length = common_prefix(best, tokens)
        if length:
            context.tokens = best[:length]
        return Restored(length)


def make_reader(context, store=None, clock=None):
    return PromptReader("target", context, store, clock or FakeClock())


def read(reader, prompt, **how):
    """Read a prompt to its end, and check that the context holds it then; return the events."""
    events = list(reader.read(prompt, **how))
    assert reader.context.tokens == list(prompt.all[:-1])
    progress = [event for event in events if isinstance(event, Prefilled)]
    assert [event.done for event in progress] == sorted({event.done for event in progress})
    assert {event.total for event in progress} <= {len(prompt) - 1}
    return events


def notes(events):
    return [event.text for event in events if isinstance(event, Note)]


FIRST = PromptTokens(TEXT, QUESTION)
SECOND = PromptTokens(TEXT, OTHER_QUESTION)


def test_all_but_the_last_token_is_read():
    reader = make_reader(context := ReadingContext())
    events = read(reader, FIRST)
    assert context.read_tokens == [*TEXT, 1, 2, 3]
    assert events[-1] == Prefilled("target", len(TEXT) + 3, len(TEXT) + 3)
    assert reader.reused == 0


def test_what_a_person_should_know_of_a_context_is_told_once():
    reader = make_reader(ReadingContext(note="It is kept small."))
    assert notes(read(reader, FIRST)) == ["It is kept small."]
    assert notes(read(reader, SECOND)) == []


def test_a_second_prompt_reads_only_what_it_does_not_share_with_the_first():
    reader = make_reader(context := ReadingContext())
    read(reader, FIRST)
    context.read_tokens.clear()
    events = read(reader, SECOND)
    assert context.read_tokens == [7]
    assert reader.reused == len(TEXT)
    assert [event.done for event in events] == [len(TEXT) + 2]


def test_a_prompt_that_differs_early_is_read_from_there():
    reader = make_reader(context := ReadingContext())
    read(reader, FIRST)
    context.read_tokens.clear()
    changed = PromptTokens((*TEXT[:33], 5, *TEXT[34:]), QUESTION)
    read(reader, changed)
    assert context.read_tokens == [5, *TEXT[34:], 1, 2, 3]
    assert reader.reused == 33


def test_the_same_prompt_again_is_not_read_at_all():
    reader = make_reader(context := ReadingContext())
    read(reader, FIRST)
    context.read_tokens.clear()
    assert read(reader, FIRST) == []
    assert context.read_tokens == []


def test_what_the_context_took_of_an_answer_is_known_in_the_next_prompt():
    reader = make_reader(context := ReadingContext())
    read(reader, FIRST)
    answered = [4, 21, 22]
    context.tokens += answered
    reader.took(answered)
    context.read_tokens.clear()
    read(reader, PromptTokens(TEXT, (*QUESTION, 21, 22, 23, 5, 6)))
    assert context.read_tokens == [23, 5]


def test_a_window_that_cannot_be_cut_back_so_far_is_read_anew():
    reader = make_reader(context := ReadingContext())
    read(reader, FIRST)
    context.floor = len(TEXT) + 1
    read(reader, SECOND)  # shares len(TEXT) + 1 tokens
    context.read_tokens.clear()
    read(reader, PromptTokens(TEXT, (9, 9)))
    assert context.read_tokens == [*TEXT, 9]
    assert reader.reused == 0


@pytest.mark.parametrize("kept_as", [None, "book"])
def test_the_end_of_the_text_is_where_questions_to_come_begin(kept_as):
    store = MemoryStore()
    for context in (ReadingContext(), ReadingContext()):
        context.cuts_freely = False
        reader = make_reader(context, store)
        read(reader, FIRST, kept_as=kept_as)
        assert context.anchors == [len(TEXT)]  # also where the text is restored


def test_a_kept_text_is_restored_in_another_context_and_only_the_question_is_read():
    store = MemoryStore()
    reader = make_reader(ReadingContext(), store)
    read(reader, FIRST, kept_as="book")
    assert (reader.reused, store.lengths) == (0, [len(TEXT)])
    later = make_reader(context := ReadingContext(), store)
    assert notes(read(later, SECOND, kept_as="book")) == []
    assert context.read_tokens == [1, 7]
    assert later.reused == len(TEXT)
    assert store.lengths == [len(TEXT)], "nothing was new, so nothing is kept again"


def test_of_a_text_that_grew_the_beginning_is_restored_and_the_whole_is_kept():
    store = MemoryStore()
    store.kept["log"] = list(TEXT[:150])
    reader = make_reader(context := ReadingContext(), store)
    read(reader, FIRST, kept_as="log")
    assert context.read_tokens == [*TEXT[150:], 1, 2, 3]
    assert reader.reused == 150
    assert store.kept["log"] == list(TEXT)


def test_a_text_that_is_open_is_not_looked_for_among_the_kept_ones():
    store = MemoryStore()
    reader = make_reader(context := ReadingContext(), store)
    read(reader, FIRST, kept_as="book")
    asked = store.asked
    context.read_tokens.clear()
    read(reader, SECOND, kept_as="book")
    assert (store.asked, context.read_tokens) == (asked, [7])
    assert reader.reused == len(TEXT)


def test_fresh_restores_nothing_but_keeps():
    store = MemoryStore()
    store.kept["book"] = list(TEXT)
    reader = make_reader(context := ReadingContext(), store)
    read(reader, FIRST, kept_as="book", fresh=True)
    assert (reader.reused, store.asked) == (0, 0)
    assert context.read_tokens == [*TEXT, 1, 2, 3]
    assert store.lengths == [len(TEXT)]


def test_without_a_name_nothing_is_kept_or_restored():
    store = MemoryStore()
    store.kept["book"] = list(TEXT)
    read(make_reader(context := ReadingContext(), store), FIRST)
    assert (store.asked, store.lengths) == (0, [])
    assert context.read_tokens == [*TEXT, 1, 2, 3]


def test_without_a_store_a_named_text_is_read_and_what_is_open_counts_as_known():
    reader = make_reader(ReadingContext())
    read(reader, FIRST, kept_as="book")
    assert reader.reused == 0
    read(reader, SECOND, kept_as="book")
    assert reader.reused == len(TEXT)


def test_a_second_text_that_begins_like_the_first_is_read_and_kept_right():
    store = MemoryStore()
    reader = make_reader(context := ReadingContext(), store)
    read(reader, PromptTokens((*TEXT[:40], *range(2_000, 2_100)), QUESTION), kept_as="one")
    store.kept.clear()
    context.read_tokens.clear()
    second = PromptTokens((*TEXT[:40], *range(3_000, 3_080)), QUESTION)
    read(reader, second, kept_as="two")
    assert store.kept["two"] == list(second.context)


def test_checkpoints_are_kept_every_so_many_seconds_of_reading():
    clock = FakeClock()
    store = MemoryStore(clock=clock)
    read(make_reader(ReadingContext(clock=clock), store, clock), FIRST, kept_as="book")
    batches = -(-CHECKPOINT_SECONDS // BATCH_SECONDS)
    step = int(batches) * BATCH
    assert store.lengths == [*range(step, len(TEXT), step), len(TEXT)]
    assert len(store.lengths) > 3


def test_checkpoints_are_rarer_where_saving_takes_long():
    clock = FakeClock()
    store = MemoryStore(clock=clock, saving_seconds=1.1)
    read(make_reader(ReadingContext(clock=clock), store, clock), FIRST, kept_as="book")
    first, second, *_ = store.lengths
    wait = (second - first) / BATCH * BATCH_SECONDS
    assert first * BATCH_SECONDS / BATCH < CHECKPOINT_SECONDS + BATCH_SECONDS
    assert 1.1 / SHARE_OF_SAVING <= wait < 1.1 / SHARE_OF_SAVING + BATCH_SECONDS


def test_a_text_that_is_read_quickly_is_kept_once():
    store = MemoryStore()
    clock = FakeClock()
    read(make_reader(ReadingContext(), store, clock), FIRST, kept_as="book")
    assert store.lengths == [len(TEXT)]


@pytest.mark.parametrize("counted", [False, True])
@pytest.mark.parametrize("kept_as", [None, "book"])
@pytest.mark.parametrize("stop", [0, 1, 7, 19, 20])
def test_after_ctrl_c_the_next_prompt_is_read_right(stop, kept_as, counted):
    store = MemoryStore()
    context = ReadingContext(stops=[stop], counted=counted)
    reader = make_reader(context, store)
    with pytest.raises(KeyboardInterrupt):
        list(reader.read(FIRST, kept_as=kept_as))
    read(reader, SECOND, kept_as=kept_as)
    if kept_as:
        assert store.kept["book"] == list(TEXT)


@pytest.mark.parametrize("kept_as", [None, "book"])
@pytest.mark.parametrize("taken", [1, 5, 20, 21])
def test_after_a_reading_that_was_given_up_the_next_prompt_is_read_right(taken, kept_as):
    store = MemoryStore()
    reader = make_reader(ReadingContext(), store)
    with closing(reader.read(FIRST, kept_as=kept_as)) as events:
        assert len(list(islice(events, taken))) == taken
    read(reader, SECOND, kept_as=kept_as)
    read(reader, FIRST, kept_as=kept_as)


def test_after_ctrl_c_another_process_goes_on_from_the_last_checkpoint():
    clock = FakeClock()
    store = MemoryStore(clock=clock)
    with pytest.raises(KeyboardInterrupt):
        stopped = ReadingContext(clock=clock, stops=[10])
        list(make_reader(stopped, store, clock).read(FIRST, kept_as="book"))
    reader = make_reader(context := ReadingContext(clock=clock), store, clock)
    read(reader, FIRST, kept_as="book")
    assert reader.reused == 80
    assert context.read_tokens == [*TEXT[80:], 1, 2, 3]


def test_what_cannot_be_kept_is_told_once_and_read_to_its_end():
    clock = FakeClock()
    store = MemoryStore(clock=clock, refusal="The disk is full.")
    reader = make_reader(context := ReadingContext(clock=clock), store, clock)
    assert notes(read(reader, FIRST, kept_as="book")) == ["The disk is full."]
    assert len(store.lengths) == 1, "it is not tried again and again"
    assert context.read_tokens == [*TEXT, 1, 2, 3]


def test_a_kept_text_that_is_spoilt_is_told_and_read_again():
    store = MemoryStore(note="What was kept is damaged.")
    reader = make_reader(context := ReadingContext(), store)
    told, *events = read(reader, FIRST, kept_as="book")
    assert told == Note("What was kept is damaged. The text is read again.")
    assert notes(events) == []
    assert reader.reused == 0
    assert context.read_tokens == [*TEXT, 1, 2, 3]


class OpeningModel:
    """A model that only opens contexts."""

    def __init__(self, limit=1_000):
        self.context_limit = limit
        self.opened = []

    def open(self, *, length, rows):
        assert length <= self.context_limit, "longer than the model reads"
        self.opened.append(ReadingContext(capacity=length))
        return self.opened[-1]


def test_a_context_that_is_large_enough_is_used_again():
    model = OpeningModel()
    with Contexts(FakeClock()) as contexts:
        first = contexts.reader("target", model, length=300, rows=17)
        assert contexts.reader("target", model, length=300, rows=17) is first
        assert contexts.reader("target", model, length=80, rows=5) is first
        assert contexts.reader("drafter", model, length=80, rows=5) is not first
    assert [context.capacity for context in model.opened] == [300, 80]


@pytest.mark.parametrize(("length", "rows"), [(301, 17), (300, 18)])
def test_a_context_too_small_is_closed_and_a_larger_one_opened(length, rows):
    model = OpeningModel()
    with Contexts(FakeClock()) as contexts:
        first = contexts.reader("target", model, length=300, rows=17)
        second = contexts.reader("target", model, length=length, rows=rows)
        assert second is not first
        assert [context.closed for context in model.opened] == [True, False]
        assert contexts.reader("target", model, length=length, rows=rows) is second


def test_another_model_gets_a_context_of_its_own():
    one, other = OpeningModel(), OpeningModel()
    with Contexts(FakeClock()) as contexts:
        contexts.reader("target", one, length=300, rows=17)
        contexts.reader("target", other, length=300, rows=17)
        assert one.opened[0].closed
        assert not other.opened[0].closed


def test_all_contexts_are_closed_at_the_end_whatever_happens():
    model = OpeningModel()
    with pytest.raises(KeyboardInterrupt), Contexts(FakeClock()) as contexts:
        contexts.reader("target", model, length=300, rows=17)
        contexts.reader("drafter", model, length=200, rows=17)
        raise KeyboardInterrupt
    assert [context.closed for context in model.opened] == [True, True]


@pytest.mark.parametrize(("limit", "capacity"), [(1_000, 800), (700, 700), (300, 300)])
def test_room_for_questions_to_come_is_added_within_what_the_model_reads(limit, capacity):
    model = OpeningModel(limit)
    with Contexts(FakeClock(), spare=500) as contexts:
        contexts.reader("target", model, length=300, rows=17)
    assert [context.capacity for context in model.opened] == [capacity]


class OpenedWide(table_models.Opened):
    """A context of a table of logits with all that a reader needs, which notes what is read."""

    def __init__(self, model, length, rows):
        super().__init__(model, length, rows)
        self.floor, self.capacity, self.batch_size = 0, length, table_models.READ_PIECE
        self.read_lengths = []

    def read(self, tokens):
        self.read_lengths.append(len(tokens))
        yield from super().read(tokens)


class Model(table_models.Model):
    """A table of logits whose contexts may stay open."""

    def open(self, *, length, rows):
        assert length <= self.context_limit, "longer than the model reads"
        self.opened.append(OpenedWide(self, length, rows))
        return self.opened[-1]


class Talk:
    """A conversation about BOOK."""

    def __init__(self, *, states=None, spare=2_000, limit=5_000):
        self.pair = Pair("two", Model(LOGITS, limit=limit), Model(OTHER_LOGITS))
        self.contexts = Contexts(Ticking(), states=states, spare=spare)

    def ask(self, question, turns=(), **chosen):
        """Return the answer and the notes that came with it."""
        clock = Ticking()
        settings = {"gamma": 4} | chosen
        request = Request(
            question,
            (BOOK,),
            lambda limit: PASSAGES[:limit],
            self.pair,
            options(**settings),
            contexts=self.contexts,
            profiles=Known(),
            seconds=Seconds(),
            started=0.0,
            clock=clock,
            turns=turns,
        )
        *events, last = answer(request)
        assert isinstance(last, Finished)
        return last.answer, notes(events)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.contexts.__exit__(*error)


def turn_of(result):
    return Turn(result.question, tuple(result.tokens))


def places(part, whole):
    """Return where `part` stands in `whole`."""
    ends = range(len(whole) - len(part) + 1)
    return [start for start in ends if tuple(whole[start : start + len(part)]) == tuple(part)]


def test_turns_stand_in_the_prompt_in_order_with_the_tokens_of_their_answers():
    with Talk() as talk:
        turns, answers = (), []
        for question in ("Who is it?", "And when was that?", "Where did it end?"):
            result, told = talk.ask(question, turns, seed=len(turns))
            assert told == []
            turns = (*turns, turn_of(result))
            answers.append(result)
    prompt = answers[-1].target.prompt
    (first,), (second,) = (places(each.tokens, prompt.question) for each in answers[:2])
    assert first < second
    vocabulary = talk.pair.target.vocabulary
    asked = [vocabulary.tokenize(each.question) for each in answers]
    between = prompt.question[first + len(answers[0].tokens) : second]
    assert places(asked[1], between)
    assert places(asked[2], prompt.question[second + len(answers[1].tokens) :])


@pytest.mark.parametrize("strategy", ["rapid", "long-context"])
def test_a_follow_up_lets_the_target_read_only_what_is_new(strategy):
    with Talk() as talk:
        first, _ = talk.ask("Who is it?", strategy=strategy)
        (context,) = talk.pair.target.opened
        context.read_lengths.clear()
        second, _ = talk.ask("And when was that?", (turn_of(first),), strategy=strategy)
        # The last token of an answer is not read, nor the last one of a prompt.
        known = len(first.target.prompt) + len(first.tokens) - 1
        assert context.read_lengths == [len(second.target.prompt) - 1 - known]
        assert context.read_lengths[0] < 12
        assert talk.pair.target.opened == [context]


def test_a_follow_up_is_answered_as_in_a_context_of_its_own():
    with Talk() as talk:
        first, _ = talk.ask("Who is it?")
        turns = (turn_of(first),)
        second, _ = talk.ask("And when was that?", turns)
    with Talk() as anew:
        alone, _ = anew.ask("And when was that?", turns)
    assert second.tokens == alone.tokens
    assert second.text


def test_what_is_open_of_the_text_counts_as_restored():
    with Talk(states=MemoryStore()) as talk:
        first, _ = talk.ask("Who is it?")
        second, _ = talk.ask("And when was that?", (turn_of(first),))
        third, _ = talk.ask("What else?")
    assert (first.restored_tokens, first.document_tokens) == (0, 1_600)
    assert second.restored_tokens == third.restored_tokens == 1_600


@pytest.mark.parametrize(
    "chosen", [{"strategy": "rag"}, {"context_length": 900}], ids=["rag", "truncated"]
)
def test_what_the_target_does_not_read_of_a_text_does_not_count_as_restored(chosen):
    with Talk(states=MemoryStore()) as talk:
        first, _ = talk.ask("Who is it?", **chosen)
        again, _ = talk.ask("When was that?", **chosen)
    assert first.document_tokens == 1_600
    assert first.restored_tokens == 0
    assert 0 < again.restored_tokens == again.target.prompt.text_tokens < 900


def test_with_fresh_what_is_on_disk_does_not_count_as_restored_but_what_is_open_does():
    store = MemoryStore()
    with Talk(states=store) as talk:
        talk.ask("Who is it?")
    with Talk(states=store) as talk:
        first, _ = talk.ask("Who is it?", fresh=True)
        second, _ = talk.ask("And when was that?", fresh=True)
    assert (first.restored_tokens, second.restored_tokens) == (0, 1_600)


def test_a_question_after_another_without_turns_reads_itself_alone():
    with Talk() as talk:
        talk.ask("Who is it?")
        (context,) = talk.pair.target.opened
        context.read_lengths.clear()
        second, _ = talk.ask("When was that?")
        assert sum(context.read_lengths) <= len(second.target.prompt.question) - 1


def test_the_oldest_turns_go_first_when_the_context_is_full_and_a_note_says_so():
    turns = tuple(Turn(f"Question {number}?", (3 + number,) * 100) for number in range(4))
    with Talk() as talk:
        alone, _ = talk.ask("And now?", max_tokens=40)
        room = len(alone.target.prompt) + 40 + 4 + 1
        result, told = talk.ask("And now?", turns, max_tokens=40, context_length=room + 250)
        everything, untold = talk.ask("And now?", turns, max_tokens=40)
    assert told == ["The context is full: 2 of the oldest turns are left out."]
    assert result.forgotten_turns == 2
    found = [bool(places(turn.answer, result.target.prompt.question)) for turn in turns]
    assert found == [False, False, True, True]
    assert not result.truncated
    assert result.target.coverage == 1
    assert (untold, everything.forgotten_turns) == ([], 0)


def test_where_only_passages_fit_turns_leave_half_of_the_context_to_them():
    turns = tuple(Turn(f"Question {number}?", (3 + number,) * 100) for number in range(9))
    with Talk() as talk:
        result, told = talk.ask("And now?", turns, max_tokens=40, context_length=1_045)
    assert result.truncated
    assert told
    text = len(result.target.prompt.context)
    assert 400 < text < 700
    assert len(result.target.prompt) <= 1_000
    assert 9 - result.forgotten_turns in (4, 5)


def test_a_long_conversation_fits_its_contexts_with_and_without_room_to_spare():
    for spare in (0, 300):
        with Talk(spare=spare, limit=1_900) as talk:
            turns, forgotten = (), 0
            for number in range(8):
                result, _ = talk.ask(f"Question {number}?", turns)
                turns = (*turns[result.forgotten_turns :], turn_of(result))
                forgotten += result.forgotten_turns
                assert result.text
        assert forgotten > 0


def test_reading_ahead_keeps_the_text_for_every_question_to_come():
    store = MemoryStore()
    with Talk(states=store) as talk:
        events = list(read_ahead(BOOK, talk.pair.target, talk.contexts))
        assert notes(events) == []
    (kept,) = store.kept.values()
    with Talk(states=store) as talk:
        result, _ = talk.ask("Who is it?")
        assert list(result.target.prompt.context) == kept
        assert result.restored_tokens == result.document_tokens
        assert sum(talk.pair.target.opened[0].read_lengths) < 20


def test_a_text_that_does_not_fit_is_not_read_ahead_and_a_note_says_so():
    with Talk(limit=1_000) as talk:
        (told,) = read_ahead(BOOK, talk.pair.target, talk.contexts)
        assert talk.pair.target.opened == []
    assert told.text.startswith("b.txt is not read ahead: it has 16")
    assert LONGEST_DRAFT < 1_000
