"""What the documentation says is what the code does, and what it points to is there."""

from __future__ import annotations

import json
import re
import shlex
import signal
import tomllib
from collections.abc import Iterator
from dataclasses import MISSING, fields
from importlib.util import find_spec
from itertools import dropwhile
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from rapid_cli.answering.citing.citations import Citation
from rapid_cli.answering.strategies import STRATEGIES
from rapid_cli.api.report import answer_json, failure_json, passages_json
from rapid_cli.bench.report import LengthRow, Row
from rapid_cli.bench.trials import Comparison, Trial
from rapid_cli.bench.tuner import TuningResult
from rapid_cli.cli import app
from rapid_cli.cli.boundary import FAILED, INTERRUPTED, SKIPPED
from rapid_cli.cli.render.documents import print_entries, print_texts
from rapid_cli.cli.render.models import ModelRow, PairRow, print_models, tuning_json
from rapid_cli.cli.render.pulling import pulled_json
from rapid_cli.doctor.findings import Finding
from rapid_cli.errors import RapidError
from rapid_cli.evaluation import report as evaluation_report
from rapid_cli.evaluation.results import record_json
from rapid_cli.library.catalog import Entry
from rapid_cli.models.caching.prefix_cache import CachedPrefix
from rapid_cli.models.formats import WeightFormat
from rapid_cli.models.hub.pulling import Pulled
from rapid_cli.models.models_file import load_models_file
from rapid_cli.models.specs import EmbedderSpec, GlobalSettings, ModelPair, ModelSpec, RerankerSpec
from rapid_cli.serving.mcp.tools import TOOLS
from rapid_cli.session.copies import WeightCopy
from rapid_cli.session.tuned import RunSettings
from tests.api.test_report import DOCUMENTS, make_answer
from tests.support.evaluations import make_question, make_record
from tests.support.pages import CHANGELOG, CODE, DOCS, LINK, PAGES, README, Page
from tests.support.repository import REPOSITORY

MOST_LINES = 160
PLACES = re.compile(r"(?<![\w./-])(?:tests|rapid_cli)/[\w./-]*\w/?")
MODULES = re.compile(r"python -m (tests\.[\w.]+)")
RAPID = "rapid"
SEPARATORS = {"|", "||", "&&", ";", "<", ">"}


def commands() -> dict[str, object]:
    """Return all commands by their full names, without groups of them."""

    def below(command: object, words: tuple[str, ...]) -> Iterator[tuple[str, object]]:
        inner = getattr(command, "commands", None)
        if inner is None:
            yield " ".join(words), command
        for name, each in (inner or {}).items():
            yield from below(each, (*words, name))

    return dict(below(get_command(app), ()))


COMMANDS = commands()
TOP = get_command(app)


def options(command: object) -> dict[str, object]:
    """Return the options of a command by their names, with their defaults; help is no option."""
    return {
        name: each.default
        for each in command.params
        for name in each.opts
        if name.startswith("-") and name != "--help"
    }


def option_rows(title: str) -> dict[str, tuple[str, str]]:
    """Return the options in the table of a section, each with its meaning and its default."""
    table = DOCS["usage"].table(title, "option")
    return {
        option: (row[1], row[2].replace("`", ""))
        for row in table.rows
        for option in re.findall(r"(?<![\w-])--?[a-z][a-z-]*", row[0])
    }


def documented_options(name: str) -> dict[str, tuple[str, str]]:
    """Return the options that docs/usage.md gives for a command."""
    if name not in {"ask", "chat"}:
        title = f"`rapid {name}`"
        section = DOCS["usage"].section(title)
        return {} if "It has no options" in section else option_rows(title)
    rows = option_rows("Options of `rapid ask` and `rapid chat`")
    return {key: row for key, row in rows.items() if name == "ask" or "(`ask` only)" not in row[0]}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_options_of_a_command_are_those_of_its_table_with_their_defaults(name: str) -> None:
    documented, known = documented_options(name), options(COMMANDS[name])
    assert documented.keys() == known.keys()
    assert_defaults({key: row[1] for key, row in documented.items()}, known)


def test_the_options_of_all_commands_are_those_of_their_table() -> None:
    documented = option_rows("All commands")
    assert documented.keys() == options(TOP).keys() | {"--help"}


def assert_defaults(documented: dict[str, str], known: dict[str, object]) -> None:
    """Assert that a switch has no default, and that a default that the code knows is told."""
    for key, default in known.items():
        if default is False:
            assert documented[key] == "", key
        elif default is not None:
            assert documented[key] == str(default), key


