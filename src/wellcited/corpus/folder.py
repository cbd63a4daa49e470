"""Which files of a folder are the corpus: hidden, ignored and foreign ones apart, no folder twice."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path, PurePath

from wellcited.corpus.slugs import slugify
from wellcited.errors import CorpusError

IGNORE_FILE = ".wellcitedignore"
FORMATS = {
    ".md": "markdown",
    ".markdown": "markdown",
    ".txt": "plain",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".docx": "word",
    ".pdf": "pdf",
    ".csv": "csv",
    ".json": "json",
}
"""How a file is read, by the end of its name."""
UNREAD = {
    ".doc": "save it as .docx",
    ".odt": "save it as .docx",
    ".rtf": "save it as .docx",
    ".epub": "save its chapters as .html",
    ".pptx": "export it as .pdf",
    ".xlsx": "save its questions and answers as .csv",
}
"""What looks like a guide and is not read, with the remedy: it is told, while pictures and scripts are only counted."""
SAVED_PAGE_FOLDERS = ("_files", "-files", ".files", "_dateien", "-dateien", "_fichiers", "_archivos", "_bestanden")
"""The ends of the names of folders that browsers save the parts of a page into, beside the page."""
_FIRST = ("index", "default", "welcome")


@dataclass
class Found:
    """The files of a corpus in order, those `unread` with the reason, and how many were `ignored`."""

    files: list[Path] = field(default_factory=list)
    unread: list[tuple[Path, str]] = field(default_factory=list)
    ignored: int = 0


def find_files(root: Path) -> Found:
    """Return the files below `root` that can be read. Raises CorpusError for an ignore file that cannot be."""
    from pathspec import GitIgnoreSpec

    found = Found()
    try:
        lines = (root / IGNORE_FILE).read_text("utf-8-sig").splitlines() if (root / IGNORE_FILE).is_file() else []
        ignored = GitIgnoreSpec.from_lines(lines)
    except (OSError, ValueError) as error:
        raise CorpusError(
            f"{root / IGNORE_FILE}: cannot be read: {error}; write it as .gitignore is written"
        ) from error
    seen: set[tuple[int, int]] = set()

    def walk(folder: Path) -> None:
        status = folder.stat()
        if (status.st_dev, status.st_ino) in seen:
            return  # a link back to where we come from, or a second way to one folder
        seen.add((status.st_dev, status.st_ino))
        entries = sorted(folder.iterdir(), key=lambda path: (path.is_symlink(), path.name))
        names = {path.name.casefold() for path in entries}
        for path in entries:
            if path.name.startswith("."):
                continue
            relative = path.relative_to(root).as_posix()
            try:
                if path.is_dir():
                    if ignored.match_file(relative + "/") or _is_saved_part(path.name, names):
                        found.ignored += sum(len(files) for _, _, files in os.walk(path))
                    else:
                        walk(path)
                elif path.is_file():
                    _sort_in(path, bool(ignored.match_file(relative)), found)
            except OSError as error:
                found.unread.append((path, f"cannot be read: {error.strerror or error}"))

    try:
        walk(root)
    except OSError as error:
        raise CorpusError(f"{root}: cannot be read: {error.strerror or error}") from error
    found.files.sort()
    return found


def _sort_in(path: Path, is_ignored: bool, found: Found) -> None:
    suffix = path.suffix.lower()
    if is_ignored:
        found.ignored += 1
    elif suffix in FORMATS:
        found.files.append(path)
    elif suffix in UNREAD:
        found.unread.append((path, f"is of a format that is not read; {UNREAD[suffix]}"))
    else:
        found.ignored += 1


def _is_saved_part(name: str, names: set[str]) -> bool:
    folded = name.casefold()
    for end in SAVED_PAGE_FOLDERS:
        stem = folded.removesuffix(end)
        if stem != folded and any(f"{stem}{suffix}" in names for suffix in (".html", ".htm", ".xhtml")):
            return True
    return False


def stem_of(path: PurePath) -> str:
    """Return what a file is called by: its stem, and for the first page of a folder the folder's name."""
    return path.parent.name if path.stem.casefold() in _FIRST and path.parent.name else path.stem


def document_ids(paths: Sequence[PurePath], chosen: Mapping[PurePath, str]) -> dict[PurePath, str]:
    """Return the id of each file: the one it chose, else its stem; of several with one stem, their paths.

    `paths` are relative to the corpus. Where the paths do not tell them apart either (`pens.md` beside `pens.txt`), the
    id is the stem with six letters of the path's digest. So an id depends on names alone, never on their order.
    """
    ids = {path: slugify(name) for path, name in chosen.items()}
    taken = set(ids.values())
    waiting = [path for path in paths if path not in ids]
    for form in (stem_of, _path_of, _digest_of):
        named = {path: slugify(form(path)) for path in waiting}
        held = list(named.values())
        for path in waiting:
            if named[path] not in taken and (held.count(named[path]) == 1 or form is _digest_of):
                ids[path] = named[path]
        taken.update(ids.values())
        waiting = [path for path in waiting if path not in ids]
    for path in waiting:  # a digest that somebody chose as an id
        ids[path] = sha256(path.as_posix().encode()).hexdigest()
    return ids


def _path_of(path: PurePath) -> str:
    parts = path.with_suffix("").parts
    return " ".join(parts[:-1] if parts[-1].casefold() in _FIRST and len(parts) > 1 else parts)


def _digest_of(path: PurePath) -> str:
    return f"{slugify(stem_of(path))[:50]} {sha256(path.as_posix().encode()).hexdigest()[:6]}"
