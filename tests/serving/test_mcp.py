"""`rapid mcp`, asked by the protocol's own client over the pipes of a real process."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from tests.support.pdfs import make_pdf
from tests.support.rapid import COMMAND, environment, rapid

pytestmark = pytest.mark.models

FERRY = "The ferry leaves at nine. It takes twelve passengers. Dogs are carried in the hold.\n"
RAIN = "Rain fell on the moor for most of the week, and the sheep stood close to the walls.\n"
QUESTION = "When does the ferry leave?"
SHORT = {"max_tokens": 12}
ENDLESS = {"max_tokens": 5000}
LONGEST_SECONDS = 60.0


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, furnish) -> Path:
    """A home with two documents in its library; the files lie beside it."""
    folder = tmp_path_factory.mktemp("mcp")
    furnish(folder / "home", shallow=True)
    (folder / "ferry.txt").write_text(RAIN * 40 + FERRY + RAIN * 5)
    (folder / "timetable.pdf").write_bytes(make_pdf(["Arrivals", "The boat is due at seven."]))
    (folder / "letter.txt").write_text("The safe opens with the number 4711.\n")
    done = rapid("index", folder / "ferry.txt", folder / "timetable.pdf", home=folder / "home")
    assert done.returncode == 0, done.stderr
    return folder / "home"


@asynccontextmanager
async def client(home: Path, *words: object, mode: str = "auto") -> Any:
    """A client of a server that runs in a folder with all three files."""
    server = StdioServerParameters(
        command=COMMAND[0],
        args=[*COMMAND[1:], "mcp", *map(str, words)],
        env=environment(home),
        cwd=home.parent,
    )
    with (home.parent / "stderr.txt").open("w") as errors:
        async with asyncio.timeout(LONGEST_SECONDS):
            async with Client(stdio_client(server, errors), mode=mode) as connected:
                yield connected


def talk(home: Path, say: Callable[[Client], Awaitable[Any]], *words: object, **how: str) -> Any:
    """Return what comes of talking to a server."""

    async def run() -> Any:
        async with client(home, *words, **how) as connected:
            return await say(connected)

    return asyncio.run(run())


async def told(server: Client, tool: str, **arguments: object) -> dict[str, Any]:
    """Return the fields that a tool gives, which agree with its schema."""
    done = await server.call_tool(tool, arguments)
    assert not done.is_error, done.content
    assert done.structured_content is not None
    return done.structured_content


async def refused(server: Client, tool: str, **arguments: object) -> str:
    """Return what is said of a call that goes wrong."""
    done = await server.call_tool(tool, arguments)
    assert done.is_error
    (text,) = done.content
    assert "Traceback" not in text.text
    return text.text


@pytest.fixture(scope="module")
def session(home: Path) -> dict[str, Any]:
    """What a client is told by all tools in one session."""

    async def say(server: Client) -> dict[str, Any]:
        heard: list[tuple[float, float | None, str | None]] = []

        async def hear(*progress: Any) -> None:
            heard.append(progress)

        tools = (await server.list_tools()).tools
        listed = await told(server, "list_documents")
        some = await told(server, "list_documents", containing="TIME")
        first = await told(server, "list_documents", limit=1)
        found = await told(server, "search", question=QUESTION, limit=3)
        shown = await told(
            server, "show_passage", passage=found["passages"][0]["passage"], surroundings=300
        )
        asked = {"question": QUESTION, "documents": ["ferry.txt"], **SHORT}
        done = await server.call_tool("ask", asked, progress_callback=hear)
        rag = await told(server, "ask", question=QUESTION, strategy="rag", **SHORT)
        wrong = [
            await refused(server, "ask", question=QUESTION, strategy="fast"),
            await refused(server, "ask", question=QUESTION, documents=["letter.txt"]),
            await refused(server, "search", question=QUESTION, documents=["/etc/passwd"]),
            await refused(server, "search", question=QUESTION, documents=["ferry.txt\0"]),
            await refused(server, "search", query=QUESTION),
            await refused(server, "show_passage", passage="0123456789ab:0-10"),
            await refused(server, "show_passage", passage="../etc/passwd"),
            await refused(server, "show_passage", passage=f"{listed['documents'][0]['id']}:9-9"),
            await refused(server, "delete"),
        ]
        return {
            "tools": tools,
            "listed": listed,
            "some": some,
            "first": first,
            "found": found,
            "shown": shown,
            "done": done,
            "answer": done.structured_content,
            "heard": heard,
            "rag": rag,
            "wrong": wrong,
        }

    return talk(home, say)


def test_each_tool_says_what_it_takes_and_gives(session: dict[str, Any]) -> None:
    tools = {tool.name: tool for tool in session["tools"]}
    assert list(tools) == ["list_documents", "search", "ask", "show_passage"]
    for tool in tools.values():
        assert len(tool.description) > 80
        assert tool.output_schema["type"] == "object"
        assert tool.input_schema["additionalProperties"] is False
        for of_field in tool.input_schema["properties"].values():
            assert of_field["description"]
    strategies = tools["ask"].input_schema["properties"]["strategy"]["enum"]
    assert {"rapid", "long-context", "rag"} <= set(strategies)


def test_the_documents_of_the_library_are_listed_without_their_paths(
    session: dict[str, Any], home: Path
) -> None:
    listed = session["listed"]["documents"]
    assert [(each["name"], each["pages"]) for each in listed] == [
        ("ferry.txt", 1),
        ("timetable.pdf", 2),
    ]
    assert [each["name"] for each in session["some"]["documents"]] == ["timetable.pdf"]
    assert (session["first"]["documents"], session["first"]["total"]) == (listed[:1], 2)
    assert str(home.parent) not in json.dumps([session["listed"], session["answer"]])


def test_passages_are_found_with_their_places_and_shown_with_what_is_around_them(
    session: dict[str, Any],
) -> None:
    best = session["found"]["passages"][0]
    assert (best["number"], best["document"], best["page"]) == (1, "ferry.txt", None)
    assert "leaves at nine" in best["content"]
    assert "into the text" in best["place"]
    pages = [each["page"] for each in session["found"]["passages"]]
    assert 2 in pages
    shown = session["shown"]
    assert shown["content"] == best["content"]
    assert shown["before"].endswith(RAIN[-20:])
    assert len(shown["before"]) == 300
    assert shown["earlier"]


def test_an_answer_has_sources_citations_statistics_and_progress(session: dict[str, Any]) -> None:
    answer, (text,) = session["answer"], session["done"].content
    assert answer["answer"]
    assert answer["strategy"] == "rapid"
    assert {each["document"] for each in answer["sources"]} == {"ferry.txt"}
    assert answer["sentences"] or answer["finish_reason"] == "length"
    assert answer["statistics"].startswith("rapid: ")
    assert "tok/s" in answer["statistics"]
    assert text.text.endswith(answer["statistics"])
    assert "\nSources\n[1] ferry.txt, " in text.text
    done = [progress for progress, _, _ in session["heard"]]
    assert done
    assert done == sorted(set(done))
    assert all(progress <= total for progress, total, _ in session["heard"])
    assert "read " in session["heard"][0][2]
    assert session["rag"]["strategy"] == "rag"


def test_what_a_client_gets_wrong_is_said_with_a_hint(session: dict[str, Any]) -> None:
    strategy, letter, passwd, null, schema, unknown, path, empty, tool = session["wrong"]
    assert "fast" in strategy
    assert letter.startswith("there is no document 'letter.txt'\n")
    assert passwd.startswith("there is no document '/etc/passwd'\n")
    assert null.startswith("there is no document 'ferry.txt\\x00'\n")
    assert "question: " in schema
    assert "query: " in schema
    assert unknown.startswith("there is no document '0123456789ab'")
    assert path.startswith("there is no passage '../etc/passwd'")
    assert empty.startswith("there is no passage")
    assert "there are list_documents, search, ask, show_passage" in tool


def test_answers_go_into_the_history_unless_that_is_not_wanted(
    session: dict[str, Any], home: Path
) -> None:
    async def say(server: Client) -> None:
        await told(server, "ask", question="Is this kept?", strategy="rag", max_tokens=1)

    talk(home, say, "--no-log")
    kept = rapid("history", "--json", home=home).stdout.splitlines()
    assert [json.loads(line)["question"] for line in kept] == [QUESTION, QUESTION]


def test_only_what_is_named_on_the_command_line_is_offered(home: Path) -> None:
    async def say(server: Client) -> None:
        listed = await told(server, "list_documents")
        assert [each["name"] for each in listed["documents"]] == ["letter.txt"]
        found = await told(server, "search", question="Which number opens the safe?")
        assert {each["document"] for each in found["passages"]} == {"letter.txt"}
        said = await refused(server, "search", question=QUESTION, documents=["ferry.txt"])
        assert "there is no document 'ferry.txt'" in said
        document = listed["documents"][0]["id"]
        shown = await told(server, "show_passage", passage=f"{document}:4-8")
        assert shown["content"] == "safe"

    talk(home, say, "letter.txt", mode="legacy")
    assert "indexed " in (home.parent / "stderr.txt").read_text()
    rapid("remove", "letter.txt", home=home)


def test_a_cancelled_answer_ends_and_nobody_waits_for_it(home: Path) -> None:
    async def say(server: Client) -> float:
        begun = asyncio.Event()

        async def hear(done: float, total: float | None, message: str | None) -> None:
            if message and message.startswith("wrote"):
                begun.set()

        asked = {"question": QUESTION, "documents": ["ferry.txt"], **ENDLESS}
        answer = asyncio.create_task(server.call_tool("ask", asked, progress_callback=hear))
        await begun.wait()
        await told(server, "search", question=QUESTION)  # beside the answer
        assert not answer.done()
        next_one = asyncio.create_task(told(server, "ask", question=QUESTION, **SHORT))
        before = time.perf_counter()
        answer.cancel()
        await next_one
        return time.perf_counter() - before

    assert talk(home, say, "--no-log") < 20


PARAMETERS = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}
INITIALIZE = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": PARAMETERS}


@contextmanager
def begun(home: Path, *words: object) -> Iterator[subprocess.Popen[str]]:
    """A server that has said hello, as a process."""
    process = subprocess.Popen(
        [*COMMAND, "mcp", *map(str, words)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env=environment(home),
        cwd=home.parent,
    )
    with process:
        try:
            said = say(process, INITIALIZE)
            assert said["result"]["serverInfo"]["name"] == "rapid"
            tell(process, {"jsonrpc": "2.0", "method": "notifications/initialized"})
            yield process
        finally:
            process.kill()


def tell(process: subprocess.Popen[str], message: object) -> None:
    assert process.stdin is not None
    process.stdin.write(json.dumps(message) + "\n")
    process.stdin.flush()


def say(process: subprocess.Popen[str], message: object) -> Any:
    """Send a message, and return the next one."""
    tell(process, message)
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


def call(number: int, tool: str, progress: int | None = None, **arguments: object) -> object:
    meta = {} if progress is None else {"_meta": {"progressToken": progress}}
    params = {"name": tool, "arguments": arguments, **meta}
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}


@pytest.mark.parametrize(
    "busy", [pytest.param(False, marks=pytest.mark.long), True], ids=["idle", "busy"]
)
@pytest.mark.parametrize(
    ("number", "code"), [(None, 0), (signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_it_ends_cleanly(home: Path, number: signal.Signals | None, code: int, busy: bool) -> None:
    with begun(home, "--no-log") as process:
        if busy:
            said = say(process, call(2, "ask", progress=7, question=QUESTION, **ENDLESS))
            assert said["method"] == "notifications/progress"
        if number is None:
            assert process.stdin is not None
            process.stdin.close()
            process.stdin = None
        else:
            process.send_signal(number)
        before = time.perf_counter()
        out, errors = process.communicate(timeout=LONGEST_SECONDS)
        assert time.perf_counter() - before < 10
    assert process.returncode == code
    assert [json.loads(line)["jsonrpc"] for line in out.splitlines()] == ["2.0"] * out.count("\n")
    assert errors.strip() in {"", "Aborted."}


def test_what_else_is_printed_goes_to_standard_error_and_who_reads_finds_nothing(
    tmp_path: Path,
) -> None:
    program = """
import os, subprocess, sys
from rapid_cli.cli.streams import for_a_protocol, standard_streams
with standard_streams():
    print("before")
    with for_a_protocol() as (incoming, outgoing):
        print("of Python")
        os.write(1, b"of a library\\n")
        subprocess.run(["cat"], check=True)
        outgoing.write(incoming.read(100))
    print("after")
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        input="the wire\n",
        capture_output=True,
        encoding="utf-8",
        env=environment(tmp_path),
        timeout=LONGEST_SECONDS,
        check=False,
    )
    assert done.stdout == "before\nthe wire\nafter\n"
    assert sorted(done.stderr.splitlines()) == ["of Python", "of a library"]


def test_a_source_that_cannot_be_read_ends_it_with_the_reason(home: Path) -> None:
    with begun(home, "nowhere.txt") as process:
        assert process.stderr is not None
        assert "nowhere.txt" in process.stderr.read()
        assert process.wait(LONGEST_SECONDS) == 1


def test_the_client_is_on_standard_input_and_no_text(home: Path) -> None:
    done = rapid("mcp", "-", home=home)
    assert done.returncode == 2
    assert "the client is on standard input" in done.stderr
