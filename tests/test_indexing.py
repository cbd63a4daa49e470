"""Building: the same in, the same out; what did not change is not done again; a failure changes nothing."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Built, WordEncoder

import wellcited
from wellcited import bundle, indexing
from wellcited.bundle import open_build
from wellcited.corpus.reading import read_corpus
from wellcited.errors import BundleError, CorpusError, ModelError, SafetyDataError, WellcitedError
from wellcited.fitted import TASKS
from wellcited.history import last_failure
from wellcited.indexing import build_index, source_digest
from wellcited.layout import layout
from wellcited.search.dense import DenseIndex
from wellcited.settings import Settings

WORDS = Settings(model="words")


def edit(built: Built, before: str, after: str) -> None:
    path = built.corpus / "kettle.md"
    source = path.read_text("utf-8")
    assert source.count(before) == 1
    path.write_text(source.replace(before, after), "utf-8")


def rebuild(built: Built, **settings: object) -> indexing.BuildReport:
    return build_index(built.corpus, built.index, Settings(**{"model": "words", **settings}))  # type: ignore[arg-type]


def test_the_report_tells_what_was_built(built: Built) -> None:
    report, build = built.report, built.build
    assert not report.reused
    assert report.index == built.index
    assert report.build_id == build.manifest.id == bundle.current_id(built.index)
    assert report.documents == len(build.documents()) == 2
    assert report.passages == len(build.passages())
    assert report.sentences == sum(len(passage.sentences) for passage in build.passages())
    rows = layout(build.documents(), build.passages())
    assert report.embedded == len(set(rows.texts))
    assert build.manifest.counts.vectors == len(rows.texts) == len(DenseIndex.open(build.folder / bundle.DENSE))


def test_the_same_corpus_and_settings_give_the_same_build(built: Built, tmp_path: Path) -> None:
    again = build_index(built.corpus, tmp_path / "again", WORDS)
    assert again.build_id == built.report.build_id
    other = open_build(tmp_path / "again").folder
    for name in (bundle.DOCUMENTS, bundle.PASSAGES, bundle.DENSE, bundle.MANIFEST):
        assert (other / name).read_bytes() == (built.build.folder / name).read_bytes()


OWN_RULE = """
[[rule]]
id = "kettle.scald"
tier = "urgent"
category = "kettle"
source = "the maker's leaflet"
when = ["scalded"]
examples = ["I have scalded my hand"]
"""


def test_a_build_keeps_the_safety_rules_and_a_change_of_these_makes_another(built: Built, tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(OWN_RULE, "utf-8")
    first = rebuild(built, safety_file=own)
    assert first.build_id != built.report.build_id
    assert first.embedded == 0
    assert rebuild(built, safety_file=own).reused
    kept = built.build.folder / bundle.SAFETY
    assert "kettle.scald" in (kept / "rules.json").read_text("utf-8")
    assert set(kept.iterdir()) == {kept / name for name in ("rules.json", "head.json", "head.npy")}
    own.write_text(OWN_RULE + "# reviewed\n", "utf-8")
    assert not rebuild(built, safety_file=own).reused


def test_safety_rules_that_fail_are_told_before_the_index_is_touched(built: Built, tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(OWN_RULE.replace("urgent", "soon"), "utf-8")
    with pytest.raises(SafetyDataError, match=r"own\.toml: rule 'kettle\.scald': unknown tier 'soon'"):
        rebuild(built, safety_file=own)
    assert bundle.current_id(built.index) == built.report.build_id
    failure = last_failure(built.index)
    assert failure is not None
    assert "unknown tier" in failure.error


def test_the_place_of_the_corpus_does_not_matter(built: Built, tmp_path: Path) -> None:
    (tmp_path / "moved").mkdir()
    for path in built.corpus.iterdir():
        (tmp_path / "moved" / path.name).write_bytes(path.read_bytes())
    assert build_index(tmp_path / "moved", built.index, WORDS).reused


def test_an_unchanged_corpus_is_reused_without_loading_a_model(built: Built, words_model: type[WordEncoder]) -> None:
    loads = words_model.loads
    report = rebuild(built)
    assert report.reused
    assert report.embedded == 0
    assert report.build_id == built.report.build_id
    assert words_model.loads == loads


def test_an_unchanged_corpus_is_reused_without_importing_torch(tiny: Built) -> None:
    program = (
        "import sys; from pathlib import Path; from wellcited.indexing import build_index;"
        "from wellcited.settings import Settings;"
        "print(build_index(sys.argv[1], sys.argv[2], Settings()).reused,"
        "sorted({'torch', 'transformers', 'sentence_transformers', 'onnx'} & set(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, str(tiny.corpus), str(tiny.index)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(wellcited.__file__).parents[1])},
    )
    assert ran.stdout.strip() == "True []"


def test_after_one_changed_sentence_only_the_new_texts_are_embedded(
    built: Built, words_model: type[WordEncoder]
) -> None:
    before = set(layout(built.build.documents(), built.build.passages()).texts)
    words_model.embedded.clear()
    edit(built, "A wet kettle rusts at the seam", "A damp kettle rusts at the seam")
    report = rebuild(built)
    after = layout(built.build.documents(), built.build.passages()).texts
    assert set(words_model.embedded) == set(after) - before
    assert report.embedded == len(words_model.embedded) == 3  # the sentence, alone and under its heading; its passage
    assert report.build_id != built.report.build_id


def test_vectors_that_were_taken_over_are_those_of_their_texts(built: Built, tmp_path: Path) -> None:
    edit(built, "A wet kettle rusts", "A new sentence. A wet kettle rusts")
    rebuild(built)
    build_index(built.corpus, tmp_path / "fresh", WORDS)
    fresh = open_build(tmp_path / "fresh").folder
    assert (built.build.folder / bundle.DENSE).read_bytes() == (fresh / bundle.DENSE).read_bytes()


def test_the_query_encoder_is_taken_over_while_the_model_is_the_same(
    built: Built, words_model: type[WordEncoder]
) -> None:
    edit(built, "A wet kettle rusts", "A damp kettle rusts")
    rebuild(built)
    assert words_model.exports == 1
    words_model.digest = "1" * 64
    try:
        edit(built, "A damp kettle rusts", "A wet kettle rusts")
        report = rebuild(built)
    finally:
        words_model.digest = WordEncoder.digest
    assert words_model.exports == 2
    assert report.embedded == len(set(layout(built.build.documents(), built.build.passages()).texts))


@pytest.mark.parametrize("change", [{"model": "other"}, {"passage_chars": 200}])
def test_a_setting_that_shapes_the_index_makes_a_new_build(built: Built, change: dict[str, object]) -> None:
    report = rebuild(built, **change)
    assert not report.reused
    assert report.build_id != built.report.build_id


def test_a_setting_of_answer_time_leaves_the_build_as_it_is(built: Built) -> None:
    assert rebuild(built, port=1, answer_sentences=1, host="x").reused


def test_the_corpus_put_back_as_it_was_makes_the_build_of_then_live_again(
    built: Built, words_model: type[WordEncoder]
) -> None:
    edit(built, "A wet kettle rusts", "A damp kettle rusts")
    rebuild(built)
    edit(built, "A damp kettle rusts", "A wet kettle rusts")
    words_model.embedded.clear()
    report = rebuild(built)
    assert report.reused
    assert report.live
    assert report.build_id == built.report.build_id == built.build.manifest.id
    assert words_model.embedded == []


def test_a_dry_run_reports_and_changes_nothing(built: Built) -> None:
    edit(built, "A wet kettle rusts", "A damp kettle rusts")
    seen: list[str] = []
    report = build_index(
        built.corpus, built.index, WORDS, review=lambda old, new: seen.append(new.manifest.id), dry_run=True
    )
    assert seen == [report.build_id]
    assert report.embedded == 3
    assert not report.live
    assert bundle.current_id(built.index) == built.report.build_id
    assert [path.name for path in (built.index / "builds").iterdir()] == [built.report.build_id]


def test_a_review_sees_both_builds_and_may_refuse_the_new_one(built: Built) -> None:
    edit(built, "A wet kettle rusts", "A damp kettle rusts")

    def refuse(old: bundle.Build | None, new: bundle.Build) -> None:
        assert old is not None
        texts = [" ".join(passage.text for passage in build.passages()) for build in (old, new)]
        assert ["wet kettle" in texts[0], "damp kettle" in texts[1]] == [True, True]
        raise CorpusError("not this one")

    with pytest.raises(CorpusError, match="not this one"):
        build_index(built.corpus, built.index, WORDS, review=refuse)
    assert bundle.current_id(built.index) == built.report.build_id
    failure = last_failure(built.index)
    assert failure is not None
    assert failure.error == "not this one"
    rebuild(built)
    assert last_failure(built.index) is None


def test_of_the_encoders_of_the_builds_that_are_kept_none_is_exported_again(
    built: Built, words_model: type[WordEncoder]
) -> None:
    for model in ("other", "words", "other"):
        edit(built, "A kettle lasts for many years", "A kettle lasts for many years indeed")
        try:
            words_model.digest = {"words": "0", "other": "1"}[model] * 64
            rebuild(built, model=model)
        finally:
            words_model.digest = WordEncoder.digest
        edit(built, "A kettle lasts for many years indeed", "A kettle lasts for many years")
    assert words_model.exports == 2


def test_any_change_of_a_document_changes_the_source(built: Built) -> None:
    documents = read_corpus(built.corpus).documents
    changed = [
        documents[::-1],
        documents[:1],
        [documents[0].model_copy(update={"title": "Other"}), documents[1]],
        [documents[0], documents[1].model_copy(update={"questions": ()})],
    ]
    digests = [source_digest(found, WORDS, None) for found in [documents, *changed]]
    assert len(set(digests)) == 5


def test_passage_ids_stay_when_another_section_is_edited(built: Built) -> None:
    before = {passage.id: passage.text for passage in built.build.passages()}
    edit(built, "Empty the kettle before you store it.", "Let it dry. Then empty it. Store it upside down.")
    rebuild(built)
    after = {passage.id: passage.text for passage in built.build.passages()}
    gone, new = before.keys() - after.keys(), after.keys() - before.keys()
    assert [key.rpartition("/")[0] for key in (*gone, *new)] == ["kettle-care/storing-a-kettle"] * 2
    assert all(before[key] == after[key] for key in before.keys() & after.keys())


def test_progress_is_told_for_every_stage(words_model: type[WordEncoder], tiny_corpus: Path, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    build_index(tiny_corpus, tmp_path / "index", WORDS, lambda *step: told.append(step))
    assert list(dict.fromkeys(stage for stage, _, _ in told)) == ["reading", "model", "encoder", "embedding", "writing"]
    assert all(0 <= done <= total for _, done, total in told)


@pytest.mark.parametrize("error", [ModelError("no such model"), CorpusError("bad file"), KeyboardInterrupt()])
@pytest.mark.parametrize("place", ["read_corpus", "split", "DenseIndex", "lexical_index", "QueryEncoder"])
def test_a_failure_leaves_the_live_build_as_it_was(
    built: Built, monkeypatch: pytest.MonkeyPatch, place: str, error: BaseException
) -> None:
    edit(built, "A wet kettle rusts", "A damp kettle rusts")

    class Failing:
        def __call__(self, *_: object, **__: object) -> None:
            raise error

        build = open = __call__

    before = sorted(path.name for path in (built.index / "builds").iterdir())
    monkeypatch.setattr(indexing, place, Failing())
    with pytest.raises(type(error)):
        rebuild(built)
    assert open_build(built.index).manifest.id == built.report.build_id
    assert sorted(path.name for path in (built.index / "builds").iterdir()) == before


@pytest.mark.parametrize("name", ["index", "index/builds"])
def test_an_index_folder_that_cannot_be_written_is_named(
    words_model: type[WordEncoder], tiny_corpus: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("a file stands in the way", "utf-8")
    with pytest.raises(BundleError, match=rf"{tmp_path}/index.*: the index cannot be written: .*permissions"):
        build_index(tiny_corpus, tmp_path / "index", WORDS)


@contextlib.contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """Fail writes as a full disk does, beyond `size` bytes of any file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [100, 2000, 5000])
def test_a_full_disk_is_a_known_error_and_the_live_build_stays(built: Built, size: int) -> None:
    edit(built, "A wet kettle rusts", "A damp kettle rusts")
    with no_file_larger_than(size), pytest.raises(WellcitedError):
        rebuild(built)
    assert open_build(built.index).manifest.id == built.report.build_id
    assert [path.name for path in (built.index / "builds").iterdir()] == [built.report.build_id]


