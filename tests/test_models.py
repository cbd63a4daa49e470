"""Any sentence-transformers model: known by its files, its prefixes and pooling kept by the export that answers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import write_tiny_corpus

from wellcited.assistant import Assistant
from wellcited.encoding import CONFIG_FILE, QueryEncoder
from wellcited.errors import IndexMismatch, ModelError
from wellcited.indexing import build_index
from wellcited.models import DEFAULT_MODEL, PassageEncoder, identify
from wellcited.settings import Settings

VOCABULARY = """[PAD] [UNK] [CLS] [SEP] [MASK] a kettle chain bicycle oil water the is how often do i should descale ?
. , once month : query passage short longer text as of guide may be ##s ##e ##d""".split()


def make_model(
    folder: Path, pooling: str = "cls", prompts: dict[str, str] | None = None, lower: bool = True, hidden: int = 24
) -> Path:
    """Write a small model with weights by chance, as sentence-transformers saves one."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    torch.manual_seed(5)
    base = folder / "base"
    base.mkdir(parents=True)
    words = [*VOCABULARY, *"bcdefghijklmnopqrstuvwxyz", *(f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz")]
    (base / "vocab.txt").write_text("\n".join(dict.fromkeys(words)), "utf-8")
    BertTokenizerFast(str(base / "vocab.txt"), do_lower_case=lower).save_pretrained(base)
    size = len(dict.fromkeys(words))
    config = BertConfig(
        vocab_size=size,
        hidden_size=hidden,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=2 * hidden,
        max_position_embeddings=40,
        initializer_range=0.5 * (24 / hidden) ** 0.5,
    )
    BertModel(config).save_pretrained(base)
    transformer = Transformer(str(base), max_seq_length=32)
    pooled = Pooling(transformer.get_embedding_dimension(), pooling_mode=pooling)
    model = SentenceTransformer(modules=[transformer, pooled], prompts=prompts, device="cpu")
    model.save(str(folder / "model"))
    shutil.rmtree(base)
    return folder / "model"


@pytest.fixture(scope="module")
def prefixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that was published with prefixes, pools by its first token, and reads 32 tokens."""
    return make_model(tmp_path_factory.mktemp("prefixed"), "cls", {"query": "query: ", "document": "passage: "})


TEXTS = ["how often should i descale a kettle?", "oil the chain", "a text that is longer than the model reads " * 9]
Made = Callable[..., PassageEncoder]


@pytest.mark.parametrize("pooling", ["mean", "max"])
def test_the_export_gives_the_vectors_of_the_model_whatever_its_pooling(pooling: str, tmp_path: Path) -> None:
    model = PassageEncoder(str(make_model(tmp_path, pooling)), weights="float32")
    model.export(tmp_path / "encoder")
    exported = QueryEncoder(tmp_path / "encoder")
    assert exported.dimension == model.dimension == 24
    assert np.abs(exported.encode_passages(TEXTS) - model.encode(TEXTS)).max() < 1e-4


def test_the_prefixes_that_a_model_was_published_with_stand_before_questions_and_passages(
    prefixed: Path, tmp_path: Path
) -> None:
    bare = PassageEncoder(str(prefixed), query_prefix="", passage_prefix="")
    PassageEncoder(str(prefixed), weights="float32").export(tmp_path / "encoder")
    exported = QueryEncoder(tmp_path / "encoder")
    asked = bare.encode([f"query: {text}" for text in TEXTS])
    held = bare.encode([f"passage: {text}" for text in TEXTS])
    assert np.abs(exported.encode(TEXTS) - asked).max() < 1e-4
    assert np.abs(exported.encode_passages(TEXTS) - held).max() < 1e-4
    assert np.abs(asked - held).max() > 1e-2


def test_prefixes_of_the_settings_win_over_those_of_the_model(prefixed: Path, tmp_path: Path) -> None:
    model = PassageEncoder(str(prefixed), query_prefix="ask: ", passage_prefix="")
    model.export(tmp_path / "encoder")
    config = json.loads((tmp_path / "encoder" / CONFIG_FILE).read_text("utf-8"))
    assert (config["query_prefix"], config["passage_prefix"], config["max_tokens"]) == ("ask: ", "", 32)


def test_an_index_of_another_model_is_built_and_answers_and_its_settings_are_checked(
    prefixed: Path, tmp_path: Path
) -> None:
    settings = Settings(corpus=write_tiny_corpus(tmp_path / "corpus"), index=tmp_path / "index", model=str(prefixed))
    first = build_index(settings=settings)
    assert build_index(settings=settings).reused
    assert Assistant.open(settings=settings).ask("How often should I descale a kettle?").receipt.bundle_id == (
        first.build_id
    )
    other = Settings(corpus=settings.corpus, index=settings.index, model=str(prefixed), query_prefix="ask: ")
    with pytest.raises(IndexMismatch, match=r"query_prefix None, the settings want 'ask: '; set it back, or run: well"):
        Assistant.open(settings=other)
    assert build_index(settings=other).build_id != first.build_id
    assert Assistant.open(settings=other)


def test_a_model_is_known_by_its_files_and_every_change_of_them_makes_it_another(
    prefixed: Path, tmp_path: Path
) -> None:
    info = identify(str(prefixed))
    assert info is not None
    assert info == PassageEncoder(str(prefixed)).info
    copy = tmp_path / "copy"
    shutil.copytree(prefixed, copy)
    assert identify(str(copy)).key == info.key  # type: ignore[union-attr]
    pooling = next(copy.glob("1_*/config.json"))
    pooling.write_text(pooling.read_text("utf-8").replace("cls", "mean"), "utf-8")
    repooled = identify(str(copy))
    assert repooled is not None
    assert repooled.key != info.key
    weights = copy / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    changed = identify(str(copy))
    assert changed is not None
    assert changed.digest != info.digest
    keys = {
        found.key
        for found in (info, identify(str(prefixed), "a"), identify(str(prefixed), None, "a"), repooled, changed)
        if found
    }
    assert len(keys) == 5


def test_a_model_changed_in_its_place_makes_another_build(prefixed: Path, tmp_path: Path) -> None:
    copy = tmp_path / "model"
    shutil.copytree(prefixed, copy)
    settings = Settings(corpus=write_tiny_corpus(tmp_path / "corpus"), index=tmp_path / "index", model=str(copy))
    first = build_index(settings=settings)
    pooling = next(copy.glob("1_*/config.json"))
    pooling.write_text(pooling.read_text("utf-8").replace("cls", "mean"), "utf-8")
    second = build_index(settings=settings)
    assert not second.reused
    assert second.build_id != first.build_id
    assert second.embedded > 0


def test_of_a_name_that_is_no_folder_only_loading_can_tell(tmp_path: Path) -> None:
    assert identify("some/model-of-a-hub") is None
    assert identify(str(tmp_path)) is None
    assert identify(DEFAULT_MODEL) is not None


def test_an_export_that_gives_other_vectors_than_the_model_is_refused(
    prefixed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = PassageEncoder(str(prefixed))
    embed = model._embed
    monkeypatch.setattr(model, "_embed", lambda texts, prefix: embed(texts, prefix + "other "))
    with pytest.raises(
        ModelError, match=r"export with int8 weights gives other vectors \(cosine .*\), .* set encoder_weights"
    ):
        model.export(tmp_path / "encoder")
