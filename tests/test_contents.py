"""A large bundle answers as a small one does, its texts read from the disk as they are asked for."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import Built, WordEncoder, assistant_of, write_tiny_corpus

from wellcited import bundle
from wellcited.assistant import Assistant
from wellcited.bundle import Build, open_build
from wellcited.contents import ROWS, Contents
from wellcited.encoding import QueryEncoder
from wellcited.errors import IndexDamaged
from wellcited.indexing import build_index
from wellcited.layout import Grouped, layout, ranges
from wellcited.retrieval import Retriever
from wellcited.search import dense
from wellcited.search.stored import STORED
from wellcited.settings import Settings

WORDS = Settings(model="words")
QUESTIONS = (
    "How often should I descale a kettle?",
    "Why does the kettle whistle?",
    "What is limescale?",
    "Can I use cooking oil?",
    "How long do I wait before I wipe the chain?",
    "Where is the moon?",
)


@pytest.fixture(scope="module")
def exact_and_large(tiny: Built, tmp_path_factory: pytest.TempPathFactory) -> tuple[Build, Build]:
    """The small corpus built as a small bundle and as a large one, with the real model."""
    index = tmp_path_factory.mktemp("large") / "index"
    shutil.copytree(tiny.index, index)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dense, "EXACT_UP_TO", 50)
        settings = Settings(passage_chars=600)  # another build, with the same passages
        build_index(tiny.corpus, index, settings)
    return tiny.build, open_build(index)


@pytest.fixture
def large(words_model: type[WordEncoder], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Built:
    """The small corpus as a large bundle, which the test may damage and rebuild."""
    monkeypatch.setattr(dense, "EXACT_UP_TO", 50)
    corpus = write_tiny_corpus(tmp_path / "corpus")
    return Built(corpus, tmp_path / "index", build_index(corpus, tmp_path / "index", WORDS))


def edit(built: Built, before: str, after: str) -> None:
    path = built.corpus / "kettle.md"
    path.write_text(path.read_text("utf-8").replace(before, after), "utf-8")


def test_texts_read_on_demand_are_those_of_the_layout(exact_and_large: tuple[Build, Build]) -> None:
    small, large = (Contents.open(build) for build in exact_and_large)
    assert (exact_and_large[1].folder / ROWS).is_dir()
    assert not (exact_and_large[0].folder / ROWS).exists()
    assert list(large.documents.items()) == list(small.documents.items())
    assert list(large.passages) == list(small.passages)
    assert large.layout.texts == small.layout.texts
    for name in ("sentence_passage", "passage_section", "label_section"):
        assert np.array_equal(getattr(large.layout, name), getattr(small.layout, name))
    assert "kettle-care" in large.documents
    assert not {"", "kettle", "kettle-caré", "zzz", "\ud800"} & large.documents.keys()
    assert large.passages[-1] == small.passages[-1]
    assert list(large.passages[1:3]) == list(small.passages[1:3])
    with pytest.raises(IndexError):
        large.passages[len(small.passages)]


@pytest.mark.parametrize("question", QUESTIONS)
def test_both_kinds_find_the_same_evidence(
    exact_and_large: tuple[Build, Build], question: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = QueryEncoder(exact_and_large[0].folder / bundle.ENCODER)
    vector = encoder.encode([question])[0]
    retrievers = [Retriever.open(exact_and_large[0], encoder)]
    monkeypatch.setattr(dense, "EXACT_UP_TO", 50)
    retrievers.append(Retriever.open(exact_and_large[1], encoder))
    small, large = (retriever.evidence(question, vector) for retriever in retrievers)
    assert np.array_equal(small.rows, large.rows)
    assert np.allclose(small.features, large.features, atol=2e-3)
    assert small.texts(retrievers[0].layout)[:5] == large.texts(retrievers[1].layout)[:5]
    assert retrievers[0].nearest_labels(small, 3) == retrievers[1].nearest_labels(large, 3)


def test_both_kinds_give_the_same_answers(
    exact_and_large: tuple[Build, Build], monkeypatch: pytest.MonkeyPatch
) -> None:
    small = assistant_of(exact_and_large[0])
    monkeypatch.setattr(dense, "EXACT_UP_TO", 50)
    build = exact_and_large[1]
    retriever = Retriever.open(build, small.encoder)
    large = Assistant(retriever.documents, retriever, small.guardrail, build.manifest.id, Settings())
    for question in QUESTIONS:
        ours, theirs = large.ask(question), small.ask(question)
        assert (ours.kind, ours.text) == (theirs.kind, theirs.text)
        assert ours.citations == theirs.citations
    assert large.examples == small.examples


def test_how_the_vectors_are_searched_is_in_manifest_and_report(large: Built, built: Built) -> None:
    assert large.build.manifest.search == large.report.search
    assert large.report.search.kind == "ivf-sq8"
    assert large.report.search.recall >= dense.GOAL


def test_a_small_bundle_has_no_file_of_a_large_one(built: Built) -> None:
    manifest = built.build.manifest
    assert manifest.search.kind == "exact"
    assert manifest.samples == {}
    assert STORED not in manifest.files
    assert not any(name.startswith(ROWS) for name in manifest.files)


def test_a_large_bundle_takes_vectors_over_and_is_what_building_anew_gives(
    large: Built, words_model: type[WordEncoder], tmp_path: Path
) -> None:
    edit(large, "A wet kettle rusts at the seam", "A damp kettle rusts at the seam")
    words_model.embedded.clear()
    report = build_index(large.corpus, large.index, WORDS)
    assert report.embedded == len(words_model.embedded) == 3
    fresh = build_index(large.corpus, tmp_path / "fresh", WORDS)
    assert fresh.build_id == report.build_id
    ours, theirs = large.build.manifest, open_build(tmp_path / "fresh").manifest
    assert ours.files == theirs.files


def test_a_corpus_that_grows_large_takes_exact_vectors_over(
    built: Built, words_model: type[WordEncoder], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dense, "EXACT_UP_TO", 50)
    edit(built, "A wet kettle rusts at the seam", "A damp kettle rusts at the seam")
    report = build_index(built.corpus, built.index, WORDS)
    assert (report.embedded, report.search.kind) == (3, "ivf-sq8")


def test_a_corpus_that_grows_small_is_embedded_anew_since_rounded_vectors_are_not_exact(
    large: Built, words_model: type[WordEncoder], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dense, "EXACT_UP_TO", large.build.manifest.counts.vectors - 1)
    edit(large, "Empty the kettle before you store it. ", "")
    report = build_index(large.corpus, large.index, WORDS)
    assert report.search.kind == "exact"
    assert report.embedded == len(set(layout(large.build.documents(), large.build.passages()).texts))


@pytest.mark.parametrize("name", ["documents", "passages", "labels", "ids", "id_rows", "label_section"])
def test_a_damaged_file_of_the_rows_is_told_in_one_line(large: Built, name: str) -> None:
    build = large.build
    path = build.folder / ROWS / f"{name}.npy"
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(IndexDamaged, match=r"rows: cannot be opened: .*run: wellcited index"):
        Contents.open(build)


@pytest.mark.parametrize("name", [bundle.DOCUMENTS, bundle.PASSAGES])
def test_lines_that_were_cut_off_are_noticed_at_opening(large: Built, name: str) -> None:
    build = large.build
    path = build.folder / name
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(IndexDamaged, match="is not as long as it was"):
        Contents.open(build)


def test_a_damaged_line_is_told_when_it_is_asked_for(large: Built) -> None:
    build = large.build
    path = build.folder / bundle.PASSAGES
    path.write_bytes(path.read_bytes().replace(b'"id"', b'"xx"', 1))
    contents = Contents.open(build)
    assert contents.passages[1].id
    with pytest.raises(IndexDamaged, match=r"passages\.jsonl, line 1: cannot be read"):
        contents.passages[0]


def test_groups_hold_their_rows_in_order() -> None:
    grouped = Grouped(np.array([0, 2, 1, 0, 2, 2]))
    assert len(grouped) == 3
    assert [grouped.of(number).tolist() for number in range(3)] == [[0, 3], [2], [1, 4, 5]]
    assert grouped.of_all(np.array([2, 0])).tolist() == [1, 4, 5, 0, 3]
    assert grouped.of_all(np.array([], dtype=np.int64)).tolist() == []
    assert grouped.sizes(np.array([2, 1])).tolist() == [3, 1]
    assert len(Grouped(np.array([], dtype=np.int64))) == 0
    assert ranges(np.array([3, 5, 0]), np.array([5, 5, 2])).tolist() == [3, 4, 0, 1]