def test_every_section_of_a_command_is_of_one_that_exists() -> None:
    titles = [title.strip("`") for title in DOCS["usage"].headings() if title.startswith("`rapid")]
    assert {title.removeprefix("rapid ") for title in titles} | {"ask"} == COMMANDS.keys()


def shown_lines() -> list[tuple[str, list[str]]]:
    """Return the command lines of rapid in blocks of code, with their pages."""
    found = []
    for page in PAGES:
        lines = [line for block in page.blocks() for line in block.splitlines()]
        for line in lines:
            found += [(page.path.name, words) for words in _calls(line.removeprefix("$ "))]
    return found


def _calls(line: str) -> Iterator[list[str]]:
    """Yield the words after each `rapid` that a line of a shell runs."""
    if not re.search(rf"(^|\s|/){RAPID} [a-z-]", line) or line.startswith("✓"):
        return
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words = list(lexer)
    call: list[str] | None = None
    for word in [*words, ";"]:
        if word in SEPARATORS:
            if call is not None:
                yield call
            call = None
        elif call is not None:
            call.append(word)
        elif word.rpartition("/")[2] == RAPID:
            call = []


def without_options_of_all(words: list[str]) -> list[str]:
    """Return words without the options that stand before a command."""
    known = options(TOP).keys() | {"--help"}
    return list(dropwhile(known.__contains__, words))


def resolved(words: list[str]) -> tuple[str, list[str]]:
    """Return the command that words name, and the words after it."""
    for count in (2, 1):
        name = " ".join(words[:count])
        if name in COMMANDS:
            return name, words[count:]
    raise AssertionError(f"there is no command {' '.join(words)}")


@pytest.mark.parametrize(("page", "words"), shown_lines())
def test_every_command_line_shown_is_understood(page: str, words: list[str]) -> None:
    words = without_options_of_all(words)
    if words:
        name, arguments = resolved(words)
        COMMANDS[name].make_context(name, arguments)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path.name)
def test_every_command_named_in_a_sentence_exists_with_its_options(page: Page) -> None:
    codes = [code for code in CODE.findall(page.prose) if re.match(rf"{RAPID} [a-z-]", code)]
    for code in codes:
        words = without_options_of_all(code.split()[1:])
        if words:
            name, arguments = resolved(words)
            used = {word for word in arguments if re.match(r"--?\w", word)}
            assert used <= options(COMMANDS[name]).keys(), code


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path.name)
def test_every_link_within_the_documentation_leads_somewhere(page: Page) -> None:
    by_path = {each.path: each for each in PAGES}
    for link in LINK.findall(page.text):
        if "://" in link:
            continue
        place, _, anchor = link.partition("#")
        path = (page.path.parent / place).resolve() if place else page.path
        assert path.exists(), link
        assert not anchor or anchor in by_path[path].anchors(), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path.name)
def test_every_path_and_module_that_is_named_exists(page: Page) -> None:
    for place in PLACES.findall(page.text):
        assert (REPOSITORY / place).exists(), place
    for module in MODULES.findall(page.text):
        assert find_spec(module), module


def test_every_page_is_in_the_index_and_begins_with_its_sections() -> None:
    links = set(LINK.findall(README.section("Documentation")))
    assert links >= {f"docs/{name}.md" for name in DOCS}
    for page in DOCS.values():
        listed = re.findall(r"^- \[(.+?)\]\(#", page.text, re.MULTILINE)
        sections = re.findall(r"^## (.+)$", page.prose, re.MULTILINE)
        assert not listed or listed == sections, page.path.name


def test_the_readme_is_short() -> None:
    assert len(README.text.splitlines()) <= MOST_LINES


def test_the_two_commands_are_marked_for_those_who_run_them() -> None:
    for name in ("run", "test"):
        assert re.search(rf"<!-- command: {name} -->\n```\npython3 -m venv .*\n```", README.text)


def test_the_strategies_are_those_of_the_table() -> None:
    names = [row[0] for row in README.table("Strategies").rows]
    assert {CODE.findall(name)[0] for name in names} == set(STRATEGIES)
    assert "(default)" in names[0]


