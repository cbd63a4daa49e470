"""The package: cheap to import, and answering without torch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import GUIDE_VARIABLE, KETTLE, PROJECT, Built

import wellcited

READERS = {"charset_normalizer", "justext", "lxml", "pathspec", "pypdfium2", "trafilatura"}
NEVER_AT_ANSWER_TIME = READERS | {
    *("torch", "transformers", "sentence_transformers", "gradio", "fastapi", "onnx", "onnxscript"),
    *("starlette", "structlog", "prometheus_client", "jwt", "mcp"),
}
HEAVY = NEVER_AT_ANSWER_TIME | {
    "onnxruntime",
    "tokenizers",
    "faiss",
    "bm25s",
    "numpy",
    "pydantic",
    "yaml",
    "markdown_it",
}
LOADED = (
    "import json, sys; print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})), file=sys.stderr)"
)


def loaded_by(program: str, *arguments: str) -> tuple[set[str], str]:
    """Run `program` in a fresh Python; return the top-level packages that it had loaded at its end, and its output."""
    wrapped = f"try:\n    {program}\nfinally:\n    {LOADED}"
    ran = subprocess.run(
        [sys.executable, "-c", wrapped, *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": str(Path(wellcited.__file__).parents[1]), "PYTHONIOENCODING": "utf-8"},
    )
    assert ran.returncode == 0, ran.stderr
    return set(json.loads(ran.stderr.strip().splitlines()[-1])), ran.stdout


def test_importing_the_package_loads_no_heavy_library() -> None:
    loaded, _ = loaded_by("import wellcited")
    assert "wellcited" in loaded
    assert not loaded & HEAVY


def test_the_command_line_shows_its_version_without_loading_a_heavy_library() -> None:
    loaded, shown = loaded_by("from wellcited.cli import main; main()", "--version")
    assert shown == f"wellcited {wellcited.__version__}\n"
    assert not loaded & (HEAVY - {"pydantic"})


def test_answering_loads_neither_torch_nor_the_web(tiny: Built) -> None:
    program = (
        "from wellcited import Assistant; answer = Assistant.open(sys.argv[1]).ask(sys.argv[2], "
        "history=[{'role': 'user', 'content': 'Hello'}]); print(answer.kind)"
    )
    loaded, shown = loaded_by(f"import sys; {program}", str(tiny.index), "How often should I descale a kettle?")
    assert shown == "answer\n"
    assert {"onnxruntime", "faiss", "tokenizers"} <= loaded
    assert not loaded & {"bm25s", "scipy"}
    assert not loaded & NEVER_AT_ANSWER_TIME


@pytest.mark.parametrize(
    "question", ["How often should I descale a kettle?", "What is the capital of Mongolia?", "hello"]
)
def test_asking_on_the_command_line_loads_neither_torch_nor_the_web(tiny: Built, question: str) -> None:
    loaded, shown = loaded_by(
        "from wellcited.cli import main; main()", "ask", question, "--index", str(tiny.index), "--json"
    )
    assert json.loads(shown)["kind"] in {"answer", "not_covered", "smalltalk"}
    assert not loaded & NEVER_AT_ANSWER_TIME


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_asking_into_a_pipe_waits_for_nothing_that_help_and_terminals_need(tiny: Built, form: list[str]) -> None:
    loaded, shown = loaded_by(
        "from wellcited.cli import main; main()",
        *("ask", "How often should I descale a kettle?", "--index", str(tiny.index), *form),
    )
    assert "kettle" in shown
    assert not loaded & {"typer", "rich"}


def test_every_public_name_resolves_and_is_the_one_of_its_room() -> None:
    assert sorted(wellcited.__all__) == sorted(set(wellcited.__all__))
    for name in wellcited.__all__:
        assert getattr(wellcited, name) is not None
    assert wellcited.Assistant.__module__ == "wellcited.assistant"
    assert wellcited.build_index.__module__ == "wellcited.indexing"


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Assistent'"):
        wellcited.Assistent  # noqa: B018


RUN = 12
"""So many words in a row are a copy; fewer may be chance, a name or a fact that has no other words."""


def shared_run(one: str, other: str) -> list[str]:
    """Return the longest run of words, of at least RUN, that both texts hold."""
    ours, theirs = ([word.strip(".,;:!?“”‘’\"'()*#-").lower() for word in text.split()] for text in (one, other))
    starts: dict[tuple[str, ...], list[int]] = {}
    for at in range(len(theirs) - RUN + 1):
        starts.setdefault(tuple(theirs[at : at + RUN]), []).append(at)
    longest: list[str] = []
    for at in range(len(ours) - RUN + 1):
        for start in starts.get(tuple(ours[at : at + RUN]), ()):
            length = RUN
            while ours[at + length : at + length + 1] == theirs[start + length : start + length + 1] != []:
                length += 1
            longest = max(longest, ours[at : at + length], key=len)
    return longest


def test_a_copied_run_of_words_would_be_found() -> None:
    words = [f"word{number}" for number in range(40)]
    copied = f"Before that. {' '.join(words[5:25]).upper()}, and after."
    assert shared_run(copied, " ".join(words)) == words[5:25]
    assert shared_run(" ".join(words[:11]), " ".join(words)) == []


# A guide that the corpus must not copy from: its path in WELLCITED_TEST_GUIDE. Without one, the tests' own guide.
OTHERS = [pytest.param(KETTLE, id="kettle")] + [
    pytest.param(Path(path).read_text("utf-8"), id="given") for path in [os.environ.get(GUIDE_VARIABLE)] if path
]


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("path", sorted((PROJECT / "corpus").glob("*.md")), ids=lambda path: path.name)
def test_the_corpus_copies_no_long_run_of_words(path: Path, other: str) -> None:
    assert shared_run(path.read_text("utf-8"), other) == []


def test_the_process_gives_its_whole_answer_and_the_exit_code_of_the_contract(tiny: Built) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "wellcited", *arguments], capture_output=True, text=True, encoding="utf-8"
        )

    answered = run("ask", "hello there", "--index", str(tiny.index), "--json")
    assert (answered.returncode, answered.stderr) == (0, "")
    assert json.loads(answered.stdout)["kind"] == "smalltalk"
    refused = run("ask", "", "--index", str(tiny.index))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "wellcited: the question is empty; write what you would like to know\n"
    assert run("ask", "one", "two").returncode == 2
    assert run("index", "--no-such-option").returncode == 2


def test_answering_leaves_nothing_behind_that_could_report_to_anyone(tiny: Built, tmp_path: Path) -> None:
    # ONNX Runtime, unless told otherwise, keeps an id of the machine and a database of what it will send.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ORT_", "XDG_"))}
    ran = subprocess.run(
        [sys.executable, "-m", "wellcited", "ask", "How often should I descale a kettle?", "--index", str(tiny.index)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**environment, "HOME": str(tmp_path), "PYTHONPATH": str(Path(wellcited.__file__).parents[1])},
    )
    assert ran.returncode == 0, ran.stderr
    assert "kettle" in ran.stdout
    assert list(tmp_path.rglob("*")) == []
