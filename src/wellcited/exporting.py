"""A loaded sentence-transformers model -> ONNX, tokens to unit vectors, its weights in 8 bits unless told otherwise."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wellcited.fusing import fused, sample_texts
from wellcited.manifest import Weights

if TYPE_CHECKING:
    from onnx import ModelProto
    from sentence_transformers import SentenceTransformer

TABLE_ROWS = 5000
"""A table of more rows is one that tokens are looked up in."""
WEIGHTS = ".weights"
ALIGNED = 64
MAPPED_FROM = 1024
"""Weights of fewer bytes stay in the graph."""
BLOCK = 16
"""So many weights share one scale."""
NEAR = 0.999
"""The least mean cosine of the fused model's vectors and of the model's own."""
RECIPES: dict[Weights, int] = {"int8": 2, "float32": 1}
"""Counted up when the same model is exported to what gives other vectors: those of before are then made anew."""


def inputs_of(model: SentenceTransformer) -> list[str]:
    """Return the names of what `model` reads of tokens, in the order in which its export takes them."""
    given = model.preprocess(["a"])
    return [name for name in ("input_ids", "attention_mask", "token_type_ids") if name in given]


def export(model: SentenceTransformer, path: Path, weights: Weights) -> None:
    """Write the ONNX file `path`. Raises what torch's exporter raises, and OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    exported = fused(model, inputs_of(model)) if weights == "int8" else None
    if exported is None or not _near(exported, model):
        exported = _traced(model)
        if weights == "int8":
            exported = _quantized(exported)
    _save(exported, path)


def _near(exported: ModelProto, model: SentenceTransformer) -> bool:
    """Tell whether the vectors of every eighth sample text are those of `model`, or nearly."""
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    options.intra_op_num_threads = 1
    session = InferenceSession(exported.SerializeToString(), options, providers=["CPUExecutionProvider"])
    texts = sorted(sample_texts()[::8], key=len)
    tokens = model.preprocess(texts)
    found = session.run(None, {name: tokens[name].numpy() for name in inputs_of(model)})[0]
    wanted = model.encode(texts, batch_size=len(texts), normalize_embeddings=True, show_progress_bar=False)
    return bool((found * wanted).sum(axis=1).mean() > NEAR)


def _traced(model: SentenceTransformer) -> ModelProto:
    """Return what torch's exporter makes of any model."""
    import torch

    class Pooled(torch.nn.Module):
        """The whole model, tokens to unit vectors, with its inputs in a fixed order."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *inputs: Any) -> Any:
            features = dict(zip(names, inputs, strict=True))
            vectors = self.model(features)["sentence_embedding"]
            return torch.nn.functional.normalize(vectors, p=2, dim=1)

    names = inputs_of(model)
    example = model.preprocess(["one short text", "and another one that is somewhat longer than the first"])
    batch, length = torch.export.Dim("batch"), torch.export.Dim("length", min=2, max=model.get_max_seq_length() or 512)
    with torch.no_grad():
        program = torch.onnx.export(
            Pooled().eval(),
            tuple(example[name] for name in names),
            input_names=names,
            output_names=["vectors"],
            dynamic_shapes=(tuple({0: batch, 1: length} for _ in names),),
            dynamo=True,
            verbose=False,
        )
    assert program is not None  # noqa: S101 - dynamo=True returns the program
    return program.model_proto


def _save(model: ModelProto, path: Path) -> None:
    """Write the graph, and its weights into files beside it: ONNX Runtime maps those, and would copy them twice.

    A table that tokens are looked up in has a file named by its content: models with the same table share it.
    """
    from onnx import TensorProto, numpy_helper
    from onnx.external_data_helper import set_external_data

    for node in model.graph.node:
        del node.metadata_props[:]  # where in Python it came from: twice the size of the graph
    with path.with_suffix(WEIGHTS).open("wb") as others:
        for tensor in model.graph.initializer:
            content = numpy_helper.to_array(tensor).tobytes()
            if len(content) < MAPPED_FROM:
                continue
            if len(tensor.dims) == 2 and tensor.dims[0] > TABLE_ROWS:
                table = path.with_name(hashlib.sha256(content).hexdigest()[:16] + WEIGHTS)
                if not table.exists():
                    table.write_bytes(content)
                name, offset = table.name, 0
            else:
                offset = others.seek(-others.tell() % ALIGNED, os.SEEK_CUR)
                others.write(content)
                name = Path(others.name).name
            tensor.raw_data = content
            set_external_data(tensor, name, offset=offset, length=len(content))
            tensor.ClearField("raw_data")
            tensor.data_location = TensorProto.EXTERNAL
    path.write_bytes(model.SerializeToString())


def _quantized(model: ModelProto) -> ModelProto:
    """Return the model with the weights of its matrix products in 8 bits, a scale for each block of 16.

    Reading the weights from memory is what takes the time of a single question, not computing with them.
    """
    from onnxruntime.quantization.matmul_nbits_quantizer import DefaultWeightOnlyQuantConfig, MatMulNBitsQuantizer

    config = DefaultWeightOnlyQuantConfig(block_size=BLOCK, is_symmetric=True, accuracy_level=4, bits=8)
    quantizer = MatMulNBitsQuantizer(model, algo_config=config)
    quantizer.process()
    quantized: ModelProto = quantizer.model.model
    _halve_embeddings(quantized)
    return quantized


def _halve_embeddings(model: ModelProto) -> None:
    """Keep the tables that tokens are looked up in, most of the file, as 16-bit floats: a row is read as 32 bits again.

    The vectors come no farther from the model's own, and a third less is to be read and verified at every start.
    """
    from onnx import TensorProto, helper, numpy_helper

    tables = {
        table.name: table
        for table in model.graph.initializer
        if table.data_type == TensorProto.FLOAT and len(table.dims) == 2 and table.dims[0] > TABLE_ROWS
    }
    for number, node in reversed(list(enumerate(model.graph.node))):
        table = tables.get(node.input[0]) if node.op_type == "Gather" else None
        if table is None:
            continue
        if table.data_type == TensorProto.FLOAT:
            halved = numpy_helper.to_array(table).astype("float16")
            table.CopyFrom(numpy_helper.from_array(halved, table.name))
        found, node.output[0] = node.output[0], f"{node.output[0]}/halved"
        model.graph.node.insert(number + 1, helper.make_node("Cast", [node.output[0]], [found], to=TensorProto.FLOAT))
