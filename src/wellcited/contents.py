"""The texts of a bundle: read at opening where they are few, from the disk as they are asked for where they are many.

A bundle with more vectors than an exact search compares has the folder rows/: where each line of its files begins, and
the numbers of the layout. Nothing of it is parsed at opening; processes that have opened it share its pages.
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Generic, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from wellcited.bundle import DOCUMENTS, PASSAGES, REPAIR, Build
from wellcited.datatypes import Document, Passage
from wellcited.errors import IndexDamaged
from wellcited.layout import Layout, layout, one_line

ROWS = "rows"
LABELS = f"{ROWS}/labels.jsonl"
ARRAYS = ("sentence_passage", "passage_section", "label_section")
KEPT_DOCUMENTS = 256
KEPT_PASSAGES = 8192
"""So many are kept once they were parsed; a question looks at some hundred passages."""

T = TypeVar("T")
Numbers = NDArray[Any]


@dataclass(frozen=True)
class Contents:
    """The guides by id, in the order of the corpus, their passages, and the layout of both."""

    documents: Mapping[str, Document]
    passages: Sequence[Passage]
    layout: Layout

    @classmethod
    def of(cls, documents: Sequence[Document], passages: Sequence[Passage]) -> Contents:
        """Hold `documents` and `passages` as they are."""
        return cls({document.id: document for document in documents}, passages, layout(documents, passages))

    @classmethod
    def open(cls, build: Build) -> Contents:
        """Open those of `build`. Raises IndexDamaged, for a large one also when a damaged line is asked for."""
        folder = build.folder
        if not (folder / ROWS).is_dir():
            return cls.of(build.documents(), build.passages())
        try:
            passages = _lines(folder, PASSAGES, Passage.model_validate_json, KEPT_PASSAGES)
            documents = _lines(folder, DOCUMENTS, Document.model_validate_json, KEPT_DOCUMENTS)
            labels: Sequence[str] = _lines(folder, LABELS, json.loads, KEPT_PASSAGES)
            guides = Guides(documents, _array(folder, "ids"), _array(folder, "id_rows"))
            sentence_passage, passage_section, label_section = (_array(folder, name) for name in ARRAYS)
        except (OSError, EOFError, ValueError) as error:
            raise IndexDamaged(f"{folder / ROWS}: cannot be opened: {error}; {REPAIR}") from error
        if (len(sentence_passage), len(passage_section), len(label_section)) != (
            build.manifest.counts.sentences,
            len(passages),
            len(labels),
        ):
            raise IndexDamaged(f"{folder / ROWS}: does not go with the manifest; {REPAIR}")

        @lru_cache(maxsize=KEPT_PASSAGES)
        def sentence(row: int) -> str:
            number = int(sentence_passage[row])
            passage = passages[number]
            span = passage.sentences[row - int(sentence_passage.searchsorted(number))]
            return one_line(passage.text[span.start - passage.start : span.end - passage.start])

        def headed(row: int) -> str:
            return f"{passages[int(sentence_passage[row])].headings[-1]}: {sentence(row)}"

        rows = Layout(
            sentences=OnDemand(len(sentence_passage), sentence),
            headed=OnDemand(len(sentence_passage), headed),
            passages=OnDemand(len(passages), lambda number: one_line(passages[number].text)),
            labels=labels,
            sentence_passage=sentence_passage,
            passage_section=passage_section,
            label_section=label_section,
        )
        return cls(guides, passages, rows)


class OnDemand(Sequence[T], Generic[T]):
    """A sequence whose items are made as they are asked for."""

    def __init__(self, length: int, make: Callable[[int], T]) -> None:
        self._length = length
        self._make = make

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, at: int) -> T: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[T]: ...
    def __getitem__(self, at: int | slice) -> T | Sequence[T]:
        if isinstance(at, slice):
            return [self._make(number) for number in range(*at.indices(self._length))]
        if not -self._length <= at < self._length:
            raise IndexError(at)
        return self._make(at % self._length)


class Guides(Mapping[str, Document]):
    """The documents by id, in the order of the corpus."""

    def __init__(self, documents: Sequence[Document], ids: Numbers, rows: Numbers) -> None:
        """`ids` are sorted, in UTF-8; `rows` tell which document each is of."""
        self._documents = documents
        self._ids = ids
        self._rows = rows

    def __len__(self) -> int:
        return len(self._documents)

    def __iter__(self) -> Iterator[str]:
        return (document.id for document in self._documents)

    def __getitem__(self, name: str) -> Document:
        key = name.encode("utf-8", "replace")
        at = int(np.searchsorted(self._ids, np.bytes_(key)))
        if at == len(self._ids) or bytes(self._ids[at]) != key:
            raise KeyError(name)
        return self._documents[int(self._rows[at])]


def write_rows(staged: Path, documents: Sequence[Document], rows: Layout) -> None:
    """Write the folder rows/ of a large bundle, whose documents and passages are written already."""
    (staged / ROWS).mkdir()
    with (staged / LABELS).open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(json.dumps(label) + "\n" for label in rows.labels)
    for name in (DOCUMENTS, PASSAGES, LABELS):
        breaks = np.flatnonzero(np.memmap(staged / name, dtype=np.uint8, mode="r") == ord("\n"))
        np.save(staged / ROWS / f"{Path(name).stem}.npy", np.concatenate([[0], breaks + 1]))
    for name in ARRAYS:
        np.save(staged / ROWS / f"{name}.npy", getattr(rows, name))
    ids = np.array([document.id.encode() for document in documents])
    order = np.argsort(ids, kind="stable")
    np.save(staged / ROWS / "ids.npy", ids[order])
    np.save(staged / ROWS / "id_rows.npy", order)


def _lines(folder: Path, name: str, parse: Callable[[bytes], T], kept: int) -> OnDemand[T]:
    path = folder / name
    starts = _array(folder, path.stem)
    with path.open("rb") as file:
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    if len(content) != starts[-1]:
        raise ValueError(f"{name} is not as long as it was")

    def line(number: int) -> T:
        try:
            return parse(content[starts[number] : starts[number + 1]])
        except ValueError as error:
            raise IndexDamaged(f"{path}, line {number + 1}: cannot be read; {REPAIR}") from error

    return OnDemand(len(starts) - 1, lru_cache(maxsize=kept)(line))


def _array(folder: Path, name: str) -> Numbers:
    mapped: np.memmap[Any, Any] = np.load(folder / ROWS / f"{name}.npy", mmap_mode="r")
    return mapped.view(np.ndarray)  # the same memory; a memmap takes ten times as long to give one number
