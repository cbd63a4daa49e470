"""A BERT that pools by the mean -> ONNX in few, fast steps, most of its matrix products of 8-bit integers.

Products of integers are the fastest that ONNX Runtime has. They demand one scale for all of the input, so each channel
is first brought to about the same reach (SmoothQuant: the norm before it divides by what the weights are multiplied
by), as it was seen over data/samples.txt, and the weights are rounded so that the errors of one make up for those of
another (GPTQ). The products that follow attention and Gelu, whose inputs single numbers stand far out of, keep a
scale for each block instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from onnx import ModelProto
    from sentence_transformers import SentenceTransformer

Array = NDArray[Any]

BALANCE = 0.9
"""How much of the differences in reach between the channels of an input is moved into the weights, 0 to 1."""
LARGEST = 127
PAIRS = 124
"""What two neighbouring weights may sum to before they are rounded, which may add a few."""
DAMPING = 0.01
"""What is added to the moments of the inputs, a share of their mean, so that rounding does not trust the samples."""
STRIDE = 32
"""So many channels are rounded before the rest is told."""
AFTER_ATTENTION, AFTER_GELU = 128, 32
"""So many neighbours of an input share one scale."""
MICROSOFT = "com.microsoft"


def fused(model: SentenceTransformer, names: Sequence[str]) -> ModelProto | None:
    """Return the ONNX model, tokens (`names`) to unit vectors, or None where `model` is made in another way."""
    import torch

    bert = _bert(model)
    if bert is None:
        return None
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the parts are small: threads would wait for each other for longer than they work
    try:
        return _Graph(bert, _inputs(model, bert), names).model()
    finally:
        torch.set_num_threads(threads)


def sample_texts() -> list[str]:
    """Return what readers and guides may say, of many subjects: one text a line of data/samples.txt."""
    return files("wellcited").joinpath("data/samples.txt").read_text("utf-8").splitlines()


def _bert(model: SentenceTransformer) -> Any | None:
    """Return the BERT within `model` where that, and what follows it, is what `_Graph` computes."""
    from sentence_transformers.sentence_transformer.modules import Pooling
    from transformers import BertModel

    modules = list(model)
    bert = getattr(modules[0], "model", None)
    if type(bert) is not BertModel or len(modules) == 1 or not isinstance(modules[1], Pooling):
        return None
    config = bert.config
    fits = (
        config.hidden_act == "gelu"
        and not config.is_decoder
        and getattr(config, "position_embedding_type", None) in (None, "absolute")
        and config.hidden_size % AFTER_ATTENTION == 0
        and config.intermediate_size % AFTER_GELU == 0
        and modules[1].get_config_dict()["pooling_mode"] == "mean"
        and all(type(module).__name__ == "Normalize" for module in modules[2:])
    )
    return bert if fits else None


@dataclass
class _Inputs:
    """What was seen of the inputs of one layer: the reach of each channel, and the moments of all."""

    low: Array
    high: Array
    total: Array
    products: Array
    count: int

    @classmethod
    def of(cls, rows: Any) -> _Inputs:
        low, high, total, products = rows.amin(0), rows.amax(0), rows.sum(0), (rows.T @ rows).double()
        return cls(low.numpy(), high.numpy(), total.numpy(), products.numpy(), len(rows))

    def __add__(self, other: _Inputs) -> _Inputs:
        low, high = np.minimum(self.low, other.low), np.maximum(self.high, other.high)
        count = self.count + other.count
        return _Inputs(low, high, self.total + other.total, self.products + other.products, count)

    def moment(self, middle: Array) -> Array:
        """Return the mean product of every two channels, counted from `middle`."""
        mean = self.total / self.count
        cross = np.outer(middle, mean)
        moment: Array = self.products / self.count - cross - cross.T + np.outer(middle, middle)
        return moment


def _inputs(model: SentenceTransformer, bert: Any) -> dict[str, _Inputs]:
    """Return what the products after each norm are given over the sample texts, by the name of one of them."""
    import torch

    texts = sorted(sample_texts(), key=len)  # like lengths pad little
    found: dict[str, _Inputs] = {}
    real: Any = None

    def noting(name: str) -> Callable[[Any, tuple[Any]], None]:
        def note(_: Any, inputs: tuple[Any]) -> None:
            seen = _Inputs.of(inputs[0][real])
            found[name] = found[name] + seen if name in found else seen

        return note

    read = [pair for pair in bert.encoder.named_modules() if pair[0].endswith(("self.query", "intermediate.dense"))]
    hooks = [layer.register_forward_pre_hook(noting(name)) for name, layer in read]
    try:
        with torch.no_grad():
            for start in range(0, len(texts), STRIDE):
                features = model.preprocess(texts[start : start + STRIDE])
                real = features["attention_mask"].bool()
                model(features)
    finally:
        for hook in hooks:
            hook.remove()
    return found


@dataclass(frozen=True)
class _Stream:
    """The tokens after a norm: as they are, and in 8 bits with what those mean: (x - middle) / (divided * step)."""

    plain: str
    rounded: str
    step: str
    middle: Array
    divided: Array
    moment: Array


class _Graph:
    """The steps, added one after the other."""

    def __init__(self, bert: Any, inputs: dict[str, _Inputs], names: Sequence[str]) -> None:
        self._weights: dict[str, Array] = {name: value.detach().numpy() for name, value in bert.named_parameters()}
        self._config, self._inputs, self._names = bert.config, inputs, names
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}

    def model(self) -> ModelProto:
        """Return the whole."""
        from onnx import TensorProto, helper

        self._constant("none", np.array([0]))
        self._constant("one", np.array([1]))
        self._constant("zero", np.array(128, np.uint8))
        mask = self._add("Cast", ["attention_mask"], to=TensorProto.INT32)
        tokens = self._embedded()
        for number in range(self._config.num_hidden_layers):
            tokens = self._layer(f"encoder.layer.{number}", tokens, mask)
        plain = self._plain(tokens, f"encoder.layer.{number}.output.LayerNorm")
        # The mean of the tokens, and then of unit length: so their sum will do.
        counted = self._add("Unsqueeze", [self._add("Cast", ["attention_mask"], to=TensorProto.FLOAT), "one"])
        total = self._add("Squeeze", [self._add("MatMul", [counted, plain]), "one"])
        self._add("LpNormalization", [total], "vectors", axis=-1, p=2)
        given = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"]) for name in self._names]
        vectors = helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["batch", self._config.hidden_size])
        graph = helper.make_graph(self._nodes, "encoder", given, [vectors], list(self._constants.values()))
        opsets = [helper.make_opsetid("", 20), helper.make_opsetid(MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10)

    def _embedded(self) -> str:
        """Add the look-up of the tokens; of the input `token_type_ids` a text alone has but the first."""
        from onnx import TensorProto

        tables = {
            name: self._weights[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position", "token_type")
        }
        words = self._constant("words", tables["word"].astype(np.float16))
        places = self._constant("places", tables["position"] + tables["token_type"][0])
        length = self._add("Shape", ["input_ids"], start=1, end=2)
        word = self._add("Cast", [self._add("Gather", [words, "input_ids"])], to=TensorProto.FLOAT)
        return self._add("Add", [word, self._add("Slice", [places, "none", length, "none"])])

    def _layer(self, name: str, tokens: str, mask: str) -> str:
        """Add attention and what follows it; `tokens` are not yet normalized, as little as what is returned."""
        number = int(name.rpartition(".")[2])
        before = f"encoder.layer.{number - 1}.output.LayerNorm" if number else "embeddings.LayerNorm"
        own = [f"{name}.attention.self.{part}" for part in ("query", "key", "value")]
        stream = self._normalized(tokens, before, own)
        parts = [self._integers(part, stream) for part in own]
        heads = {"num_heads": self._config.num_attention_heads}
        seen = self._add("MultiHeadAttention", [*parts, "", mask], domain=MICROSOFT, **heads)
        tokens = self._add("Add", [self._blocks(f"{name}.attention.output.dense", seen, AFTER_ATTENTION), stream.plain])
        stream = self._normalized(tokens, f"{name}.attention.output.LayerNorm", [f"{name}.intermediate.dense"])
        active = self._add("Gelu", [self._integers(f"{name}.intermediate.dense", stream)])
        return self._add("Add", [self._blocks(f"{name}.output.dense", active, AFTER_GELU), stream.plain])

    def _plain(self, x: str, norm: str) -> str:
        return self._norm(x, norm, self._weights[f"{norm}.weight"], self._weights[f"{norm}.bias"])

    def _norm(self, x: str, name: str, gain: Array, bias: Array) -> str:
        parts = [self._constant(f"{name}.{what}", part) for what, part in (("gain", gain), ("bias", bias))]
        return self._add("LayerNormalization", [x, *parts], axis=-1, epsilon=self._config.layer_norm_eps)

    def _normalized(self, x: str, norm: str, readers: Sequence[str]) -> _Stream:
        """Add the norm twice: as it is, and brought to 8 bits for the products `readers`."""
        inputs = self._inputs[readers[0].removeprefix("encoder.")]
        middle, reach = (inputs.high + inputs.low) / 2, np.maximum(inputs.high - inputs.low, 1e-5) / 2
        largest = np.max([np.abs(self._weights[f"{name}.weight"]).max(0) for name in readers], axis=0)
        divided = reach**BALANCE / np.maximum(largest, 1e-5) ** (1 - BALANCE)
        step = (reach / divided).max() / LARGEST
        moment = inputs.moment(middle) / np.outer(divided, divided)
        moment[np.diag_indices(len(moment))] += step**2 / 12 + DAMPING * np.diag(moment).mean()
        gain, bias = self._weights[f"{norm}.weight"], self._weights[f"{norm}.bias"]
        even = self._norm(x, f"{norm}.even", gain / divided, (bias - middle) / divided)
        scale = self._constant(f"{norm}.step", np.array(step, np.float32))
        rounded = self._add("QuantizeLinear", [even, scale, "zero"])
        return _Stream(self._plain(x, norm), rounded, scale, middle, divided, moment)

    def _integers(self, layer: str, stream: _Stream) -> str:
        """Add a product of integers: one scale for the input, one for each column of the weights."""
        weight, bias = self._weights[f"{layer}.weight"], self._weights[f"{layer}.bias"]
        wanted = weight * stream.divided
        # Processors without VNNI add two neighbours' products in 16 bits, which two weights of together 128 still fit.
        pairs = np.abs(wanted[:, 0::2] + wanted[:, 1::2]).max(1)
        scale = np.maximum(np.maximum(np.abs(wanted).max(1) / LARGEST, pairs / PAIRS), 1e-9)
        columns = _rounded(wanted.T / scale, stream.moment)
        given = [
            stream.rounded,
            self._constant(f"{layer}.weight", columns.astype(np.int8)),
            stream.step,
            self._constant(f"{layer}.scale", scale),
            "zero",
            "",
            self._constant(f"{layer}.bias", bias + weight @ stream.middle),
        ]
        return self._add("MatMulIntegerToFloat", given, domain=MICROSOFT)

    def _blocks(self, layer: str, x: str, block: int) -> str:
        """Add a product with scales for each block of weights and of the input."""
        weight = self._weights[f"{layer}.weight"]
        parts = weight.reshape(len(weight), -1, block)
        scale = np.maximum(np.abs(parts).max(2), 1e-9) / LARGEST
        given = [
            x,
            self._constant(f"{layer}.weight", (np.rint(parts / scale[..., None]) + 128).astype(np.uint8)),
            self._constant(f"{layer}.scale", scale.ravel()),
            "",
            "",
            self._constant(f"{layer}.bias", self._weights[f"{layer}.bias"]),
        ]
        sizes = {"K": weight.shape[1], "N": len(weight), "bits": 8, "block_size": block, "accuracy_level": 4}
        return self._add("MatMulNBits", given, domain=MICROSOFT, **sizes)

    def _add(self, kind: str, inputs: Sequence[str], output: str = "", **attributes: Any) -> str:
        from onnx import helper

        output = output or f"{kind}.{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def _constant(self, name: str, value: Array) -> str:
        from onnx import numpy_helper

        kept = value.astype(np.float32) if value.dtype == np.float64 else value
        self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(kept), name)
        return name


def _rounded(left: Array, moment: Array) -> Array:
    """Return the rows of `left`, a channel of the input each, as whole numbers of -127 to 127.

    What rounding one channel does to the product is made up for by those that follow, as far as they move together
    in the inputs, whose `moment` it is.
    """
    import torch

    upper = torch.linalg.cholesky(torch.linalg.inv(torch.from_numpy(moment)), upper=True).float()
    rest = torch.from_numpy(left.astype(np.float32))
    for start in range(0, len(rest), STRIDE):
        rows = rest[start : start + STRIDE]
        end = start + len(rows)
        missed = torch.zeros_like(rows)
        for at in range(start, end):
            row = rows[at - start]
            whole = row.round().clamp(-LARGEST, LARGEST)
            missed[at - start] = (row - whole) / upper[at, at]
            rows[at - start + 1 :] -= torch.outer(upper[at, at + 1 : end], missed[at - start])
            rows[at - start] = whole
        rest[end:] -= upper[start:end, end:].T @ missed
    rounded: Array = rest.numpy()
    return rounded
