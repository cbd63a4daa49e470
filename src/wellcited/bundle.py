"""The bundle on disk: everything that answering needs, written to the side, verified, made live in one step."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from wellcited.datatypes import Document, Passage, Value, VectorSearch
from wellcited.digests import digest_of, samples_of, sha256_of
from wellcited.errors import IndexDamaged, IndexMismatch, IndexMissing
from wellcited.manifest import Counts, Manifest, ModelInfo
from wellcited.settings import Settings

FORMAT = 8
CURRENT = "CURRENT"
BUILDS = "builds"
MANIFEST = "manifest.json"
DOCUMENTS = "documents.jsonl"
PASSAGES = "passages.jsonl"
DENSE = "dense.faiss"
LEXICAL = "lexical"
TRAITS = "traits.npy"
WORDS = "words.txt"
ENCODER = "encoder"
SAFETY = "safety"
REPAIR = "run: wellcited index"
SAMPLED_FROM = 256 * 1024 * 1024
"""Of a file larger than this many bytes, opening compares size and samples: all of it would take longer than 0.2 s."""
BUILD_ID = re.compile(r"[0-9a-f]{16}")
OWN_NAME = re.compile(r"[0-9a-f]{16}|\.[0-9a-f]{16}\.\d+(?:\.old)?")
"""The names of builds, of staging folders and of builds moved aside: nothing else is ever removed."""

_V = TypeVar("_V", bound=Value)


@dataclass(frozen=True)
class Build:
    """One build in the index folder, its manifest read; `verify` tells whether its files are whole."""

    folder: Path
    manifest: Manifest

    @property
    def encoder_files(self) -> dict[str, str]:
        """The digests of the encoder's files: two builds with the same can share one encoder in memory."""
        return {name: digest for name, digest in self.manifest.files.items() if name.startswith(f"{ENCODER}/")}

    def verify(self, whole: bool = False) -> None:
        """Compare every file with its digest in the manifest, of the largest samples unless it shall be the `whole`.

        Raises IndexDamaged, naming the first that differs.
        """
        samples = {} if whole else self.manifest.samples
        for name, digest in {**self.manifest.files, **samples}.items():
            path = self.folder / name
            try:
                actual = samples_of(path) if name in samples else sha256_of(path)
            except OSError as error:
                raise IndexDamaged(
                    f"{path}: cannot be read: {error.strerror or error}; {_repair(self.folder)}"
                ) from error
            if actual != digest:
                raise IndexDamaged(f"{path}: has changed since it was built; {_repair(self.folder)}")

    def documents(self) -> list[Document]:
        """Return the guides, in the order of the corpus."""
        return _read_lines(self.folder / DOCUMENTS, Document)

    def passages(self) -> list[Passage]:
        """Return the passages, in the order of the documents."""
        return _read_lines(self.folder / PASSAGES, Passage)


def current_id(index: Path) -> str | None:
    """Return the id of the live build, or None where there is none. Raises IndexDamaged."""
    path = index / CURRENT
    try:
        name = path.read_text("utf-8").removesuffix("\n")
    except UnicodeDecodeError as error:
        raise IndexDamaged(f"{path}: does not hold a build id; {REPAIR} --index {index}") from error
    except OSError:
        return None
    if name != name.strip():
        raise IndexDamaged(f"{path}: does not hold a build id; {REPAIR} --index {index}")
    return name or None


def open_build(index: Path, settings: Settings | None = None) -> Build:
    """Return the live build of `index`, every file of it verified. Raises as `live_build` and `Build.verify` do."""
    build = live_build(index, settings)
    build.verify()
    return build


