"""What many tests share: a small corpus, its index built once, and an encoder that needs no model."""

from __future__ import annotations

import os

os.environ["HF_HUB_OFFLINE"] = "1"

import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pytest

from wellcited import bundle
from wellcited.assistant import Assistant
from wellcited.bundle import Build
from wellcited.datatypes import Document, Message, Triage
from wellcited.elsewhere import Elsewhere, questions
from wellcited.encoding import QueryEncoder, Vectors
from wellcited.indexing import BuildReport, build_index
from wellcited.manifest import ModelInfo, Weights
from wellcited.retrieval import Retriever
from wellcited.search.lexical import words
from wellcited.settings import Settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PROJECT = Path(__file__).resolve().parents[1]
GUIDE_VARIABLE = "WELLCITED_TEST_GUIDE"
FUZZ_TIMES = int(os.environ.get("FUZZ_TIMES", "1"))
"""How many times more examples the fuzzed tests try; `make soak` tries many."""

KETTLE = """\
---
id: kettle-care
title: Caring for a kettle
updated: 2025-11-02
source_url: https://example.org/kettle
---
# Caring for a kettle

A kettle lasts for many years when it is cared for.

## Descaling the kettle

Limescale is the chalky crust that hard water leaves in a kettle. To descale a kettle, boil it with one part vinegar
and two parts water. Leave the vinegar in the kettle for 20 minutes before you rinse it. Rinse the kettle three times
so that the tea does not taste of vinegar.

- Descale the kettle once a month where the water is hard.
- Twice a year is enough where the water is soft.

## The whistle of a kettle

A kettle whistles because steam is forced through two small plates in the spout. If the whistle stays silent, the lid
is not closed tightly. **Never** pour from a kettle that is still whistling.

## Storing a kettle

Empty the kettle before you store it. A wet kettle rusts at the seam of its bottom.
"""

KETTLE_QUESTIONS = """\
## Descaling the kettle

- How do I get rid of limescale?
- How often should I descale a kettle?

## The whistle of a kettle

- Why does a kettle whistle?
"""

BICYCLE = """\
Oiling a bicycle chain: what to use and how to do it
A bicycle chain that is oiled runs quietly and wears slowly.
Which oil to choose
Wet oil suits a bicycle that is ridden in the rain. Dry oil picks up less dust on summer roads.
How to oil the chain
Wipe the chain with a rag before you oil it. Put one drop of oil on every link while you turn the pedals backwards. \
Wait for ten minutes and wipe off what the chain has not taken in.
Oil the bicycle chain every 200 kilometres.
Bicycle FAQ
Can I use cooking oil on a bicycle chain?
Cooking oil turns into glue on a bicycle chain, so do not use it.
Where does the squeaking come from?
A bicycle that squeaks has a dry chain or a dry jockey wheel.
"""


ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass(frozen=True)
class Built:
    """A corpus, the index built from it, and what the build reported."""

    corpus: Path
    index: Path
    report: BuildReport

    @property
    def build(self) -> Build:
        return bundle.open_build(self.index)


@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_outside() -> Iterator[None]:
    """Tests run with the default settings, whatever WELLCITED_* variables the shell has."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("WELLCITED_")]:
            patch.delenv(name)
        yield


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's chromium, one for all tests."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        told = "no chromium here; run: sudo apt-get install chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(told)
        pytest.skip(told)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(ARGUMENTS))
        yield browser
        browser.close()


def write_tiny_corpus(folder: Path) -> Path:
    """Write two guides, one in Markdown with curated questions, one in plain text."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kettle.md").write_text(KETTLE, "utf-8")
    (folder / "kettle.questions.md").write_text(KETTLE_QUESTIONS, "utf-8")
    (folder / "bicycle.txt").write_text(BICYCLE, "utf-8")
    return folder


