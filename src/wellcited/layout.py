"""Which text stands in which row of the dense index: one place that both the build and the retrieval read.

Rows, in order: every sentence; every sentence under its heading; every passage; every label (the heading of a
section, then its curated questions).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellcited.datatypes import Document, Passage

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Layout:
    """The texts of a bundle, and for each the passage or section it belongs to.

    `sentence_passage` (sentences,) is the passage of each sentence, `passage_section` (passages,) the section of each
    passage, `label_section` (labels,) the section of each label; all are row numbers within their own kind.
    """

    sentences: Sequence[str]
    headed: Sequence[str]
    passages: Sequence[str]
    labels: Sequence[str]
    sentence_passage: Rows
    passage_section: Rows
    label_section: Rows

    @property
    def texts(self) -> list[str]:
        """Every text, in the order of the rows."""
        return [*self.sentences, *self.headed, *self.passages, *self.labels]

    @property
    def headed_start(self) -> int:
        return len(self.sentences)

    @property
    def passage_start(self) -> int:
        return 2 * len(self.sentences)

    @property
    def label_start(self) -> int:
        return 2 * len(self.sentences) + len(self.passages)


class Grouped:
    """The members of each group, in order: rows by the number of the passage or section that they belong to."""

    def __init__(self, groups: Rows) -> None:
        """`groups` (rows,) holds the group of each row; every number up to the highest is one."""
        self._rows = np.argsort(groups, kind="stable")
        self._starts = np.concatenate([[0], np.cumsum(np.bincount(groups))]) if len(groups) else np.zeros(1, np.int64)

    def __len__(self) -> int:
        return len(self._starts) - 1

    def of(self, group: int) -> Rows:
        """Return the rows of one group."""
        found: Rows = self._rows[self._starts[group] : self._starts[group + 1]]
        return found

    def sizes(self, groups: Rows) -> Rows:
        """Return how many rows each of `groups` has."""
        found: Rows = self._starts[groups + 1] - self._starts[groups]
        return found

    def of_all(self, groups: Rows) -> Rows:
        """Return the rows of `groups`, one group after the other."""
        found: Rows = self._rows[ranges(self._starts[groups], self._starts[groups + 1])]
        return found


def ranges(starts: Rows, ends: Rows) -> Rows:
    """Return the numbers from each start up to its end, one range after the other."""
    sizes = ends - starts
    found: Rows = np.repeat(ends - np.cumsum(sizes), sizes) + np.arange(sizes.sum())
    return found


def layout(documents: Sequence[Document], passages: Sequence[Passage]) -> Layout:
    """Lay out the rows of `passages` and of the curated questions of `documents`."""
    by_id = {document.id: document for document in documents}
    sections: dict[tuple[str, tuple[str, ...]], int] = {}
    sentences: list[str] = []
    headed: list[str] = []
    owner: list[int] = []
    home: list[int] = []
    for number, passage in enumerate(passages):
        home.append(sections.setdefault((passage.document_id, passage.headings), len(sections)))
        text = by_id[passage.document_id].text
        for span in passage.sentences:
            sentence = one_line(text[span.start : span.end])
            sentences.append(sentence)
            headed.append(f"{passage.headings[-1]}: {sentence}")
            owner.append(number)
    labels = [headings[-1] for _, headings in sections]
    label_section = list(range(len(sections)))
    for document in documents:
        for question in document.questions:
            section = sections.get((document.id, question.headings))
            if section is not None:
                labels.append(question.text)
                label_section.append(section)
    return Layout(
        sentences=tuple(sentences),
        headed=tuple(headed),
        passages=tuple(one_line(passage.text) for passage in passages),
        labels=tuple(labels),
        sentence_passage=np.array(owner, dtype=np.int64),
        passage_section=np.array(home, dtype=np.int64),
        label_section=np.array(label_section, dtype=np.int64),
    )


def one_line(text: str) -> str:
    """Return `text` with one space for every run of white space."""
    return " ".join(text.split())