def live_build(index: Path, settings: Settings | None = None) -> Build:
    """Return the live build of `index`, its files not yet verified.

    Raises IndexMissing where nothing was built, IndexMismatch for another format version or, where `settings` are
    given, another model or prefix, and IndexDamaged for a manifest that cannot be read or has changed.
    """
    build_id = current_id(index)
    if build_id is None:
        raise IndexMissing(f"{index}: there is no index here; {REPAIR} --index {index}")
    folder = index / BUILDS / build_id
    manifest = read_manifest(folder)
    if manifest.id != build_id:
        raise IndexDamaged(f"{folder / MANIFEST}: names the build {manifest.id!r}, not {build_id!r}; {_repair(folder)}")
    if settings is not None:
        _refuse_others(folder, manifest.model, settings)
    return Build(folder, manifest)


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of the build in `folder`. Raises IndexDamaged and IndexMismatch."""
    path = folder / MANIFEST
    try:
        values = json.loads(path.read_bytes())
        version = values["format"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IndexDamaged(f"{path}: cannot be read: {error}; {_repair(folder)}") from error
    if version != FORMAT:
        raise IndexMismatch(f"{path}: has format version {version!r}, this wellcited reads {FORMAT}; {_repair(folder)}")
    seal = values.pop("seal", None)
    if seal != _seal(values):
        raise IndexDamaged(f"{path}: has changed since it was built; {_repair(folder)}")
    try:
        return Manifest.model_validate(values)
    except ValidationError as error:
        raise IndexDamaged(f"{path}: is not a manifest: {error.errors()[0]['msg']}; {_repair(folder)}") from error


@contextmanager
def staging(index: Path, build_id: str) -> Iterator[Path]:
    """Give an empty folder beside the builds to write into; it is gone afterwards unless `publish` has moved it."""
    builds = index / BUILDS
    builds.mkdir(parents=True, exist_ok=True)
    folder = builds / f".{build_id}.{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def seal(
    staged: Path, build_id: str, source: str, model: ModelInfo, counts: Counts, search: VectorSearch | None = None
) -> Build:
    """Write the manifest of the staged folder, with the digest of every file, and flush it all to disk."""
    names = sorted(path.relative_to(staged).as_posix() for path in staged.rglob("*") if path.is_file())
    manifest = Manifest(
        format=FORMAT,
        id=build_id,
        source=source,
        model=model,
        counts=counts,
        files={name: sha256_of(staged / name) for name in names},
        samples={name: samples_of(staged / name) for name in names if (staged / name).stat().st_size > SAMPLED_FROM},
        search=search or VectorSearch(),
    )
    values = manifest.model_dump(mode="json")
    (staged / MANIFEST).write_text(json.dumps({**values, "seal": _seal(values)}, indent=1), "utf-8")
    for path in [*staged.rglob("*"), staged]:
        _flush(path)
    return Build(staged, manifest)


def publish(index: Path, sealed: Build) -> Build:
    """Move a sealed build in its place and make it live."""
    build_id, staged = sealed.manifest.id, sealed.folder
    folder = index / BUILDS / build_id
    aside = staged.with_name(f"{staged.name}.old")
    if folder.exists():
        os.replace(folder, aside)
    os.replace(staged, folder)
    _flush(folder.parent)
    make_current(index, build_id)
    shutil.rmtree(aside, ignore_errors=True)
    return Build(folder, sealed.manifest)


def make_current(index: Path, build_id: str) -> None:
    """Make `build_id` the live build, in one atomic step."""
    temporary = index / f".{CURRENT}.{os.getpid()}"
    temporary.write_text(build_id + "\n", "utf-8")
    _flush(temporary)
    os.replace(temporary, index / CURRENT)
    _flush(index)


def write_lines(path: Path, values: Sequence[Value]) -> None:
    """Write one JSON object a line, the same bytes for the same values."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for value in values:
            file.write(value.model_dump_json() + "\n")


def link_or_copy(source: Path, target: Path) -> None:
    """Put the files of the folder `source` into `target` too, sharing the disk space where the file system can."""
    target.mkdir(parents=True, exist_ok=True)
    for path in source.iterdir():
        try:
            os.link(path, target / path.name)
        except OSError:
            shutil.copy2(path, target / path.name)


def _repair(folder: Path) -> str:
    return f"{REPAIR} --index {folder.parent.parent}"


def _refuse_others(folder: Path, stored: ModelInfo, settings: Settings) -> None:
    for what, built_with, wanted in (
        ("model", stored.name, settings.model),
        ("query_prefix", stored.query_prefix, settings.query_prefix),
        ("passage_prefix", stored.passage_prefix, settings.passage_prefix),
        ("encoder_weights", stored.weights, settings.encoder_weights),
    ):
        if built_with != wanted:
            raise IndexMismatch(
                f"{folder}: was built with the {what} {built_with!r}, the settings want {wanted!r}; "
                f"set it back, or {_repair(folder)}"
            )


def _seal(values: Mapping[str, object]) -> str:
    return digest_of(values)


def _read_lines(path: Path, kind: type[_V]) -> list[_V]:
    try:
        with path.open(encoding="utf-8", newline="\n") as file:
            return [kind.model_validate_json(line) for line in file]
    except (OSError, ValueError) as error:
        raise IndexDamaged(f"{path}: cannot be read: {error}; {REPAIR}") from error


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
