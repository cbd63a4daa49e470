"""The bundle on disk: whole or not opened at all, and made live in one step."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Built

from wellcited import bundle, digests
from wellcited.bundle import Build, open_build, publish, seal, staging
from wellcited.datatypes import Document, Passage, Span
from wellcited.digests import digest_of
from wellcited.errors import BundleError, IndexDamaged, IndexMismatch, IndexMissing
from wellcited.indexing import build_index
from wellcited.manifest import Counts, ModelInfo
from wellcited.settings import Settings

MODEL = ModelInfo(name="words", digest="d", query_prefix="ask: ")
COUNTS = Counts(documents=1, passages=1, sentences=1, vectors=1)
GUIDE = Document(id="pens", title="Pens", text="“Ink” is\u2028wet.\r\n", blocks=())
PASSAGE = Passage(
    id="pens/start/1",
    document_id="pens",
    headings=("Pens",),
    text=GUIDE.text[:13],
    start=0,
    end=13,
    sentences=(Span(start=0, end=13),),
)
REPAIR = "run: wellcited index"


def put(index: Path, build_id: str, text: str = "text") -> Build:
    """Publish a build of small files."""
    with staging(index, build_id) as staged:
        bundle.write_lines(staged / bundle.DOCUMENTS, [GUIDE])
        bundle.write_lines(staged / bundle.PASSAGES, [PASSAGE])
        (staged / bundle.LEXICAL).mkdir()
        (staged / bundle.LEXICAL / "terms.tsv").write_text(text, "utf-8")
        (staged / bundle.DENSE).write_bytes(text.encode() * 100)
        return publish(index, seal(staged, build_id, "source of " + build_id, MODEL, COUNTS))


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """An index whose live build is "one"."""
    put(tmp_path / "index", "one")
    return tmp_path / "index"


def change(path: Path, position: int) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.unlink()  # a file may be shared between builds by a hard link
    path.write_bytes(data)


def test_what_was_published_is_read_back(index: Path) -> None:
    build = open_build(index, Settings(model="words", query_prefix="ask: "))
    assert build.documents() == [GUIDE]
    assert build.passages() == [PASSAGE]
    assert (build.manifest.id, build.manifest.source) == ("one", "source of one")
    assert (build.manifest.model, build.manifest.counts, build.manifest.format) == (MODEL, COUNTS, bundle.FORMAT)
    assert set(build.manifest.files) == {"documents.jsonl", "passages.jsonl", "dense.faiss", "lexical/terms.tsv"}


def test_the_same_values_are_the_same_bytes(index: Path, tmp_path: Path) -> None:
    other = put(tmp_path / "other", "one").folder
    for name in [*open_build(index).manifest.files, bundle.MANIFEST]:
        assert (other / name).read_bytes() == (index / "builds/one" / name).read_bytes()


def test_a_changed_byte_in_any_file_is_found_and_its_file_named(built: Built, tmp_path: Path) -> None:
    whole = built.build
    assert len(whole.manifest.files) >= 9
    for name in whole.manifest.files:
        size = (whole.folder / name).stat().st_size
        for position in {0, size // 3, size // 2, size - 1}:
            copy = tmp_path / "copy"
            shutil.copytree(built.index, copy)
            damaged = copy / "builds" / whole.manifest.id / name
            change(damaged, position)
            with pytest.raises(IndexDamaged) as caught:
                open_build(copy)
            assert str(caught.value) == f"{damaged}: has changed since it was built; {REPAIR} --index {copy}"
            shutil.rmtree(copy)


def test_a_changed_byte_anywhere_in_the_manifest_is_found(index: Path) -> None:
    path = index / "builds/one" / bundle.MANIFEST
    whole = path.read_bytes()
    for position in range(len(whole)):
        change(path, position)
        with pytest.raises((IndexDamaged, IndexMismatch), match=r"manifest\.json"):
            open_build(index)
        path.write_bytes(whole)
    assert open_build(index)


def test_a_shortened_or_lengthened_file_is_found(index: Path) -> None:
    path = index / "builds/one" / bundle.DENSE
    whole = path.read_bytes()
    for content in (b"", whole[:-1], whole + b"\0"):
        path.write_bytes(content)
        with pytest.raises(IndexDamaged, match=r"dense\.faiss: has changed"):
            open_build(index)


@pytest.mark.parametrize(
    "name", ["documents.jsonl", "passages.jsonl", "dense.faiss", "lexical/terms.tsv", "manifest.json"]
)
def test_a_missing_file_is_named(index: Path, name: str) -> None:
    (index / "builds/one" / name).unlink()
    with pytest.raises(IndexDamaged) as caught:
        open_build(index)
    assert str(index / "builds/one" / name) in str(caught.value)
    assert REPAIR in str(caught.value)


@pytest.mark.parametrize("exists", [True, False])
def test_where_no_index_is_the_command_that_builds_one_is_told(tmp_path: Path, exists: bool) -> None:
    index = tmp_path / "index"
    if exists:
        index.mkdir()
    with pytest.raises(IndexMissing) as caught:
        open_build(index)
    assert str(caught.value) == f"{index}: there is no index here; run: wellcited index --index {index}"


def reseal(index: Path, **changes: Any) -> None:
    """Change the manifest the way another version of wellcited would have written it."""
    path = index / "builds/one" / bundle.MANIFEST
    values = {**json.loads(path.read_text("utf-8")), **changes}
    values.pop("seal")
    path.write_text(json.dumps({**values, "seal": digest_of(values)}), "utf-8")


@pytest.mark.parametrize("version", [bundle.FORMAT + 1, 0, "1", None, 1.5])
def test_another_format_version_is_told_with_both_versions(index: Path, version: object) -> None:
    reseal(index, format=version)
    with pytest.raises(IndexMismatch) as caught:
        open_build(index)
    assert f"has format version {version!r}, this wellcited reads {bundle.FORMAT}; {REPAIR}" in str(caught.value)


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ({"model": "other"}, "was built with the model 'words', the settings want 'other'"),
        ({"query_prefix": "q: "}, "was built with the query_prefix 'ask: ', the settings want 'q: '"),
        ({"query_prefix": None}, "was built with the query_prefix 'ask: ', the settings want None"),
        ({"encoder_weights": "float32"}, "was built with the encoder_weights 'int8', the settings want 'float32'"),
        ({"passage_prefix": "p: "}, "was built with the passage_prefix None, the settings want 'p: '"),
    ],
)
def test_settings_that_do_not_match_are_told_with_the_stored_and_the_wanted_value(
    index: Path, wanted: dict[str, Any], told: str
) -> None:
    with pytest.raises(IndexMismatch) as caught:
        open_build(index, Settings(**{"model": "words", "query_prefix": "ask: ", **wanted}))
    assert told in str(caught.value)
    assert f"{REPAIR} --index {index}" in str(caught.value)


def test_a_manifest_of_another_build_is_refused(index: Path) -> None:
    reseal(index, id="two")
    with pytest.raises(IndexDamaged, match="names the build 'two', not 'one'"):
        open_build(index)


@pytest.mark.parametrize(
    "content",
    [
        "null",
        "[]",
        '"x"',
        "{}",
        "{",
        f'{{"format": {bundle.FORMAT}}}',
        f'{{"format": {bundle.FORMAT}, "seal": "x"}}',
        "\ufeff",
    ],
)
def test_a_manifest_that_is_none_is_refused(index: Path, content: str) -> None:
    (index / "builds/one" / bundle.MANIFEST).write_text(content, "utf-8")
    with pytest.raises(IndexDamaged, match=r"manifest\.json: .*run: wellcited index"):
        open_build(index)


@pytest.mark.parametrize(
    "content", [b"\xff\xfe", b"nonsense", b"../../etc", b"one\0", b"x" * 5000, b"one\ntwo", b".", b"one\x0b", b" one\n"]
)
def test_a_current_that_names_no_build_is_told_as_damage(index: Path, content: bytes) -> None:
    (index / bundle.CURRENT).write_bytes(content)
    with pytest.raises(IndexDamaged, match=REPAIR):
        open_build(index)


def test_an_empty_current_is_no_index(index: Path) -> None:
    (index / bundle.CURRENT).write_bytes(b"\n")
    with pytest.raises(IndexMissing):
        open_build(index)


def test_any_damage_is_mended_by_the_command_that_the_error_names(built: Built) -> None:
    for damage in (
        lambda: (built.index / bundle.CURRENT).write_bytes(b"\xff"),
        lambda: (built.build.folder / bundle.MANIFEST).write_text("null"),
        lambda: change(built.build.folder / bundle.PASSAGES, 5),
        lambda: (built.build.folder / bundle.ENCODER / "model.onnx").unlink(),
        lambda: shutil.rmtree(built.index / bundle.BUILDS),
    ):
        damage()
        with pytest.raises(BundleError):
            open_build(built.index)
        build_index(built.corpus, built.index, Settings(model="words"))
        assert open_build(built.index).manifest.id == built.report.build_id


@pytest.fixture
def sampled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An index of which the largest file is compared by samples: 8 of its 5000 bytes in 4 places."""
    monkeypatch.setattr(bundle, "SAMPLED_FROM", 1000)
    monkeypatch.setattr(digests, "SAMPLES", 4)
    monkeypatch.setattr(digests, "SAMPLE_BYTES", 2)
    put(tmp_path / "index", "one", "x" * 50)
    assert list(open_build(tmp_path / "index").manifest.samples) == [bundle.DENSE]
    return tmp_path / "index"


