"""A BERT that pools by the mean runs in fewer steps; any other model is exported as before."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from conftest import Built, write_tiny_corpus
from onnx import numpy_helper
from test_models import TEXTS, make_model

from wellcited import bundle, exporting, indexing, models
from wellcited.encoding import ONNX_FILE, QueryEncoder
from wellcited.fusing import _rounded
from wellcited.indexing import build_index
from wellcited.manifest import ModelInfo
from wellcited.models import DEFAULT_MODEL, PassageEncoder
from wellcited.settings import Settings

HELD = [
    "How long should I hold the stretch on each side?",
    "The kettle should be descaled once a month where the water is hard.",
    "I fell off the ladder yesterday and my hip has hurt ever since",
    "Is parking free after six, and may I pay by card?",
    "What does the warranty cover when the screen cracks in the second year",
    "Press on the muscle for 30 to 90 seconds, and breathe.",
    "wie oft darf ich das am Tag machen?",
    "ok",
]


def steps(folder: Path) -> list[str]:
    return [node.op_type for node in onnx.load(folder / ONNX_FILE, load_external_data=False).graph.node]


def is_fused(folder: Path) -> bool:
    return "MatMulIntegerToFloat" in steps(folder)


def test_the_default_model_takes_few_steps_and_its_vectors_stay_near_to_the_models_own(tiny: Built) -> None:
    folder = tiny.build.folder / bundle.ENCODER
    assert is_fused(folder)
    assert len(steps(folder)) < 120
    cosines = (QueryEncoder(folder).encode_passages(HELD) * PassageEncoder(DEFAULT_MODEL).encode(HELD)).sum(axis=1)
    assert cosines.mean() > 0.9993
    assert cosines.min() > 0.998


def test_no_two_neighbouring_weights_are_too_large_for_16_bits_together(tiny: Built, tmp_path: Path) -> None:
    # A copy: another build may share the files, and onnx reads no weights from a file that has two names.
    shutil.copytree(tiny.build.folder / bundle.ENCODER, tmp_path / "encoder")
    graph = onnx.load(tmp_path / "encoder" / ONNX_FILE).graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    found = [node.input[1] for node in graph.node if node.op_type == "MatMulIntegerToFloat"]
    assert len(found) == 24
    for name in found:
        weights = numpy_helper.to_array(constants[name]).astype(int)
        assert np.abs(weights[0::2] + weights[1::2]).max() <= 128


def test_another_bert_that_pools_by_the_mean_is_fused_too(tmp_path: Path) -> None:
    model = PassageEncoder(str(make_model(tmp_path, "mean", hidden=128)))
    model.export(tmp_path / "encoder")
    assert is_fused(tmp_path / "encoder")
    exported = QueryEncoder(tmp_path / "encoder")
    assert (exported.encode_passages(TEXTS) * model.encode(TEXTS)).sum(axis=1).min() > 0.998


@pytest.mark.parametrize(("pooling", "hidden"), [("cls", 128), ("mean", 24)])
def test_a_model_of_another_make_is_exported_as_torch_writes_it(tmp_path: Path, pooling: str, hidden: int) -> None:
    model = PassageEncoder(str(make_model(tmp_path, pooling, hidden=hidden)))
    model.export(tmp_path / "encoder")
    assert not is_fused(tmp_path / "encoder")
    exported = QueryEncoder(tmp_path / "encoder")
    assert (exported.encode_passages(TEXTS) * model.encode(TEXTS)).sum(axis=1).min() > 0.99


def test_a_fused_model_whose_vectors_are_not_near_enough_is_exported_as_torch_writes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = PassageEncoder(str(make_model(tmp_path, "mean", hidden=128)))
    monkeypatch.setattr(exporting, "NEAR", 1.1)
    model.export(tmp_path / "encoder")
    assert not is_fused(tmp_path / "encoder")


def test_rounding_one_weight_is_made_up_for_by_those_that_move_with_it() -> None:
    chance = np.random.default_rng(3)
    inputs = chance.standard_normal((400, 8)) @ chance.standard_normal((8, 48)) + 0.1 * chance.standard_normal(
        (400, 48)
    )
    weights = chance.uniform(-20, 20, (48, 12))
    rounded = _rounded(weights, inputs.T @ inputs / 400)
    assert np.array_equal(rounded, np.rint(rounded))
    missed, plainly = (np.square(inputs @ (found - weights)).mean() for found in (rounded, np.rint(weights)))
    assert missed < 0.3 * plainly


def test_vectors_of_another_way_of_exporting_are_not_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ModelInfo(name="m", digest="d").vectors_key != ModelInfo(name="m", digest="d", recipe=2).vectors_key
    corpus = write_tiny_corpus(tmp_path / "corpus")
    settings = Settings(corpus=corpus, index=tmp_path / "index", model=str(make_model(tmp_path, "mean")))
    first = build_index(settings=settings)
    assert build_index(settings=settings).reused
    for room in (models, indexing):
        monkeypatch.setattr(room, "RECIPES", {"int8": 99, "float32": 99})
    second = build_index(settings=settings)
    assert second.build_id != first.build_id
    assert second.embedded == first.embedded > 0
