"""One edition of the guardrail's data: rules, messages and common words, all of them checked.

It is read off the data files and the publisher's own. A bundle keeps it as `wellcited index` has read it, for whoever
opens it with the very same files: parsing and checking them takes a tenth of a second, a fifth of `wellcited ask`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from wellcited.errors import IndexDamaged, SafetyDataError
from wellcited.safety.extension import check, merged, own_table, read_extension
from wellcited.safety.matching import Matcher
from wellcited.safety.messages import check_messages
from wellcited.safety.reading import Vocabulary, kept_phrases
from wellcited.safety.rules import (
    OWN_FILE,
    Rule,
    RuleBook,
    data_files,
    digest_of,
    kept_lines,
    load_rules,
    read_table,
)

KEPT = "rules.json"


@dataclass(frozen=True)
class Edition:
    """What the guardrail works with: the rules, the table of messages, the commonest words of each language."""

    book: RuleBook
    messages: Mapping[str, Any]
    common: Mapping[str, frozenset[str]]


def open_edition(safety_file: Path | None = None, kept: Path | None = None) -> Edition:
    """Return the edition of the files that ship and of a publisher's own.

    It is read from the folder `kept` where that goes with them. Raises: SafetyDataError for files that are not as
    docs/safety.md says, IndexDamaged where `kept` is damaged.
    """
    files = edition_files(safety_file)
    if kept is not None and (found := _kept(kept / KEPT, digest_of(files))) is not None:
        return found
    return _read(files, safety_file) if safety_file else _shipped()


def keep_edition(folder: Path, safety_file: Path | None = None) -> None:
    """Write the edition of the files as they are into `folder`. Raises SafetyDataError as `open_edition` does."""
    edition = open_edition(safety_file)
    book, vocabulary = edition.book, edition.book.vocabulary
    table = {
        "digest": digest_of(edition_files(safety_file)),
        "version": book.version,
        "rules": [{field.name: _plain(getattr(rule, field.name)) for field in fields(rule)} for rule in book.rules],
        "lines": book.lines.kept,
        "names": _plain(vocabulary.names),
        "elements": vocabulary.elements,
        "exact": vocabulary.exact,
        "starts": vocabulary.starts,
        "holders": vocabulary.holders,
        "numeric": vocabulary.numeric,
        "phrases": vocabulary.phrases.kept,
        "places": _plain(book.places),
        "spelling": book.spelling,
        "messages": edition.messages,
        "common": {language: _plain(words) for language, words in edition.common.items()},
    }
    (folder / KEPT).write_text(json.dumps(table, ensure_ascii=False, separators=(",", ":")), "utf-8")


def _kept(path: Path, digest: str) -> Edition | None:
    """Return what `keep_edition` wrote, None where it was read off other files."""
    try:
        table = json.loads(path.read_bytes())
        if table["digest"] != digest:
            return None
        tuples, sets = ("when", "examples", "near_misses"), ("off",)
        rules = [
            Rule(**rule | {name: tuple(rule[name]) for name in tuples} | {name: frozenset(rule[name]) for name in sets})
            for rule in table["rules"]
        ]
        turned = {name: table[name] for name in ("elements", "exact", "starts", "holders", "numeric")}
        phrases = kept_phrases(table["phrases"])
        vocabulary = Vocabulary(names=frozenset(table["names"]), phrases=phrases, **turned)
        lines = kept_lines(table["lines"], rules)
        places, spelling = frozenset(table["places"]), table["spelling"]
        book = RuleBook(table["version"], tuple(rules), lines, vocabulary, places, spelling)
        common = {language: frozenset(words) for language, words in table["common"].items()}
        return Edition(book, table["messages"], common)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise IndexDamaged(f"{path}: cannot be read: {error}; run: wellcited index") from error


def edition_files(safety_file: Path | None) -> dict[str, bytes]:
    """Name -> content of every file that an edition is read from.  Raises: SafetyDataError."""
    return data_files() | ({OWN_FILE: read_extension(safety_file)} if safety_file else {})


@cache
def _shipped() -> Edition:
    files = data_files()
    messages = read_table("messages.toml", files)
    check_messages(messages)
    common = read_table("languages.toml", files)["common"]
    words = {language: frozenset(some.split()) for language, some in common.items()}
    return Edition(load_rules(files), messages, words)


def _read(files: Mapping[str, bytes], safety_file: Path) -> Edition:
    """Return the edition of `files`, a publisher's own among them, which is held to what it promises."""
    shipped = _shipped()
    own = own_table(files[OWN_FILE], safety_file)
    book = load_rules(files, str(safety_file))
    messages = merged(shipped.messages, own.get("messages", {}))
    try:
        check_messages(messages)
    except SafetyDataError as error:
        raise SafetyDataError(str(error).replace("messages.toml", f"{safety_file}: messages", 1)) from error
    check(book, Matcher(book, shipped.common), own.get("normal", []), safety_file)
    return Edition(book, messages, shipped.common)


def _plain(value: object) -> object:
    """Return sets as sorted lists, the same each time."""
    return sorted(value) if isinstance(value, frozenset) else value
