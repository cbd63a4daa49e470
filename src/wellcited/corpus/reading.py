"""Files -> Documents: find, read each by its format, and name what cannot be read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePath

from wellcited.corpus.bounded import BoundedReader, Limits, bounded
from wellcited.corpus.decoding import decode_text
from wellcited.corpus.faq import NotAFaq, markdown_faq, parse_csv, parse_json
from wellcited.corpus.folder import FORMATS, document_ids, find_files, stem_of
from wellcited.corpus.frontmatter import split_front_matter
from wellcited.corpus.markdown import parse_markdown
from wellcited.corpus.parsed import Parsed
from wellcited.corpus.plaintext import parse_plaintext
from wellcited.corpus.questions import is_questions_file, parse_questions, questions_path
from wellcited.corpus.slugs import slugify
from wellcited.corpus.splitting import heading_text
from wellcited.datatypes import Block, Document, Value
from wellcited.errors import CorpusError

MAX_FILE_MB = 20.0
FAQ_SUFFIX = ".faq.md"


class Skipped(Value):
    """A file of the corpus, or a part of one, that was not read: its path below the corpus, and why in one line."""

    path: str
    reason: str


class Corpus(Value):
    """What was read: the guides in the order of their paths, what was skipped, and how many files were passed over."""

    documents: tuple[Document, ...]
    skipped: tuple[Skipped, ...] = ()
    ignored: int = 0


def read_corpus(
    folder: str | Path, max_file_mb: float = MAX_FILE_MB, *, strict: bool = False, limits: Limits | None = None
) -> Corpus:
    """Return the guides in `folder` and its subfolders, in the order of their paths.

    A file that cannot be read is skipped with its reason, or raises CorpusError where `strict`. Raises CorpusError
    for a folder of which nothing can be read, and for two guides that chose one id.
    """
    root = Path(folder)
    if root.is_file():
        raise CorpusError(f"{root}: is a file; give the folder that holds it")
    if not root.is_dir():
        raise CorpusError(f"{root}: no such corpus folder; put your guide there as a .md or .txt file")
    found = find_files(root)
    guides = [path for path in found.files if not is_questions_file(path)]
    if not guides and not found.unread:
        raise CorpusError(f"{root}: no guide in this folder; put your guide there as a .md or .txt file")
    skipped = [_skipped(path, root, reason) for path, reason in [*found.unread, *_orphans(found.files, guides)]]
    ignored = found.ignored
    parsed: dict[Path, Parsed] = {}
    with bounded(limits or Limits()) as reader:
        for path in guides:
            try:
                parsed[path] = _parsed(path, max_file_mb, reader)
            except NotAFaq as error:
                if FORMATS[path.suffix.lower()] == "json" and "faq" not in path.name.casefold():
                    ignored += 1  # the data of a saved site, never meant as questions and answers
                else:
                    skipped.append(_skipped(path, root, str(error)))
            except CorpusError as error:
                skipped.append(_skipped(path, root, str(error)))
    ids = _ids(guides, parsed, root)
    documents = []
    for path, content in parsed.items():
        document = _document(path, root, content, ids[path])
        skipped += [Skipped(path=document.path, reason=reason) for reason in content.left_out]
        try:
            document = _with_questions(document, path, max_file_mb)
        except CorpusError as error:
            skipped.append(_skipped(questions_path(path), root, str(error)))
        documents.append(document)
    if skipped and (strict or not documents):
        raise CorpusError(_refusal(root, skipped))
    if not documents:
        raise CorpusError(f"{root}: no guide in this folder; put your guide there as a .md or .txt file")
    return Corpus(documents=tuple(documents), skipped=tuple(skipped), ignored=ignored)


def read_document(
    path: Path, root: Path, max_file_mb: float = MAX_FILE_MB, *, limits: Limits | None = None
) -> Document:
    """Return the guide in the file `path` below `root`, with its curated questions. Raises CorpusError."""
    try:
        with bounded(limits or Limits()) as reader:
            content = _parsed(path, max_file_mb, reader)
    except CorpusError as error:
        raise CorpusError(f"{path}: {error}") from error
    document = _document(path, root, content, slugify(content.facts.id or stem_of(path.relative_to(root))))
    try:
        return _with_questions(document, path, max_file_mb)
    except CorpusError as error:
        raise CorpusError(f"{questions_path(path)}: {error}") from error


def read_bytes(path: Path, max_file_mb: float = MAX_FILE_MB) -> bytes:
    """Return what a file holds. Raises CorpusError, without its name, where it is too large or cannot be read."""
    try:
        _check_size(path, max_file_mb)
        return path.read_bytes()
    except OSError as error:
        raise CorpusError(f"cannot be read: {error.strerror or error}") from error


def _check_size(path: Path, max_file_mb: float) -> None:
    size = path.stat().st_size
    if size > max_file_mb * 1_000_000:
        raise CorpusError(
            f"has {size / 1e6:.0f} MB, more than the {max_file_mb:g} MB allowed; "
            "split it, or raise WELLCITED_MAX_FILE_MB"
        )


def _parsed(path: Path, max_file_mb: float, reader: BoundedReader) -> Parsed:
    content = _by_format(path, max_file_mb, reader)
    if not content.text.strip():
        raise CorpusError("has no text; write the guide into it, or remove the file")
    if not any(block.kind != "heading" and _has_word(content.text, block) for block in content.blocks):
        raise CorpusError("has headings but no text under them; write the sections, or remove the file")
    return content


def _by_format(path: Path, max_file_mb: float, reader: BoundedReader) -> Parsed:
    format_name = FORMATS.get(path.suffix.lower(), "plain")
    if format_name in ("html", "word", "pdf"):
        try:
            _check_size(path, max_file_mb)
        except OSError as error:
            raise CorpusError(f"cannot be read: {error.strerror or error}") from error
        return reader.read(path, format_name)
    source = decode_text(read_bytes(path, max_file_mb))
    match format_name:
        case "csv":
            return parse_csv(source)
        case "json":
            return parse_json(source)
        case "markdown":
            front, source = split_front_matter(source)
            text, blocks = parse_markdown(source)
            if front.kind == "faq" or path.name.casefold().endswith(FAQ_SUFFIX):
                return markdown_faq(text, blocks, front.facts())
            return Parsed(text=text, blocks=blocks, facts=front.facts())
    return Parsed(text=source, blocks=parse_plaintext(source))


def _document(path: Path, root: Path, content: Parsed, document_id: str) -> Document:
    facts = content.facts
    return Document(
        id=document_id,
        title=facts.title or _first_heading(content) or stem_of(path.relative_to(root)),
        text=content.text,
        blocks=content.blocks,
        source_url=facts.source_url,
        language=facts.language or "en",
        updated=facts.updated,
        source=facts.source,
        questions=content.questions,
        path=path.relative_to(root).as_posix(),
        pages=content.pages,
    )


def _with_questions(document: Document, path: Path, max_file_mb: float) -> Document:
    questions = questions_path(path)
    if not questions.is_file():
        return document
    listed = parse_questions(decode_text(read_bytes(questions, max_file_mb)), document)
    return document.model_copy(update={"questions": (*document.questions, *listed)})


def _ids(guides: Iterable[Path], parsed: dict[Path, Parsed], root: Path) -> dict[Path, str]:
    """Return the id of every guide. Raises CorpusError where two chose the same."""
    chosen = {path: content.facts.id for path, content in parsed.items() if content.facts.id}
    first: dict[str, Path] = {}
    for path, name in chosen.items():
        other = first.setdefault(slugify(name), path)
        if other != path:
            raise CorpusError(
                f"{path}: has the id {slugify(name)!r} of {other}; give one of them another `id:` in its front matter"
            )
    relative: dict[Path, PurePath] = {path: path.relative_to(root) for path in guides}
    named = document_ids(list(relative.values()), {relative[path]: name for path, name in chosen.items()})
    return {path: named[below] for path, below in relative.items()}


def _orphans(files: Iterable[Path], guides: Iterable[Path]) -> list[tuple[Path, str]]:
    expected = {questions_path(guide) for guide in guides}
    return [
        (path, f"there is no guide {path.name[: -len('.questions.md')]}.md or .txt beside it; rename or remove it")
        for path in files
        if is_questions_file(path) and path not in expected
    ]


def _skipped(path: Path, root: Path, reason: str) -> Skipped:
    return Skipped(path=path.relative_to(root).as_posix(), reason=" ".join(reason.split()))


def _refusal(root: Path, skipped: list[Skipped]) -> str:
    more = len(skipped) - 1
    others = f" (and {more} more file{'s' * (more > 1)} cannot be read)" if more else ""
    return f"{root / skipped[0].path}: {skipped[0].reason}{others}"


def _first_heading(content: Parsed) -> str | None:
    headings = [block for block in content.blocks if block.kind == "heading"]
    if not headings or content.questions:
        return None
    words = Document(id="-", title="-", text=content.text, blocks=())
    return heading_text(words, min(headings, key=lambda block: block.level))


def _has_word(text: str, block: Block) -> bool:
    return any(char.isalnum() for char in text[block.start : block.end])