def test_the_pairs_are_those_of_the_packaged_file() -> None:
    packaged = load_models_file(REPOSITORY / "models.toml").pairs
    table = DOCS["models"].table("Pairs")
    assert [CODE.findall(row[0])[0] for row in table.rows] == list(packaged)
    for row in table.rows:
        note = packaged[CODE.findall(row[0])[0]].note
        sizes = re.findall(r"[\d.]+ GB of weights|[\d.]+ GB in all", note)
        told = (f"{row[3]} of weights", f"{row[4].split(' at')[0]} in all")
        assert not sizes or sizes == list(told), note
    for row in README.table("Models").rows:
        name = CODE.findall(row[0])[0]
        (same,) = (each for each in table.rows if each[0] == row[0])
        assert name in packaged
        assert row[2] == same[3]
        assert row[3].split(" GB")[0] == same[4].split(" GB")[0]


def test_the_tools_of_mcp_are_those_of_the_table_with_what_they_take() -> None:
    table = DOCS["mcp"].table("Tools")
    assert table.codes() == [tool.name for tool in TOOLS]
    for tool, row in zip(TOOLS, table.rows, strict=True):
        takes = [field.name for field in fields(tool.takes)]
        assert [code for code in CODE.findall(row[1]) if code in takes] == takes
        for field in fields(tool.takes):
            if isinstance(field.default, int | str):
                assert str(field.default) in row[1].replace("`", ""), field.name


SPECS = {
    "[settings]": GlobalSettings,
    "[pairs.NAME]": ModelPair,
    "[models.NAME]": ModelSpec,
    "[embedders.NAME]": EmbedderSpec,
    "[rerankers.NAME]": RerankerSpec,
}


@pytest.mark.parametrize("title", SPECS)
def test_the_keys_of_models_toml_are_those_of_the_tables(title: str) -> None:
    table = DOCS["models"].table(f"`{title}`")
    known = {field.name: field for field in fields(SPECS[title])}
    assert sorted(table.codes()) == sorted(known.keys() - {"name", "folder"})
    for row in table.rows:
        for key in CODE.findall(row[0]):
            default = known[key].default
            if default is MISSING:
                assert row[2] == "required", key
            elif default is not None:
                assert row[2] == f"`{_toml(default)}`", key


def _toml(value: object) -> str:
    return json.dumps(list(value) if isinstance(value, tuple) else value)


def test_the_keys_of_the_default_are_those_that_are_understood(tmp_path: Path) -> None:
    keys = DOCS["models"].table("`[default]`").codes()
    text = (REPOSITORY / "models.toml").read_text(encoding="utf-8")
    lines = {"pair": "starter", "embedder": "minilm", "reranker": "ms-marco"}
    assert keys == list(lines)
    default = "".join(f'{key} = "{value}"\n' for key, value in lines.items())
    path = tmp_path / "models.toml"
    path.write_text(
        re.sub(r"^\[default\]\n(?:\w.*\n)+", f"[default]\n{default}", text, flags=re.MULTILINE),
        encoding="utf-8",
    )
    assert load_models_file(path).reranker is not None


def test_the_examples_of_a_models_file_are_valid(tmp_path: Path) -> None:
    for page in PAGES:
        for block in page.blocks("toml"):
            assert tomllib.loads(block)
    path = tmp_path / "models.toml"
    path.write_text(DOCS["models"].blocks("toml")[0], encoding="utf-8")
    assert load_models_file(path).pair(None).name == "mine"


def test_the_exit_codes_are_those_of_the_code() -> None:
    told = {row[1].split(":")[0].split(",")[0]: int(row[0]) for row in exit_code_rows()}
    assert told == {
        "done": 0,
        "error": FAILED,
        "wrong usage": CliRunner().invoke(app, ["ask", "--nothing"]).exit_code,
        "done but some inputs were skipped": SKIPPED,
        "ended because its terminal was closed": 128 + signal.SIGHUP,
        "interrupted with Ctrl-C": INTERRUPTED,
        "ended by `kill`": 128 + signal.SIGTERM,
    }


def exit_code_rows() -> list[list[str]]:
    rows = DOCS["usage"].table("Exit codes").rows
    return [[code, meaning.replace("done, but", "done but")] for code, meaning in rows]


def test_the_variables_of_its_own_are_those_that_the_code_reads() -> None:
    code = "".join(
        path.read_text(encoding="utf-8") for path in (REPOSITORY / "rapid_cli").rglob("*.py")
    )
    told = DOCS["usage"].table("Environment variables").codes()
    own = {name for name in told if name.startswith("RAPID_")}
    assert own == set(re.findall(r"\"(RAPID_[A-Z_]+)\"", code))


def leaves(value: object, at: str = "") -> set[str]:
    """Return the keys of what JSON holds, as the documentation writes them."""
    if isinstance(value, dict):
        below = (leaves(each, f"{at}.{key}" if at else key) for key, each in value.items())
        return set().union(*below)
    if isinstance(value, list | tuple) and value and isinstance(value[0], dict):
        return leaves(value[0], f"{at}[]")
    return {at}


