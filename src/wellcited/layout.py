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

    sentences: tuple[str, ...]
    headed: tuple[str, ...]
    passages: tuple[str, ...]
    labels: tuple[str, ...]
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
            sentence = _one_line(text[span.start : span.end])
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
        passages=tuple(_one_line(passage.text) for passage in passages),
        labels=tuple(labels),
        sentence_passage=np.array(owner, dtype=np.int64),
        passage_section=np.array(home, dtype=np.int64),
        label_section=np.array(label_section, dtype=np.int64),
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())
