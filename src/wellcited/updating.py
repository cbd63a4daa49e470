"""What a rebuild changes for readers: the same questions asked of the live build and of the new one."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from wellcited.assistant import Assistant
from wellcited.bundle import Build, current_id
from wellcited.datatypes import Answer, Document, Passage, Value
from wellcited.errors import BundleError, CorpusError, EvaluationError, QuestionError
from wellcited.indexing import BuildReport, Progress, build_index
from wellcited.settings import Settings

MOST_QUESTIONS = 300
"""Of more curated questions, so many are asked, spread evenly: each costs about two answers' time."""

_LOST = 3
"""How many of the lost answers an error names."""


class Changes(Value):
    """Which of a kind are new, reworded, gone or only renamed: ids of documents, headings of passages."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()

    @property
    def any(self) -> bool:
        """Whether anything differs."""
        return bool(self.added or self.changed or self.removed or self.renamed)


class Difference(Value):
    """A question that the new build answers otherwise: `lost` if no longer at all, `gained` if now for the first time.

    `before` and `after` are what the reader sees: the quotes, or the words of a reply without any.
    """

    question: str
    kind: Literal["lost", "gained", "changed"]
    before: str
    after: str


class UpdateReport(BuildReport):
    """What a rebuild did, and what it changes: of the `asked` questions, those in `answers` are answered otherwise.

    `not_compared` says why nothing could be compared ("" where it was).
    """

    documents_changed: Changes = Changes()
    passages_changed: Changes = Changes()
    asked: int = 0
    answers: tuple[Difference, ...] = ()
    not_compared: str = ""

    @property
    def lost(self) -> tuple[Difference, ...]:
        """The questions that are no longer answered."""
        return tuple(difference for difference in self.answers if difference.kind == "lost")


def update_index(
    settings: Settings,
    questions: Sequence[str] = (),
    *,
    dry_run: bool = False,
    fail_on_loss: bool = False,
    progress: Progress = lambda stage, done, total: None,
) -> UpdateReport:
    """Build the index as `build_index` does, and report what that changes: documents, passages, answers.

    The curated questions of both builds, and `questions`, are asked of both. Nothing is made live with `dry_run`, or
    where `fail_on_loss` is given and an answered question would no longer be answered, which raises CorpusError.
    """
    found: dict[str, object] = {}

    def review(old: Build | None, new: Build) -> None:
        if old is None:
            if current_id(settings.index) is not None:
                found["not_compared"] = "the index from before cannot be opened"
            return
        if old.manifest.id == new.manifest.id:
            return
        before, after = _Contents(old), _Contents(new)
        documents = document_changes(before.documents, after.documents)
        found["documents_changed"] = documents
        found["passages_changed"] = passage_changes(before.passages, after.passages, dict(documents.renamed))
        try:
            assistants = Assistant.of(old, settings), Assistant.of(new, settings)
        except BundleError as error:
            found["not_compared"] = str(error)
            return
        asked = questions_of([*before.documents, *after.documents], questions)
        differences = compare_answers(
            *assistants, asked, lambda done, total: progress("comparing answers", done, total)
        )
        found.update(asked=len(asked), answers=differences)
        lost = [difference.question for difference in differences if difference.kind == "lost"]
        if fail_on_loss and lost and not dry_run:
            named = "; ".join(repr(question) for question in lost[:_LOST])
            more = f" and {len(lost) - _LOST} more" if len(lost) > _LOST else ""
            raise CorpusError(
                f"{settings.corpus}: {len(lost)} of {len(asked)} questions would no longer be answered: {named}{more}; "
                "see all with: wellcited index --dry-run. The live index is as it was"
            )

    report = build_index(settings.corpus, settings.index, settings, progress, review, dry_run)
    return UpdateReport.model_validate({**report.model_dump(), **found})


def questions_of(documents: Sequence[Document], more: Sequence[str] = ()) -> list[str]:
    """Return the questions to compare: `more`, then the curated ones, each once, of these at most MOST_QUESTIONS."""
    curated = list(dict.fromkeys(question.text for document in documents for question in document.questions))
    step = max(1, -(-len(curated) // MOST_QUESTIONS))
    return list(dict.fromkeys([*more, *curated[::step]]))


def read_questions(path: Path) -> tuple[str, ...]:
    """Read questions, one a line: text, or JSON objects with `question` or, as evaluations have it, `turns`.

    A conversation counts by its last turn. Raises EvaluationError.
    """
    try:
        lines = path.read_text("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise EvaluationError(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    except OSError as error:
        raise EvaluationError(f"{path}: cannot be read: {error.strerror or error}") from error
    found = []
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if text.startswith("{"):
            try:
                entry = json.loads(text)
                text = entry["question"] if "question" in entry else entry["turns"][-1]
            except (ValueError, KeyError, IndexError, TypeError) as error:
                raise EvaluationError(f'{path}, line {number}: no JSON object with "question" or "turns"') from error
        if not isinstance(text, str):
            raise EvaluationError(f"{path}, line {number}: the question is not text")
        if text.strip():
            found.append(text.strip())
    if not found:
        raise EvaluationError(f"{path}: holds no question")
    return tuple(found)


def compare_answers(
    old: Assistant, new: Assistant, questions: Sequence[str], progress: Callable[[int, int], None]
) -> tuple[Difference, ...]:
    """Ask both; return the questions whose answer differs, the lost ones first, then the changed, then the gained."""
    found = []
    for number, question in enumerate(questions, start=1):
        before, after = _ask(old, question), _ask(new, question)
        progress(number, len(questions))
        if before is None or after is None or _shown(before) == _shown(after):
            continue
        was, is_now = before.kind == "answer", after.kind == "answer"
        kind: Literal["lost", "gained", "changed"] = "changed"
        if was != is_now:
            kind = "lost" if was else "gained"
        found.append(Difference(question=question, kind=kind, before=_shown(before), after=_shown(after)))
    order = ("lost", "changed", "gained")
    return tuple(sorted(found, key=lambda difference: order.index(difference.kind)))


def document_changes(old: Sequence[Document], new: Sequence[Document]) -> Changes:
    """Return the ids of the documents that differ; one that is only called otherwise now is renamed."""
    before, after = ({document.id: document for document in documents} for documents in (old, new))
    gone = {before[key].text: key for key in before.keys() - after.keys()}
    renamed = {key: gone[after[key].text] for key in after if key not in before and after[key].text in gone}
    return Changes(
        added=tuple(key for key in after if key not in before and key not in renamed),
        changed=tuple(key for key in after if key in before and _content(before[key]) != _content(after[key])),
        removed=tuple(key for key in before if key not in after and key not in renamed.values()),
        renamed=tuple((was, is_now) for is_now, was in renamed.items()),
    )


def passage_changes(old: Sequence[Passage], new: Sequence[Passage], renamed: Mapping[str, str]) -> Changes:
    """Return the sections whose passages differ, once for each passage.

    Of a section, as many passages as are both gone and new count as changed, the rest as removed or added. `renamed`
    gives the new id of a document by its old one.
    """

    def named(passage: Passage) -> tuple[str, str]:
        document = renamed.get(passage.document_id, passage.document_id)
        return document + passage.id.removeprefix(passage.document_id), f"{document} › {passage.headings[-1]}"

    before, after = (dict(map(named, passages)) for passages in (old, new))
    gone = Counter(section for key, section in before.items() if key not in after)
    fresh = Counter(section for key, section in after.items() if key not in before)
    return Changes(
        added=tuple((fresh - gone).elements()),
        changed=tuple((fresh & gone).elements()),
        removed=tuple((gone - fresh).elements()),
    )


class _Contents:
    """The documents and passages of a build."""

    def __init__(self, build: Build) -> None:
        self.documents = build.documents()
        self.passages = build.passages()


def _content(document: Document) -> Document:
    return document.model_copy(update={"path": ""})


def _ask(assistant: Assistant, question: str) -> Answer | None:
    try:
        return assistant.ask(question)
    except QuestionError:
        return None


def _shown(answer: Answer) -> str:
    return "\n".join(citation.quote for citation in answer.citations) or answer.text
