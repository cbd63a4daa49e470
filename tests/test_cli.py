"""The command line: names and exit codes that scripts rely on, and output that people and pipes can read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, NamedTuple

import pytest
from conftest import Built

import wellcited
from wellcited import history, updating, watching
from wellcited.cli import main
from wellcited.corpus.reading import Skipped
from wellcited.datatypes import Answer, Citation, Document, Message, Receipt, Triage
from wellcited.errors import CorpusError, IndexMissing
from wellcited.history import Entry, Failure
from wellcited.settings import Settings, load_settings
from wellcited.updating import Changes, Difference, UpdateReport

RECEIPT = Receipt(bundle_id="b1", rules_version="r1")
QUOTE = "Press for 30 to 90 seconds [bold]at most[/bold],\tand never on a bone: " + "slowly, " * 30 + "[1] each time."
GUIDE = Document(id="guide", title="The guide", text=QUOTE + "\nStop if it goes numb.", blocks=())
NUMB = "Stop if it goes numb."


def cite(number: int, quote: str, *headings: str) -> Citation:
    start = GUIDE.text.index(quote)
    return Citation(
        number=number,
        passage_id="guide/how/1",
        document_id="guide",
        title="The guide",
        headings=headings,
        quote=quote,
        start=start,
        end=start + len(quote),
        url="/guide/guide",
    )


REPLIES = {
    "How long?": Answer(
        kind="answer",
        text=QUOTE,
        citations=(cite(1, QUOTE, "How", "Pressing [x]"),),
        further=(cite(2, NUMB, "When to stop"),),
        confidence=0.9,
        receipt=RECEIPT,
    ),
    "Price?": Answer(
        kind="not_covered",
        text="The guide does not say.",
        further=(cite(1, NUMB),),
        suggestions=("How long [do] I press?",),
        receipt=RECEIPT,
    ),
    "numb\x1b[31m": Answer(
        kind="referral",
        text="Call \x1b[31m112 now.",
        triage=Triage(tier="emergency", reasons=("R1",), message="Call 112 now."),
        receipt=RECEIPT,
    ),
    "hey": Answer(kind="smalltalk", text="Hello!", receipt=RECEIPT),
}


class FakeGuardrail:
    rules_version = "r1"

    @classmethod
    def open(cls, emergency_numbers: Sequence[str] = (), safety_file: Path | None = None) -> FakeGuardrail:
        return cls()

    def triage(self, question: str, history: Sequence[Message] = ()) -> Triage:
        return REPLIES[question].triage


class FakeOpening:
    @classmethod
    def for_one_answer(cls, settings: Settings) -> FakeOpening:
        if settings.index.name == "missing":
            raise IndexMissing(f"{settings.index}: there is no index\nhere; run: wellcited index")
        return cls()


class FakeAssistant:
    documents: ClassVar = {"guide": GUIDE}
    bundle_id = "b1"
    guardrail = FakeGuardrail()
    histories: ClassVar[list[Sequence[Message]]] = []

    @classmethod
    def open(cls, index: Path, settings: Settings) -> FakeAssistant:
        return cls.opened(FakeOpening.for_one_answer(settings.model_copy(update={"index": index})), settings)

    @classmethod
    def opened(cls, opening: FakeOpening, settings: Settings) -> FakeAssistant:
        return cls()

    def ask(self, question: str, history: Sequence[Message] = ()) -> Answer:
        self.histories.append(history)
        return REPLIES[question]


class Ran(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run the command line in an empty folder with a fake assistant; returns exit code, output and errors."""
    monkeypatch.chdir(tmp_path)
    FakeAssistant.histories.clear()
    monkeypatch.setitem(sys.modules, "wellcited.assistant", SimpleNamespace(Assistant=FakeAssistant))
    monkeypatch.setitem(sys.modules, "wellcited.opening", SimpleNamespace(Opening=FakeOpening))
    monkeypatch.setitem(sys.modules, "wellcited.safety", SimpleNamespace(Guardrail=FakeGuardrail))

    def call(*arguments: str) -> Ran:
        monkeypatch.setattr(sys, "argv", ["wellcited", *arguments])
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(bool(end.code))
        found = capsys.readouterr()
        return Ran(code, found.out, found.err)

    return call


