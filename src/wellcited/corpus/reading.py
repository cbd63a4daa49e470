"""Files -> Documents: find, decode, parse, and refuse with a reason."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from wellcited.corpus.markdown import parse_markdown
from wellcited.corpus.plaintext import parse_plaintext
from wellcited.corpus.questions import is_questions_file, parse_questions, questions_path
from wellcited.corpus.slugs import slugify
from wellcited.corpus.splitting import heading_text
from wellcited.datatypes import Block, Document
from wellcited.errors import CorpusError

MARKDOWN = {".md", ".markdown"}
PLAIN = {".txt"}
MAX_FILE_MB = 20.0
FENCE = "---"


class FrontMatter(BaseModel):
    """What a publisher may write between two `---` lines at the top of a Markdown guide."""

    model_config = ConfigDict(extra="forbid")

    id: str | None = None
    title: str | None = None
    language: str = "en"
    updated: date | None = None
    source: str | None = None
    source_url: str | None = None


def read_corpus(folder: str | Path, max_file_mb: float = MAX_FILE_MB) -> list[Document]:
    """Return the guides in `folder` and its subfolders, in the order of their paths.

    Raises CorpusError, naming the file and the remedy, for a folder without guides, a file that is not readable text,
    two guides with one id, and a questions file without its guide.
    """
    root = Path(folder)
    if root.is_file():
        raise CorpusError(f"{root}: is a file; give the folder that holds it")
    if not root.is_dir():
        raise CorpusError(f"{root}: no such corpus folder; put your guide there as a .md or .txt file")
    paths = [path for path in sorted(root.rglob("*")) if path.is_file() and not _hidden(path.relative_to(root))]
    guides = [path for path in paths if path.suffix.lower() in MARKDOWN | PLAIN and not is_questions_file(path)]
    if not guides:
        raise CorpusError(f"{root}: no guide in this folder; put your guide there as a .md or .txt file")
    _refuse_orphans(paths, guides)
    documents: dict[str, Document] = {}
    for path in guides:
        document = read_document(path, root, max_file_mb)
        if document.id in documents:
            raise CorpusError(
                f"{path}: has the id {document.id!r} of {root / documents[document.id].path}; "
                "give one of them another `id:` in its front matter, or another file name"
            )
        documents[document.id] = document
    return list(documents.values())


def read_document(path: Path, root: Path, max_file_mb: float = MAX_FILE_MB) -> Document:
    """Return the guide in the file `path` below `root`, with its curated questions. Raises CorpusError."""
    source = read_text(path, max_file_mb)
    if path.suffix.lower() in MARKDOWN:
        front, source = split_front_matter(source, path)
        text, blocks = parse_markdown(source)
    else:
        front, text, blocks = FrontMatter(), source, parse_plaintext(source)
    if not text.strip():
        raise CorpusError(f"{path}: has no text; write the guide into it, or remove the file")
    if not any(block.kind != "heading" and _has_word(text, block) for block in blocks):
        raise CorpusError(f"{path}: has headings but no text under them; write the sections, or remove the file")
    document = Document(
        id=slugify(front.id or path.stem),
        title=front.title or _first_heading(text, blocks) or path.stem,
        text=text,
        blocks=blocks,
        source_url=front.source_url,
        language=front.language,
        updated=front.updated,
        source=front.source,
        path=path.relative_to(root).as_posix(),
    )
    questions = questions_path(path)
    if not questions.is_file():
        return document
    return document.model_copy(
        update={"questions": parse_questions(read_text(questions, max_file_mb), document, questions)}
    )


def read_text(path: Path, max_file_mb: float = MAX_FILE_MB) -> str:
    """Return the text of a UTF-8 file, without its byte-order mark. Raises CorpusError."""
    try:
        size = path.stat().st_size
        if size > max_file_mb * 1_000_000:
            raise CorpusError(
                f"{path}: has {size / 1e6:.0f} MB, more than the {max_file_mb:g} MB allowed; "
                "split it, or raise WELLCITED_MAX_FILE_MB"
            )
        data = path.read_bytes()
    except OSError as error:
        raise CorpusError(f"{path}: cannot be read: {error.strerror or error}") from error
    if b"\0" in data:
        raise CorpusError(f"{path}: is not text but binary data; save the guide as UTF-8 text, or remove the file")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CorpusError(
            f"{path}: is not UTF-8 (byte 0x{data[error.start]:02x} at offset {error.start}); save it as UTF-8"
        ) from error


def split_front_matter(source: str, path: Path) -> tuple[FrontMatter, str]:
    """Return the front matter of a Markdown file and what follows it. Raises CorpusError where it does not parse."""
    lines = source.splitlines(keepends=True)
    if not lines or lines[0].strip() != FENCE:
        return FrontMatter(), source
    end = next((number for number, line in enumerate(lines[1:], start=1) if line.strip() == FENCE), None)
    if end is None:
        raise CorpusError(f"{path}: the front matter opened by {FENCE} on line 1 is never closed; add a line {FENCE}")
    try:
        values: Any = yaml.safe_load("".join(lines[1:end]))
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # PyYAML lets a 30 February out as ValueError
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 2})" if mark else ""
        reason = "not valid YAML" if isinstance(error, yaml.YAMLError) else str(error)
        problem = getattr(error, "problem", None) or reason
        raise CorpusError(
            f"{path}: the front matter does not parse{where}: {problem}; put values with a colon in quotes"
        ) from error
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise CorpusError(f"{path}: the front matter is not a list of `name: value` lines")
    try:
        return FrontMatter.model_validate(values), "".join(lines[end + 1 :])
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        known = ", ".join(FrontMatter.model_fields)
        raise CorpusError(
            f"{path}: front matter {name!r}: {first['msg'].lower()}; put text in quotes; known names are {known}"
        ) from error


def _refuse_orphans(paths: Iterable[Path], guides: list[Path]) -> None:
    expected = {questions_path(guide) for guide in guides}
    for path in paths:
        if is_questions_file(path) and path not in expected:
            name = path.name[: -len(".questions.md")]
            raise CorpusError(f"{path}: there is no guide {name}.md or {name}.txt beside it; rename or remove it")


def _first_heading(text: str, blocks: tuple[Block, ...]) -> str | None:
    headings = [block for block in blocks if block.kind == "heading"]
    if not headings:
        return None
    return heading_text(Document(id="-", title="-", text=text, blocks=()), min(headings, key=lambda block: block.level))


def _has_word(text: str, block: Block) -> bool:
    return any(char.isalnum() for char in text[block.start : block.end])


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
