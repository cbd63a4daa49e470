"""Index time: corpus -> documents -> passages -> vectors and terms -> a bundle made live."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np

from wellcited import bundle, history
from wellcited.bundle import Build
from wellcited.contents import write_rows
from wellcited.corpus.bounded import Limits
from wellcited.corpus.reading import Corpus, Skipped, read_corpus
from wellcited.corpus.splitting import split
from wellcited.datatypes import Document, Passage, Value, VectorSearch
from wellcited.digests import digest_of
from wellcited.encoding import QueryEncoder, Vectors
from wellcited.errors import BundleError, CorpusError, WellcitedError
from wellcited.exporting import RECIPES
from wellcited.layout import Layout, layout
from wellcited.manifest import Counts, ModelInfo
from wellcited.models import PassageEncoder, identify
from wellcited.ranking import SentenceTraits
from wellcited.safety import Guardrail
from wellcited.search.dense import DenseIndex, is_large
from wellcited.search.lexical import LexicalIndex, terms
from wellcited.search.spelling import vocabulary
from wellcited.search.stored import BLOCK, Stored
from wellcited.settings import Settings, load_settings

Progress = Callable[[str, int, int], None]
"""Told (stage, done, total) as the work goes on."""
Review = Callable[[Build | None, Build], None]
"""Shown the live build, where there is one that can be opened, and the new one before that is made live."""


class BuildReport(Value):
    """What a build did: `embedded` texts are new, the rest was taken over; `reused` where the build was there already.

    `live` is false for a build that was only tried.
    """

    build_id: str
    index: Path
    documents: int
    passages: int
    sentences: int
    embedded: int
    seconds: float
    reused: bool
    live: bool = True
    search: VectorSearch = VectorSearch()
    skipped: tuple[Skipped, ...] = ()


def build_index(
    corpus: str | Path | None = None,
    index: str | Path | None = None,
    settings: Settings | None = None,
    progress: Progress | None = None,
    review: Review | None = None,
    dry_run: bool = False,
) -> BuildReport:
    """Build the index of `corpus` into `index` and make it live; do nothing where it is live already.

    Texts and the encoder of a build that is kept are taken over where model and text are the same. `review` sees the
    new build before it is made live, and may refuse it by raising; with `dry_run` it is thrown away afterwards.
    A failure leaves the live build as it was. While another process builds, this one waits. Raises CorpusError,
    ModelError, SafetyDataError, and BundleError where the index cannot be written.
    """
    settings = settings or load_settings()
    work = _Work(
        Path(corpus if corpus is not None else settings.corpus),
        Path(index if index is not None else settings.index),
        settings,
        progress or (lambda stage, done, total: None),
        review or (lambda old, new: None),
        dry_run,
    )
    try:
        report = work.done()
    except WellcitedError as error:
        if not dry_run:
            history.record_failure(work.index, str(error))
        raise
    if not dry_run:
        history.clear_failure(work.index)
    return report


def corpus_of(folder: str | Path, settings: Settings) -> Corpus:
    """Return the guides of `folder`, read within the limits of `settings`. Raises CorpusError."""
    limits = Limits(
        seconds=settings.max_read_seconds,
        memory_mb=settings.max_read_mb,
        unpacked_mb=settings.max_unpacked_mb,
        pages=settings.max_pages,
    )
    return read_corpus(folder, settings.max_file_mb, strict=settings.strict, limits=limits)


def source_digest(documents: list[Document], settings: Settings, model: ModelInfo | None) -> str:
    """Return the digest of all that a build depends on; of a model that only loading can tell, of its name."""
    weights = settings.encoder_weights
    return digest_of(
        bundle.FORMAT,
        settings.model,
        model.vectors_key if model else [settings.query_prefix, settings.passage_prefix, weights, RECIPES[weights]],
        settings.passage_chars,
        [document.model_dump(mode="json") for document in documents],
        Guardrail.digest(settings.own_safety_file),
    )


class _Work:
    """One run of the index flow."""

    def __init__(
        self, corpus: Path, index: Path, settings: Settings, tell: Progress, review: Review, dry_run: bool
    ) -> None:
        self.corpus = corpus
        self.index = index
        self.settings = settings
        self.tell = tell
        self.review = review
        self.dry_run = dry_run
        self.started = time.perf_counter()

    def done(self) -> BuildReport:
        """Do what is to be done, and report it."""
        self._read()
        live = self._live()
        if live is not None and live.manifest.source == self.source:
            self.review(live, live)
            return self._report(live, embedded=0, reused=True)
        try:
            with history.exclusive(self.index, lambda: self.tell("waiting for another build", 0, 1)) as waited:
                if waited:
                    self._read()
                    live = self._live()
                    if live is not None and live.manifest.source == self.source:
                        return self._report(live, embedded=0, reused=True)
                return self._built(live)
        except OSError as error:
            raise BundleError(
                f"{error.filename or self.index}: the index cannot be written: {error.strerror or error}; "
                "make room or check permissions, the live index is as it was"
            ) from error

    def _read(self) -> None:
        self.tell("reading", 0, 1)
        settings = self.settings
        read = corpus_of(self.corpus, settings)
        self.documents, self.skipped = list(read.documents), read.skipped
        self.passages = [passage for document in self.documents for passage in split(document, settings.passage_chars)]
        self.model = identify(settings.model, settings.query_prefix, settings.passage_prefix, settings.encoder_weights)
        self.source = source_digest(self.documents, settings, self.model)
        self.tell("reading", 1, 1)

    def _live(self) -> Build | None:
        try:
            return bundle.open_build(self.index)
        except BundleError:
            return None

    def _built(self, live: Build | None) -> BuildReport:
        """Build into a folder at the side, have it reviewed, make it live. The index is held."""
        rows = layout(self.documents, self.passages)
        if not rows.sentences:
            raise CorpusError(f"{self.corpus}: there is no sentence in the corpus; write some text under the headings")
        loaded = None
        if self.model is None:
            loaded = self._load()
            self.model = loaded.info
        model = self.model
        build_id = digest_of(self.source, model.vectors_key)[:16]
        if (kept := self._kept(build_id)) is not None:
            self.review(live, kept)
            if not self.dry_run:
                bundle.make_current(self.index, build_id)
            return self._report(kept, embedded=0, reused=True)
        kin = history.same_model(self.index, model.vectors_key)
        with bundle.staging(self.index, build_id) as staged:
            self.tell("encoder", 0, 1)
            if kin is not None:
                bundle.link_or_copy(kin.folder / bundle.ENCODER, staged / bundle.ENCODER)
            else:
                (loaded or self._load()).export(staged / bundle.ENCODER)
            self.tell("encoder", 1, 1)
            vectors, embedded = self._embed(rows, QueryEncoder(staged / bundle.ENCODER, threads=0), kin)
            self.tell("writing", 0, 1)
            counts, search = write(staged, self.documents, self.passages, rows, vectors, self.settings.own_safety_file)
            build = bundle.seal(staged, build_id, self.source, model, counts, search)
            self.tell("writing", 1, 1)
            self.review(live, build)
            if not self.dry_run:
                build = bundle.publish(self.index, build)
                history.prune(self.index, self.settings.keep_builds)
            return self._report(build, embedded, reused=False)

    def _load(self) -> PassageEncoder:
        self.tell("model", 0, 1)
        settings = self.settings
        loaded = PassageEncoder(
            settings.model,
            query_prefix=settings.query_prefix,
            passage_prefix=settings.passage_prefix,
            weights=settings.encoder_weights,
        )
        self.tell("model", 1, 1)
        return loaded

    def _kept(self, build_id: str) -> Build | None:
        """Return the build of this id, where it is kept and whole: the corpus was put back as it had been."""
        folder = self.index / bundle.BUILDS / build_id
        with suppress(BundleError):
            build = Build(folder, bundle.read_manifest(folder))
            build.verify(whole=True)
            return build
        return None

    def _embed(self, rows: Layout, encoder: QueryEncoder, kin: Build | None) -> tuple[Vectors | Stored, int]:
        """Return the vectors of all rows, and how many texts had to be embedded."""
        texts = rows.texts
        known, dense = _known_vectors(kin, len(texts)) if kin is not None else ({}, None)
        new = {text: place for place, text in enumerate(sorted({text for text in texts if text not in known}))}
        self.tell("embedding", 0, len(new))
        fresh = encoder.encode_passages(list(new), lambda done, total: self.tell("embedding", done, total))
        # A large bundle keeps 16 bits of each number anyhow: so many need not be held in 32.
        vectors = np.empty((len(texts), fresh.shape[1]), dtype=np.float16 if is_large(len(texts)) else np.float32)
        for start in range(0, len(texts), BLOCK):
            block = texts[start : start + BLOCK]
            added = [at for at, text in enumerate(block) if text in new]
            taken = [at for at, text in enumerate(block) if text not in new]
            vectors[start:][added] = fresh[[new[block[at]] for at in added]]
            if dense is not None:
                vectors[start:][taken] = dense.vectors(np.array([known[block[at]] for at in taken], dtype=np.int64))
        return vectors, len(new)

    def _report(self, build: Build, embedded: int, reused: bool) -> BuildReport:
        counts = build.manifest.counts
        return BuildReport(
            build_id=build.manifest.id,
            index=self.index,
            documents=counts.documents,
            passages=counts.passages,
            sentences=counts.sentences,
            embedded=embedded,
            seconds=time.perf_counter() - self.started,
            reused=reused,
            live=bundle.current_id(self.index) == build.manifest.id,
            search=build.manifest.search,
            skipped=self.skipped,
        )


def _known_vectors(build: Build, wanted: int) -> tuple[dict[str, int], DenseIndex | None]:
    """Return the rows of the texts of `build`, and its vectors by row; none for a bundle of `wanted` texts to be exact
    where those are rounded."""
    try:
        texts = layout(build.documents(), build.passages()).texts
        dense = DenseIndex.open(build.folder / bundle.DENSE)
    except WellcitedError:
        return {}, None
    if len(dense) != len(texts) or (is_large(len(texts)) and not is_large(wanted)):
        return {}, None
    return {text: row for row, text in enumerate(texts)}, dense


def write(
    staged: Path,
    documents: list[Document],
    passages: list[Passage],
    rows: Layout,
    vectors: Vectors | Stored,
    safety_file: Path | None = None,
) -> tuple[Counts, VectorSearch]:
    """Write all of a bundle but its encoder and its manifest. `vectors` are those of `rows.texts`.

    Raises SafetyDataError where the publisher's `safety_file` is not as it should be.
    """
    Guardrail.keep(staged / bundle.SAFETY, safety_file)
    bundle.write_lines(staged / bundle.DOCUMENTS, documents)
    bundle.write_lines(staged / bundle.PASSAGES, passages)
    np.save(staged / bundle.TRAITS, SentenceTraits.read(rows.sentences))
    (staged / bundle.WORDS).write_text("\n".join(vocabulary(rows.headed)), "utf-8")
    if is_large(len(vectors)):
        write_rows(staged, documents, rows)
    dense = DenseIndex.build(vectors)
    dense.save(staged / bundle.DENSE)
    lexical_index(documents, passages, rows).save(staged / bundle.LEXICAL)
    counts = Counts(
        documents=len(documents), passages=len(passages), sentences=len(rows.sentences), vectors=len(vectors)
    )
    return counts, dense.how


def lexical_index(documents: list[Document], passages: list[Passage], rows: Layout) -> LexicalIndex:
    """Return the term index of the sentences under their headings, each stemmed in the language of its document."""
    languages = {document.id: document.language for document in documents}
    return LexicalIndex.build(
        [
            terms(sentence, languages[passages[owner].document_id])
            for sentence, owner in zip(rows.headed, rows.sentence_passage, strict=True)
        ]
    )