def told_keys(title: str, first: str = "key") -> set[str]:
    """Return the keys in a table, but for those of what other keys lead into."""
    keys = DOCS["json"].table(title, first).codes()
    inner = tuple(key.replace("[]", "") for key in keys)
    return {key for key in keys if not any(each.startswith(f"{key}.") for each in inner)}


ANSWER = answer_json(make_answer(citations=[Citation(0, 4, (1,), 0.9, ("a",))]), DOCUMENTS)


def test_the_json_of_an_answer_has_the_keys_of_its_table() -> None:
    assert told_keys("An answer") == leaves(ANSWER)
    (example,) = DOCS["json"].blocks("json")
    assert leaves(json.loads(example)) == leaves(ANSWER)


def test_the_json_of_a_failed_question_and_of_passages_has_the_keys_of_its_table() -> None:
    assert told_keys("A question that fails") == leaves(failure_json("", RapidError("")))
    found = passages_json("", make_answer().sources, DOCUMENTS)
    assert told_keys("Passages") == found.keys()
    assert leaves(found["passages"], "sources") == leaves(ANSWER["sources"], "sources")


def test_the_json_of_lists_has_the_keys_of_its_tables(capsys: pytest.CaptureFixture[str]) -> None:
    print_entries([Entry("", "", "", 1, 1, True, "")], set(), as_json=True)
    print_texts([CachedPrefix(Path(), "", 1, 1, 1.0)], as_json=True)
    print_models(
        [ModelRow("", "", "", [])],
        [PairRow("", "", "", "", "")],
        [WeightCopy(Path(), None, "", 1, stale=False)],
        set(),
        as_json=True,
    )
    entries, texts, models = map(json.loads, capsys.readouterr().out.splitlines())
    assert told_keys("Lists", "key of a document") == leaves(entries[0])
    assert told_keys("Lists", "key of a text") == leaves(texts[0])
    assert told_keys("Lists") == leaves(models)


def test_the_json_of_downloads_tuning_and_benchmarks_has_the_keys_of_its_tables() -> None:
    pulled = Pulled("", "", (), "", Path(), 1, 1, 1.0)
    assert told_keys("Downloads") == leaves(pulled_json(pulled))
    settings = RunSettings(None, "f16", "f16", None, None)
    stage = Comparison("weights", 256, (Trial(settings),))
    weights = WeightFormat("Q4_1", "q4_1", 5.0, 1, 1, 1)
    tuned = tuning_json("", weights, "", [stage], TuningResult(settings, "", {}, {}))
    told = told_keys("Tuning")
    assert {key.split("[")[0] for key in told} == tuned.keys()
    section = DOCS["json"].section("Tuning")
    assert all(f"`{field.name}`" in section for field in fields(RunSettings))
    stages = {f"stages[].{field.name}" for field in fields(LengthRow)}
    rows = {f"rows[].{field.name}" for field in fields(Row)}
    assert told_keys("Benchmarks") == {"title", "peak_memory_bytes", *stages, *rows}


def test_the_json_of_evaluations_and_a_line_of_results_have_the_keys_of_their_tables() -> None:
    rows = {f"rows[].{field.name}" for field in fields(evaluation_report.Row)}
    told = told_keys("Evaluations")
    assert told == {"baseline", "answers", "failed", "skipped_lines", *rows}
    table = DOCS["evaluating"].table("The file of results", "key")
    assert set(table.codes()) == record_json(make_record(make_question(1))).keys()


def test_the_json_of_the_doctor_has_the_keys_of_its_table() -> None:
    assert told_keys("Checks") == {"ok", *(f"findings[].{field.name}" for field in fields(Finding))}


@pytest.mark.models
def test_the_json_of_a_check_has_the_keys_of_its_tables() -> None:
    done = CliRunner().invoke(app, ["models", "check", "--json"])
    told = told_keys("Checks") | told_keys("Checks", "key of a check")
    assert told == leaves(json.loads(done.stdout))


def test_the_changelog_begins_with_what_is_not_released_and_the_version_of_the_package() -> None:
    unreleased, newest, *_ = re.findall(r"^## (.+)$", CHANGELOG.text, re.MULTILINE)
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert unreleased == "[Unreleased]"
    assert re.fullmatch(rf"\[{re.escape(project['version'])}\] - \d{{4}}-\d\d-\d\d", newest)