@pytest.mark.parametrize("place", [0, 1, -1, -2])
def test_a_large_file_that_differs_at_either_end_is_refused(sampled: Path, place: int) -> None:
    change(sampled / "builds/one" / bundle.DENSE, place)
    with pytest.raises(IndexDamaged, match=r"dense\.faiss: has changed since it was built; run: wellcited index"):
        open_build(sampled)


@pytest.mark.parametrize("size", [0, 1, 2500, 4999, 5001])
def test_a_large_file_of_another_length_is_refused(sampled: Path, size: int) -> None:
    path = sampled / "builds/one" / bundle.DENSE
    path.write_bytes((path.read_bytes() + b"x")[:size])
    with pytest.raises(IndexDamaged, match=r"dense\.faiss: has changed"):
        open_build(sampled)


def test_between_the_samples_a_large_file_is_compared_where_the_whole_is_asked_for(sampled: Path) -> None:
    change(sampled / "builds/one" / bundle.DENSE, 1000)
    build = open_build(sampled)
    with pytest.raises(IndexDamaged, match=r"dense\.faiss: has changed"):
        build.verify(whole=True)


def test_lines_that_are_no_values_are_told_as_damage(index: Path) -> None:
    build = open_build(index)
    (build.folder / bundle.PASSAGES).write_bytes(b'{"id": 1}\n')
    with pytest.raises(IndexDamaged, match=r"passages\.jsonl: cannot be read"):
        build.passages()