def test_version_and_help_teach(run: Run) -> None:
    assert run("--version") == (0, f"wellcited {wellcited.__version__}\n", "")
    for command in ("index", "builds", "rollback", "ask", "triage", "evaluate", "serve", "token", "mcp"):
        shown = run(command, "--help")
        assert shown.code == 0
        assert f"wellcited {command}" in shown.out.split("Example:")[1]
        assert command in run("--help").out


@pytest.mark.parametrize("arguments", [[], ["ask"], ["fly"], ["ask", "x", "--nonsense"], ["serve", "--port", "0"]])
def test_wrong_usage_ends_with_2(run: Run, arguments: list[str]) -> None:
    assert run(*arguments).code == 2


def test_quotes_are_printed_whole_and_literally_into_a_pipe(run: Run) -> None:
    shown = run("ask", "How long?")
    assert shown.code == 0
    assert f"{QUOTE} [1]\n" in shown.out
    assert "[1] The guide › How › Pressing [x]\n" in shown.out
    assert f"More from the guide\n  [2] {NUMB}  (When to stop)\n" in shown.out
    assert "\x1b" not in shown.out


def test_an_answer_that_is_not_sure_says_so_first(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(REPLIES, "Unsure?", REPLIES["How long?"].model_copy(update={"confidence": 0.3}))
    assert run("ask", "Unsure?").out.startswith("The guide may not answer this. The nearest it says:\n\n")
    assert "may not answer" not in run("ask", "How long?").out


def test_not_covered_shows_the_nearest_as_such_and_what_could_be_asked(run: Run) -> None:
    out = run("ask", "Price?").out
    assert out.startswith("The guide does not say.\n")
    assert f"The nearest the guide comes\n  [1] {NUMB}" in out
    assert "  - How long [do] I press?\n" in out


def test_a_referral_has_its_title_and_no_control_characters(run: Run) -> None:
    out = run("ask", "numb\x1b[31m").out
    assert out == "This may be an emergency\n\nCall [31m112 now.\n"


def test_small_talk_is_one_line(run: Run) -> None:
    assert run("ask", "hey").out == "Hello!\n"


def test_a_terminal_gets_a_panel(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")
    assert "╭" in run("ask", "numb\x1b[31m").out
    out = run("ask", "How long?").out
    assert "[bold]at most[/bold]" in out
    assert "\x1b[1;36m[1]\x1b[0m" in out


def test_json_is_the_answer_and_nothing_else(run: Run) -> None:
    shown = run("ask", "How long?", "--json")
    assert Answer.model_validate_json(shown.out) == REPLIES["How long?"]
    assert shown.err == ""


def test_the_question_can_come_from_standard_input(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes("\ufeffhey\n".encode())
    with open(tmp_path / "in", encoding="utf-8") as file:
        monkeypatch.setattr(sys, "stdin", file)
        assert run("ask", "-").out == "Hello!\n"
    (tmp_path / "in").write_bytes(b"\xff")
    with open(tmp_path / "in", encoding="utf-8") as file:
        monkeypatch.setattr(sys, "stdin", file)
        assert run("ask", "-") == (1, "", "wellcited: standard input: not UTF-8 text (byte 0)\n")


def test_history_is_read_from_a_file(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "history.json"
    path.write_text('[{"role": "user", "content": "hello"}]', encoding="utf-8")
    assert run("ask", "hey", "--history", str(path)).code == 0
    assert list(FakeAssistant.histories[-1]) == [Message(role="user", content="hello")]


@pytest.mark.parametrize("content", [None, "{", "{}", '[{"role": "system", "content": "x"}]', '["x"]'])
def test_a_bad_history_is_one_line(run: Run, tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "history.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    shown = run("ask", "hey", "--history", str(path))
    assert (shown.code, shown.out) == (1, "")
    assert shown.err.startswith(f"wellcited: {path}: ")
    assert shown.err.count("\n") == 1


def test_a_known_error_is_one_line_and_ends_with_1(run: Run) -> None:
    shown = run("ask", "hey", "--index", "missing")
    assert shown == (1, "", "wellcited: missing: there is no index here; run: wellcited index\n")


def test_an_unknown_setting_is_a_known_error(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WELLCITED_PROT", "1")
    shown = run("ask", "hey")
    assert shown.code == 1
    assert "did you mean 'port'" in shown.err


@pytest.mark.parametrize(
    ("package", "module", "arguments", "extra"),
    [
        ("torch", "wellcited.updating", ["index"], "index"),
        ("gradio", "wellcited.web.app", ["serve"], "web"),
        ("jwt", "wellcited.web.tokens", ["token", "https://a.example"], "web"),
        ("mcp", "wellcited.web.mcp", ["mcp"], "mcp"),
    ],
)
def test_a_missing_extra_is_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, package: str, module: str, arguments: list[str], extra: str
) -> None:
    class Needs:
        def __getattr__(self, name: str) -> Any:
            raise ModuleNotFoundError(f"No module named '{package}.nn'", name=f"{package}.nn")

    monkeypatch.setitem(sys.modules, module, Needs())  # type: ignore[arg-type]
    shown = run(*arguments)
    assert shown == (
        1,
        "",
        f"wellcited: the package {package} is not installed; run: pip install 'wellcited[{extra}]'\n",
    )


def test_a_missing_module_of_wellcited_itself_is_not_hushed_up(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wellcited.web.app", None)
    with pytest.raises(ModuleNotFoundError):
        run("serve")


def test_a_quote_from_a_paged_file_says_its_page(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = REPLIES["How long?"]
    citations = tuple(citation.model_copy(update={"page": 3}) for citation in answer.citations)
    monkeypatch.setitem(REPLIES, "How long?", answer.model_copy(update={"citations": citations}))
    assert "[1] The guide › How › Pressing [x] › page 3" in run("ask", "How long?").out


COUNTS = {"documents": 1, "passages": 2, "sentences": 3, "embedded": 4, "seconds": 1.25}
CHANGED = UpdateReport(
    **COUNTS,  # type: ignore[arg-type]
    build_id="b1",
    index=Path("built"),
    reused=False,
    documents_changed=Changes(changed=("guide",), renamed=(("old", "new"),)),
    passages_changed=Changes(added=("guide › How",) * 2, removed=("guide › Why",)),
    asked=9,
    answers=(
        Difference(question="How long?", kind="lost", before="90 seconds.\nNot more.", after="The guide does not say."),
        Difference(question="Why \x1b[31m?", kind="changed", before="So.", after="Because."),
    ),
)
UNCHANGED = CHANGED.model_copy(
    update={"reused": True, "documents_changed": Changes(), "passages_changed": Changes(), "asked": 0, "answers": ()}
)
Update = Callable[..., None]


@pytest.fixture
def updates(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Let `wellcited index` report CHANGED, then UNCHANGED; returns what it was called with."""
    calls: list[dict[str, Any]] = []

    def update_index(settings: Settings, questions: Sequence[str], **options: Any) -> UpdateReport:
        for done in range(3):
            options["progress"]("embedding", done, 2)
        calls.append({"corpus": settings.corpus, "index": settings.index, "questions": questions, **options})
        return UNCHANGED if len(calls) > 1 else CHANGED

    monkeypatch.setattr(updating, "update_index", update_index)
    return calls


def test_index_builds_what_the_options_name_and_tells_what_changed(
    run: Run, updates: list[dict[str, Any]], tmp_path: Path
) -> None:
    (tmp_path / "more.txt").write_text("How often?\n", "utf-8")
    shown = run("index", "--corpus", "guides", "--index", "built", "--questions", "more.txt", "--fail-on-loss")
    assert (shown.code, shown.err) == (0, "")
    assert {**updates[0], "progress": None} == {
        "corpus": Path("guides"),
        "index": Path("built"),
        "questions": ("How often?",),
        "dry_run": False,
        "fail_on_loss": True,
        "progress": None,
    }
    assert shown.out.splitlines() == [
        "Indexed 1 document: 2 passages, 3 sentences, 4 texts newly embedded, in 1.2 s.",
        "Documents: 1 changed, 1 renamed",
        "  ~ guide",
        "  old -> new",
        "Passages: 2 added, 1 removed",
        "  + guide › How",
        "  - guide › Why",
        "Answers: 9 questions asked of both, 7 answered alike",
        "  How long? (no longer answered)",
        "    before: 90 seconds. / Not more.",
        "    now:    The guide does not say.",
        "  Why [31m? (changed)",
        "    before: So.",
        "    now:    Because.",
        'built is live (build b1). Try: wellcited ask "..."',
    ]
    assert run("index").out == "Nothing has changed: built is up to date (build b1).\n"


def test_index_names_what_it_skipped_on_standard_error_and_takes_strict(
    run: Run, updates: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    skipped = (Skipped(path="broken.pdf", reason="is damaged or no PDF"),)
    monkeypatch.setattr(updating, "update_index", lambda *_, **__: CHANGED.model_copy(update={"skipped": skipped}))
    shown = run("index")
    assert (shown.code, shown.err) == (0, "skipped broken.pdf: is damaged or no PDF\n")
    strict: list[bool] = []
    monkeypatch.setattr(updating, "update_index", lambda settings, *_, **__: strict.append(settings.strict) or CHANGED)
    run("index")
    run("index", "--strict")
    assert strict == [False, True]


def test_the_report_of_index_is_one_json_object(run: Run, updates: list[dict[str, Any]]) -> None:
    shown = run("index", "--json", "--dry-run")
    assert UpdateReport.model_validate_json(shown.out) == CHANGED
    assert shown.err == ""
    assert updates[0]["dry_run"]


def test_progress_shows_on_a_terminal_alone(
    run: Run, updates: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "embedding" not in run("index").err
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    assert "embedding" in run("index").err
    assert "embedding" not in run("index", "--json").err


def test_watching_rebuilds_at_every_save_and_goes_on_after_an_error(
    run: Run, updates: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def changes(folder: Path) -> Iterator[None]:
        assert folder == Path("guides")
        yield
        monkeypatch.setattr(updating, "update_index", refuse)
        yield
        yield

    def refuse(*_: object, **__: object) -> None:
        raise CorpusError("guide.md: has no text")

    monkeypatch.setattr(watching, "changes", changes)
    shown = run("index", "--watch", "--corpus", "guides")
    assert shown.code == 0
    assert len(updates) == 2
    assert shown.err.splitlines() == [
        "Watching guides; stop with Ctrl-C.",
        "wellcited: guide.md: has no text",
        "wellcited: guide.md: has no text",
    ]


def entry(**changes: Any) -> Entry:
    values = {"id": "0" * 16, "built": datetime(2026, 5, 4, 3, 2, tzinfo=UTC), "live": False, "model": "words"}
    return Entry(**{**values, "documents": 2, "passages": 1500, **changes})


def test_builds_lists_what_is_kept_and_fails_where_one_is_damaged(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [entry(live=True), entry(id="1" * 16)]
    monkeypatch.setattr(history, "builds", lambda index, verify: found)
    shown = run("builds", "--index", "built")
    assert shown.code == 0
    lines = [line.split() for line in shown.out.splitlines()]
    assert lines[0] == ["build", "when", "(UTC)", "documents", "passages", "model"]
    assert lines[1] == ["0" * 16, "2026-05-04", "03:02", "2", "1,500", "words", "live"]
    assert lines[2] == ["1" * 16, "2026-05-04", "03:02", "2", "1,500", "words"]
    assert [line["id"] for line in json.loads(run("builds", "--json").out)] == ["0" * 16, "1" * 16]
    found.append(entry(problem="passages.jsonl: has changed"))
    shown = run("builds", "--verify")
    assert shown.code == 1
    assert "passages.jsonl: has changed" in shown.out


def test_builds_tells_of_an_index_without_any_and_of_a_failure(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    failure = Failure(when=datetime(2026, 5, 4, 3, 2, tzinfo=UTC), error="guide.md: is not UTF-8")
    monkeypatch.setattr(history, "last_failure", lambda index: failure)
    shown = run("builds", "--index", "built")
    assert shown.out.splitlines() == [
        "built: there is no build here; run: wellcited index --index built",
        "The last attempt, 2026-05-04 03:02 UTC, failed: guide.md: is not UTF-8",
    ]


def test_rollback_names_what_is_live_now_or_why_it_cannot_be(built: Built, run: Run) -> None:
    told = run("rollback", "--index", str(built.index))
    assert told.code == 1
    assert told.err == (
        f"wellcited: {built.index}: does not keep an earlier build; it keeps: {built.report.build_id} (newest first)\n"
    )
    shown = run("rollback", built.report.build_id[:5], "--index", str(built.index))
    assert shown == (0, f"{built.index}: build {built.report.build_id} is live.\n", "")


def test_serve_takes_host_and_port_over_the_settings(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[Settings] = []
    monkeypatch.setitem(
        sys.modules, "wellcited.web.app", SimpleNamespace(serve=lambda settings: served.append(settings))
    )
    assert run("serve", "--host", "0.0.0.0", "--port", "8000", "--index", "built").code == 0  # noqa: S104
    assert (served[0].host, served[0].port, served[0].index) == ("0.0.0.0", 8000, Path("built"))  # noqa: S104


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    questions, safety = tmp_path / "questions.jsonl", tmp_path / "safety.jsonl"
    asked = {"id": "q1", "kind": "single", "turns": ["How long?"], "gold": [[QUOTE]]}
    questions.write_text(json.dumps(asked) + "\n", encoding="utf-8")
    said = {"id": "s1", "turns": ["numb\x1b[31m"], "tier": "emergency", "accept": ["emergency"]}
    safety.write_text(json.dumps(said) + "\n", encoding="utf-8")
    return str(questions), str(safety)


def test_evaluate_prints_tables_and_writes_its_page(run: Run, files: tuple[str, str], tmp_path: Path) -> None:
    shown = run("evaluate", "--questions", files[0], "--safety", files[1], "--report", str(tmp_path / "report"))
    assert (shown.code, shown.err) == (0, "")
    assert "evidence within the first 600 characters" in shown.out
    assert "none of the 1 referrals quotes the guide" in shown.out
    assert (tmp_path / "report" / "index.html").is_file()


def test_evaluate_json_holds_everything_and_nothing_else(run: Run, files: tuple[str, str]) -> None:
    found = json.loads(run("evaluate", "--questions", files[0], "--safety", files[1], "--json").out)
    assert found["bundle_id"] == "b1"
    assert found["questions"]["overall"]["shown_600"]["value"] == 1
    assert found["safety"]["invariant"] == {"asked": 1, "leaks": [], "disagreements": []}


def test_safety_alone_needs_no_index(run: Run, files: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WELLCITED_INDEX", "missing")
    shown = run("evaluate", "--safety", files[1])
    assert shown.code == 0
    assert "Not checked, for want of an index" in shown.out
    assert run("evaluate", "--questions", files[0]).code == 1
    assert run("evaluate", "--safety", files[1], "--index", "missing").code == 1


def test_evaluate_without_a_file_is_wrong_usage_with_help(run: Run) -> None:
    shown = run("evaluate")
    assert shown.code == 2
    assert "--questions" in shown.out
    assert "needs --questions" in shown.err


def test_evaluate_names_a_bad_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text("{", encoding="utf-8")
    shown = run("evaluate", "--questions", "bad.jsonl")
    assert (shown.code, shown.out) == (1, "")
    assert shown.err.startswith("wellcited: bad.jsonl, line 1: not JSON")


def test_asking_loads_neither_torch_nor_the_chat_window(tmp_path: Path) -> None:
    code = (
        "import sys; from wellcited.cli import main; sys.argv = ['wellcited', 'ask', 'hello', '--index', 'absent']\n"
        "try: main()\n"
        "except SystemExit as end: code = end.code\n"
        "heavy = {'torch', 'transformers', 'sentence_transformers', 'gradio', 'fastapi', 'pandas'} & set(sys.modules)\n"
        "print(code, sorted(heavy))"
    )
    source = str(Path(wellcited.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": source},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "1 []\n", done.stderr
    assert done.stderr.startswith("wellcited: ")
    assert done.stderr.count("\n") == 1


def test_a_token_is_printed_alone_and_is_good_for_the_site_it_names(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from wellcited.web.tokens import check

    refused = run("token", "https://a.example")
    assert (refused.code, refused.out) == (1, "")
    assert "setting 'token_secret' is not set" in refused.err
    monkeypatch.setenv("WELLCITED_TOKEN_SECRET", "0123456789abcdef0123456789abcdef")
    made = run("token", "https://a.example")
    assert (made.code, made.err) == (0, "")
    check(f"Bearer {made.out.strip()}", "https://a.example", load_settings())
    assert run("token", "a.example").code == 1


def test_the_tool_of_an_assistant_is_served_from_the_index_that_is_named(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[Any] = []
    tool = SimpleNamespace(run=lambda assistant, settings: served.append((type(assistant), settings.index)))
    monkeypatch.setitem(sys.modules, "wellcited.web.mcp", tool)
    assert run("mcp", "--index", "built") == (0, "", "")
    assert served == [(FakeAssistant, Path("built"))]