def test_a_corpus_that_cannot_be_read_leaves_no_trace(tmp_path: Path) -> None:
    with pytest.raises(CorpusError):
        build_index(tmp_path / "nowhere", tmp_path / "index", WORDS)
    assert not (tmp_path / "index").exists()


def test_the_real_model_builds_the_same_vectors_as_it_answers_with(tiny: Built) -> None:
    assert tiny.report.embedded > 0
    names = {path.name for path in (tiny.build.folder / bundle.ENCODER).iterdir()}
    own = {"model.onnx", "model.weights", "tokenizer.json", "encoder.json", "elsewhere.npy"}
    fitted = {f"{task.name}.{suffix}" for task in TASKS for suffix in ("onnx", "weights", "npy")}
    assert own | fitted < names
    assert len(names - own - fitted) == 1, "one table of tokens for all"


def test_a_rebuild_takes_the_encoder_over_by_sharing_its_file(tiny: Built, project: Built) -> None:
    for name in ("encoder/model.onnx", "encoder/model.weights"):
        assert project.build.manifest.files[name] == tiny.build.manifest.files[name]
    assert project.report.documents == 1
    assert not project.report.reused


def test_a_file_that_cannot_be_read_is_reported_and_the_rest_is_indexed(built: Built) -> None:
    (built.corpus / "broken.md").write_bytes(b"\0")
    report = build_index(built.corpus, built.index, Settings(model="words"))
    assert [skipped.path for skipped in report.skipped] == ["broken.md"]
    assert report.documents == 2
    with pytest.raises(CorpusError, match=r"broken\.md: is not text but binary data"):
        build_index(built.corpus, built.index, Settings(model="words", strict=True))