def test_a_staged_folder_is_gone_when_the_build_fails_and_the_live_one_stays(index: Path) -> None:
    def fail() -> None:
        with staging(index, "two") as staged:
            (staged / "half").write_text("written", "utf-8")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert [path.name for path in (index / "builds").iterdir()] == ["one"]
    assert open_build(index).manifest.id == "one"


def test_what_a_killed_build_left_is_ignored_and_cleaned_by_the_next(built: Built) -> None:
    leftovers = [built.index / "builds" / name for name in (".0123456789abcdef.999999", "0123456789abcdef")]
    foreign = built.index / "builds" / "my-release"
    foreign.mkdir()
    for folder in leftovers:
        (folder / bundle.LEXICAL).mkdir(parents=True)
        (folder / bundle.DOCUMENTS).write_text("half", "utf-8")
    assert open_build(built.index).manifest.id == built.report.build_id
    (built.corpus / "bicycle.txt").write_text("Bicycles\nA bicycle has two wheels.\n", "utf-8")
    report = build_index(built.corpus, built.index, Settings(model="words"))
    assert not any(folder.exists() for folder in leftovers)
    assert {path.name for path in (built.index / "builds").iterdir()} == {
        built.report.build_id,
        report.build_id,
        foreign.name,
    }


def failing_at(step: int, calls: list[str], name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, but the call that is number `step` of all fails, as on a full disk."""

    def call(*arguments: Any, **options: Any) -> Any:
        calls.append(name)
        if len(calls) - 1 == step:
            raise OSError(28, "No space left on device")
        return function(*arguments, **options)

    return call


def test_wherever_publishing_fails_a_whole_build_is_live(index: Path) -> None:
    outcomes = []
    for step in range(100):
        calls: list[str] = []
        with pytest.MonkeyPatch.context() as patch:
            for name in ("replace", "fsync", "open"):
                patch.setattr(bundle.os, name, failing_at(step, calls, name, getattr(os, name)))
            patch.setattr(bundle, "sha256_of", failing_at(step, calls, "sha256", bundle.sha256_of))
            try:
                put(index, f"build-{step}", text=f"text {step}")
                failed = False
            except OSError:
                failed = True
        live = open_build(index).manifest.id  # verifies every file
        outcomes.append(live)
        if not failed:
            break
        assert live in {"one", f"build-{step}", outcomes[-2] if len(outcomes) > 1 else "one"}
    assert len(calls) > 10
    assert live == f"build-{step}"
    assert not [path for path in (index / "builds").iterdir() if path.name.startswith(".")]


def test_the_live_build_is_whole_before_every_step_of_the_next(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def watched(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            seen.append(open_build(index).manifest.id)
            return function(*arguments)

        return call

    monkeypatch.setattr(bundle.os, "replace", watched(os.replace))
    monkeypatch.setattr(bundle.os, "fsync", watched(os.fsync))
    monkeypatch.setattr(bundle.shutil, "rmtree", lambda *_, **__: seen.append(open_build(index).manifest.id))
    put(index, "two")
    assert set(seen) == {"one", "two"}
    assert seen == sorted(seen)


def test_files_are_shared_or_copied_into_the_next_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "model.onnx").write_bytes(b"weights")
    bundle.link_or_copy(source, tmp_path / "linked")

    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(bundle.os, "link", refuse)
    bundle.link_or_copy(source, tmp_path / "copied")
    assert (tmp_path / "linked/model.onnx").read_bytes() == (tmp_path / "copied/model.onnx").read_bytes() == b"weights"


def test_a_digest_depends_on_every_value_and_not_on_the_order_of_names() -> None:
    assert digest_of({"a": 1, "b": "é"}) == digest_of({"b": "é", "a": 1})
    assert len({digest_of(*values) for values in ((1, 2), (2, 1), ([1, 2],), ("12",), ())}) == 5
