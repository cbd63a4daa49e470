"""The builds that an index keeps: which there are, one writer at a time, going back to an earlier one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from wellcited import bundle
from wellcited.bundle import BUILD_ID, BUILDS, MANIFEST, OWN_NAME, Build
from wellcited.datatypes import Value
from wellcited.errors import BundleError, IndexMissing

LOCK = ".lock"
FAILED = "FAILED"


class Entry(Value):
    """One build that is kept: `problem` says why it could not be opened ("" where it can)."""

    id: str
    built: datetime
    live: bool
    documents: int = 0
    passages: int = 0
    model: str = ""
    problem: str = ""


class Failure(Value):
    """The last attempt to build, where it failed: the live build is older than the corpus."""

    when: datetime
    error: str


def builds(index: Path, verify: bool = False) -> list[Entry]:
    """Return the builds that `index` keeps, the newest first; `verify` compares every byte of them."""
    live = _live_id(index)
    return [_entry(folder, folder.name == live, verify) for folder in _folders(index)]


def same_model(index: Path, key: str) -> Build | None:
    """Return a whole build whose vectors have this `vectors_key`, the live one first; None where there is none."""
    live = _live_id(index)
    for folder in sorted(_folders(index), key=lambda folder: folder.name != live):
        with suppress(BundleError):
            build = Build(folder, bundle.read_manifest(folder))
            if build.manifest.model.vectors_key == key:
                build.verify(whole=True)
                return build
    return None


def rollback(index: Path, build_id: str | None = None, waiting: Callable[[], None] = lambda: None) -> Build:
    """Make an earlier build live: the one whose id begins with `build_id`, else the one built before the live one.

    Its files are verified first. Raises IndexMissing where there is no such build, and as `Build.verify` does.
    """
    with exclusive(index, waiting):
        entries = builds(index)
        live = next((number for number, entry in enumerate(entries) if entry.live), -1)
        if build_id is None:
            found = [entry.id for entry in entries[live + 1 :] if not entry.problem][:1]
        else:
            found = [entry.id for entry in entries if build_id and entry.id.startswith(build_id)]
        if len(found) != 1:
            wanted = "an earlier build" if build_id is None else f"one build whose id begins with {build_id!r}"
            kept = ", ".join(entry.id for entry in entries) or "none"
            raise IndexMissing(f"{index}: does not keep {wanted}; it keeps: {kept} (newest first)")
        folder = index / BUILDS / found[0]
        build = Build(folder, bundle.read_manifest(folder))
        build.verify(whole=True)
        bundle.make_current(index, build.manifest.id)
        return build


def prune(index: Path, keep: int) -> None:
    """Remove all but the live build and the newest others, `keep` in all, and what can no longer be opened.

    Only to be called by who holds the index (`exclusive`).
    """
    live = _live_id(index)
    others = [folder for folder in _folders(index) if folder.name != live and not _entry(folder, False, False).problem]
    kept = {live, *(folder.name for folder in others[: keep - 1])}
    for folder in (index / BUILDS).iterdir():
        if OWN_NAME.fullmatch(folder.name) and folder.name not in kept:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def exclusive(index: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[bool]:
    """Hold the index for writing; gives whether another process had to be waited for, after `waiting` was told.

    The lock is the operating system's, so it dies with its process. Raises OSError where the folder cannot be written.
    """
    from filelock import FileLock, Timeout

    index.mkdir(parents=True, exist_ok=True)
    lock = FileLock(index / LOCK)
    waited = False
    try:
        lock.acquire(timeout=0)
    except Timeout:
        waiting()
        waited = True
        lock.acquire(poll_interval=0.1)
    try:
        yield waited
    finally:
        lock.release()


def record_failure(index: Path, error: str) -> None:
    """Leave word in the index, where there is one, that it could not be brought up to date."""
    if index.is_dir():
        with suppress(OSError):
            failure = Failure(when=datetime.now(UTC), error=error)
            (index / FAILED).write_text(failure.model_dump_json() + "\n", "utf-8")


def clear_failure(index: Path) -> None:
    """Forget the last failure: the index is up to date."""
    with suppress(OSError):
        (index / FAILED).unlink(missing_ok=True)


def last_failure(index: Path) -> Failure | None:
    """Return why the last attempt to build failed, None where it did not."""
    try:
        return Failure.model_validate(json.loads((index / FAILED).read_text("utf-8")))
    except (OSError, ValueError, ValidationError):
        return None


def _live_id(index: Path) -> str | None:
    """Return the id of the live build; None too where the file that should name it is damaged."""
    try:
        return bundle.current_id(index)
    except BundleError:
        return None


def _folders(index: Path) -> list[Path]:
    """Return the folders of the builds, the newest first."""
    try:
        found = [path for path in (index / BUILDS).iterdir() if BUILD_ID.fullmatch(path.name)]
    except OSError:
        return []
    return sorted(found, key=lambda folder: (_built(folder), folder.name), reverse=True)


def _built(folder: Path) -> float:
    try:
        return (folder / MANIFEST).stat().st_mtime
    except OSError:
        return 0.0


def _entry(folder: Path, live: bool, verify: bool) -> Entry:
    built = datetime.fromtimestamp(_built(folder), UTC)
    try:
        manifest = bundle.read_manifest(folder)
        if verify:
            Build(folder, manifest).verify(whole=True)
    except BundleError as error:
        return Entry(id=folder.name, built=built, live=live, problem=str(error))
    counts = manifest.counts
    return Entry(
        id=folder.name,
        built=built,
        live=live,
        documents=counts.documents,
        passages=counts.passages,
        model=manifest.model.name,
    )
