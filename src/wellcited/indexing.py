"""Index time: corpus -> documents -> passages -> vectors and terms -> a bundle made live."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from wellcited import bundle
from wellcited.adapter import Adapter
from wellcited.bundle import Build, Counts, ModelInfo
from wellcited.corpus.bounded import Limits
from wellcited.corpus.reading import Corpus, Skipped, read_corpus
from wellcited.corpus.splitting import split
from wellcited.datatypes import Document, Passage, Value
from wellcited.encoding import DEFAULT_MODEL, PassageEncoder, Vectors
from wellcited.errors import BundleError, CorpusError, WellcitedError
from wellcited.layout import Layout, layout
from wellcited.search.dense import DenseIndex
from wellcited.search.lexical import LexicalIndex, terms
from wellcited.settings import Settings, load_settings

Progress = Callable[[str, int, int], None]
"""Told (stage, done, total) as the work goes on."""

KEPT_BUILDS = 2


class BuildReport(Value):
    """What a build did: `embedded` texts are new, the rest was taken over; `reused` where nothing had changed."""

    build_id: str
    index: Path
    documents: int
    passages: int
    sentences: int
    embedded: int
    seconds: float
    reused: bool
    skipped: tuple[Skipped, ...] = ()


def build_index(
    corpus: str | Path | None = None,
    index: str | Path | None = None,
    settings: Settings | None = None,
    progress: Progress | None = None,
) -> BuildReport:
    """Build the index of `corpus` into `index` and make it live; do nothing where it is live already.

    Texts and the query encoder of the live build are taken over where model and text are the same. A failure leaves
    the live build as it was. Raises CorpusError, ModelError, and BundleError where the index cannot be written.
    """
    started = time.perf_counter()
    settings = settings or load_settings()
    corpus = Path(corpus if corpus is not None else settings.corpus)
    index = Path(index if index is not None else settings.index)
    tell = progress or (lambda stage, done, total: None)

    tell("reading", 0, 1)
    read = corpus_of(corpus, settings)
    documents = list(read.documents)
    passages = [passage for document in documents for passage in split(document, settings.passage_chars)]
    source = source_digest(documents, settings)
    tell("reading", 1, 1)

    previous = _previous(index)
    reused = previous is not None and previous.manifest.source == source
    build, embedded = (
        (previous, 0)
        if previous is not None and reused
        else _build(corpus, index, documents, passages, source, settings, previous, tell)
    )
    counts = build.manifest.counts
    return BuildReport(
        build_id=build.manifest.id,
        index=index,
        documents=counts.documents,
        passages=counts.passages,
        sentences=counts.sentences,
        embedded=embedded,
        seconds=time.perf_counter() - started,
        reused=reused,
        skipped=read.skipped,
    )


def is_current(corpus: str | Path, index: str | Path, settings: Settings) -> bool:
    """Whether the live build of `index` was made from `corpus` as it is now, with `settings`. Raises CorpusError."""
    previous = _previous(Path(index))
    return previous is not None and previous.manifest.source == source_digest(
        list(corpus_of(corpus, settings).documents), settings
    )


def corpus_of(folder: str | Path, settings: Settings) -> Corpus:
    """Return the guides of `folder`, read within the limits of `settings`. Raises CorpusError."""
    limits = Limits(
        seconds=settings.max_read_seconds,
        memory_mb=settings.max_read_mb,
        unpacked_mb=settings.max_unpacked_mb,
        pages=settings.max_pages,
    )
    return read_corpus(folder, settings.max_file_mb, strict=settings.strict, limits=limits)


def source_digest(documents: list[Document], settings: Settings) -> str:
    """Return the digest of all that a build depends on but the weights of the model."""
    return bundle.digest_of(
        bundle.FORMAT,
        settings.model,
        Adapter.open().digest if settings.model == DEFAULT_MODEL else "",
        settings.passage_chars,
        [document.model_dump(mode="json") for document in documents],
    )


def _previous(index: Path) -> Build | None:
    try:
        return bundle.open_build(index)
    except BundleError:
        return None


def _build(
    corpus: Path,
    index: Path,
    documents: list[Document],
    passages: list[Passage],
    source: str,
    settings: Settings,
    previous: Build | None,
    tell: Progress,
) -> tuple[Build, int]:
    rows = layout(documents, passages)
    if not rows.sentences:
        raise CorpusError(f"{corpus}: there is no sentence in the corpus; write some text under the headings")
    tell("model", 0, 1)
    encoder = PassageEncoder(settings.model)
    tell("model", 1, 1)
    model = ModelInfo(
        name=encoder.name, digest=encoder.digest, dimension=encoder.dimension, adapter=encoder.adapter_digest
    )
    build_id = bundle.digest_of(source, model.key)[:16]
    same_model = previous is not None and previous.manifest.model.key == model.key
    vectors, embedded = _embed(rows, encoder, previous if same_model else None, tell)
    counts = Counts(
        documents=len(documents), passages=len(passages), sentences=len(rows.sentences), vectors=len(vectors)
    )
    try:
        with bundle.staging(index, build_id) as staged:
            tell("writing", 0, 1)
            bundle.write_lines(staged / bundle.DOCUMENTS, documents)
            bundle.write_lines(staged / bundle.PASSAGES, passages)
            DenseIndex.build(vectors).save(staged / bundle.DENSE)
            lexical_index(documents, passages, rows).save(staged / bundle.LEXICAL)
            tell("encoder", 0, 1)
            if previous is not None and same_model:
                bundle.link_or_copy(previous.folder / bundle.ENCODER, staged / bundle.ENCODER)
            else:
                encoder.export(staged / bundle.ENCODER)
            tell("encoder", 1, 1)
            build = bundle.publish(index, staged, build_id, source, model, counts)
            tell("writing", 1, 1)
    except OSError as error:
        raise BundleError(
            f"{error.filename or index}: the index cannot be written: {error.strerror or error}; "
            "make room or check permissions, the live index is as it was"
        ) from error
    kept = [build_id, *([previous.manifest.id] if previous is not None else [])][:KEPT_BUILDS]
    bundle.drop_other_builds(index, keep=kept)
    return build, embedded


def _embed(rows: Layout, encoder: PassageEncoder, previous: Build | None, tell: Progress) -> tuple[Vectors, int]:
    """Return the vectors of all rows, and how many texts had to be embedded."""
    texts = rows.texts
    known = _known_vectors(previous) if previous is not None else {}
    new = sorted({text for text in texts if text not in known})
    tell("embedding", 0, len(new))
    fresh = encoder.encode(new, lambda done, total: tell("embedding", done, total))
    found = {**known, **dict(zip(new, fresh, strict=True))}
    return np.stack([found[text] for text in texts]), len(new)


def _known_vectors(build: Build) -> dict[str, Vectors]:
    try:
        texts = layout(build.documents(), build.passages()).texts
        dense = DenseIndex.open(build.folder / bundle.DENSE)
    except WellcitedError:
        return {}
    if len(dense) != len(texts):
        return {}
    return dict(zip(texts, dense.vectors(np.arange(len(texts))), strict=True))


def lexical_index(documents: list[Document], passages: list[Passage], rows: Layout) -> LexicalIndex:
    """Return the term index of the sentences under their headings, each stemmed in the language of its document."""
    languages = {document.id: document.language for document in documents}
    return LexicalIndex.build(
        [
            terms(sentence, languages[passages[owner].document_id])
            for sentence, owner in zip(rows.headed, rows.sentence_passage, strict=True)
        ]
    )