@pytest.fixture
def tiny_corpus(tmp_path: Path) -> Path:
    """A corpus of two short guides that the test may change."""
    return write_tiny_corpus(tmp_path / "corpus")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The small corpus and its index, built with the real model; read it, never write it."""
    root = tmp_path_factory.mktemp("tiny")
    corpus = write_tiny_corpus(root / "corpus")
    return Built(corpus, root / "index", build_index(corpus, root / "index", Settings()))


@pytest.fixture
def kettle(tiny: Built, tmp_path: Path) -> Settings:
    """A corpus and its index, built with the real model, that the test may change."""
    write_tiny_corpus(tmp_path / "corpus")
    shutil.copytree(tiny.index, tmp_path / "index")
    return Settings(corpus=tmp_path / "corpus", index=tmp_path / "index")


@pytest.fixture(scope="session")
def project(tiny: Built, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The project's own corpus and its index; the encoder is taken over from the small one."""
    index = tmp_path_factory.mktemp("project") / "index"
    shutil.copytree(tiny.index, index)
    return Built(PROJECT / "corpus", index, build_index(PROJECT / "corpus", index, Settings()))


class CalmGuardrail:
    """Refers nobody."""

    rules_version = "calm"

    def triage(self, question: str, history: Sequence[Message] = ()) -> Triage:
        return Triage(tier="none")


def retriever_of(build: Build) -> Retriever:
    return Retriever.open(build, QueryEncoder(build.folder / bundle.ENCODER))


def assistant_of(build: Build, settings: Settings | None = None) -> Assistant:
    documents: list[Document] = build.documents()
    return Assistant(documents, retriever_of(build), CalmGuardrail(), build.manifest.id, settings or Settings())


@pytest.fixture(scope="session")
def tiny_retriever(tiny: Built) -> Retriever:
    return retriever_of(tiny.build)


@pytest.fixture(scope="session")
def tiny_assistant(tiny: Built) -> Assistant:
    """An assistant on the small corpus that refers nobody."""
    return assistant_of(tiny.build)


@pytest.fixture(scope="session")
def project_assistant(project: Built) -> Assistant:
    """An assistant on the project's corpus that refers nobody."""
    return assistant_of(project.build)


class WordEncoder:
    """Bags of words as unit vectors: texts that share words are near. Counts what it was asked to do.

    It stands for the model, for its export, and for the encoder that opens that.
    """

    digest = "0" * 64
    dimension = 64
    loads: ClassVar[int] = 0
    exports: ClassVar[int] = 0
    embedded: ClassVar[list[str]] = []

    def __init__(
        self,
        model: str,
        query_prefix: str | None = None,
        passage_prefix: str | None = None,
        weights: Weights = "int8",
    ) -> None:
        self.info = ModelInfo(
            name=model,
            digest=self.digest,
            query_prefix=query_prefix,
            passage_prefix=passage_prefix,
            weights=weights,
        )
        type(self).loads += 1

    @classmethod
    def exported(cls, folder: Path, threads: int = 1) -> WordEncoder:
        assert (folder / "model.onnx").read_bytes()
        return object.__new__(cls)

    def encode_passages(self, texts: Sequence[str], progress: Callable[[int, int], None] | None = None) -> Vectors:
        type(self).embedded.extend(texts)
        return bags_of_words(texts, self.dimension)

    def export(self, folder: Path) -> None:
        type(self).exports += 1
        folder.mkdir(parents=True)
        (folder / "model.onnx").write_bytes(bytes(range(256)) * 8)
        (folder / "tokenizer.json").write_text("{}", "utf-8")
        Elsewhere(bags_of_words(questions(), self.dimension)).save(folder)


def bags_of_words(texts: Sequence[str], dimension: int = 64) -> Vectors:
    vectors = np.full((len(texts), dimension), 1e-3, dtype=np.float32)
    for row, text in enumerate(texts):
        for word in words(text):
            vectors[row, int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big") % dimension] += 1
    unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


@pytest.fixture
def words_model(monkeypatch: pytest.MonkeyPatch) -> type[WordEncoder]:
    """Build indexes without torch: the passage encoder is a bag of words that counts its work."""

    class Counted(WordEncoder):
        """The counts of one test."""

    Counted.loads, Counted.exports, Counted.embedded = 0, 0, []
    monkeypatch.setattr("wellcited.indexing.PassageEncoder", Counted)
    monkeypatch.setattr("wellcited.indexing.QueryEncoder", Counted.exported)
    return Counted


@pytest.fixture
def built(words_model: type[WordEncoder], tiny_corpus: Path, tmp_path: Path) -> Built:
    """A corpus and an index of small files that the test may damage and rebuild."""
    return Built(tiny_corpus, tmp_path / "index", build_index(tiny_corpus, tmp_path / "index", Settings(model="words")))
