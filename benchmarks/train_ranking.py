"""Learn the weights of the sentence ranker, of the leaning on context and of the confidence, from many guides.

    python benchmarks/train_ranking.py --adapters DIR            # prints figures, writes src/wellcited/data/
    python benchmarks/train_ranking.py --adapters DIR --dry-run  # prints only

DIR holds `fold-I.npz`, the adapters that `benchmarks/train_encoder.py --fold I/N` wrote: each guide is read through one
that never saw it, so that what is learned here holds for a new guide. The ranker is a listwise softmax over the
sentences of the guide (Cao et al., "Learning to rank: from pairwise to listwise approach", 2007) on linear features; a
follow-up's features are those of the question alone and in its context, mixed by a logistic that is learned with them.
The confidence is a logistic regression on signs and a
few mixtures of them. Figures are printed for guides left out of the learning.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import examples
import numpy as np
import torch
from examples import SILENT, Guide, Question
from torch import Tensor, nn
from torch.nn import functional

from wellcited import confidence, conversation
from wellcited.adapter import Adapter
from wellcited.contents import Contents
from wellcited.corpus.splitting import split
from wellcited.elsewhere import Elsewhere, questions
from wellcited.indexing import lexical_index
from wellcited.layout import Layout, layout
from wellcited.models import PassageEncoder
from wellcited.ranking import FEATURES
from wellcited.retrieval import Evidence, Retriever, blend
from wellcited.search.dense import DenseIndex
from wellcited.search.lexical import LexicalIndex

DATA = Path(__file__).resolve().parent.parent / "src" / "wellcited" / "data"
OWN = "iliopsoas"
EPOCHS = 12
RATE = 0.02
DECAY = 0.1
BATCH = 64
SMALLEST_SPREAD = 0.01
"""A feature that hardly varies over the training questions cannot be weighed by them: its weight is set below."""
BY_HAND = {"curated": 4.0, "curated_sentence": 10.0, "is_question": -1.0}
"""Weights of what the training guides do not hold: curated questions, and sentences that are questions themselves."""
STRANGERS_A_GUIDE = 24
"""So many messages from nowhere are asked of every guide."""
HIDDEN = 32
CONFIDENCE_EPOCHS = 50
FALSE_DECLINES = 0.03
"""The share of answerable questions that the threshold may decline, each judged by weights that never saw its guide."""


@dataclass
class Case:
    """One question, read by the retriever: its evidence alone and in context, and which rows answer."""

    guide: str
    kind: str
    question: str
    asked: str
    alone: Evidence
    joined: Evidence | None
    gold: frozenset[int]
    layout: Layout
    lexical: LexicalIndex
    stems: list[str]
    elsewhere: float

    def cues(self) -> tuple[float, ...]:
        if self.joined is None:
            return (0.0,) * len(conversation.LEANING)
        return conversation.cues(self.question, self.alone.best("sentence"), self.joined.best("sentence"))

    def evidence(self, leaning: np.ndarray) -> tuple[Evidence, float]:
        """The evidence in context, and how much it leans, by these weights."""
        if self.joined is None:
            return self.alone, 0.0
        leans = float(1 / (1 + np.exp(-leaning @ np.array(self.cues()))))
        return blend([(1 - leans, self.alone), (leans, self.joined)]), leans


def open_guide(guide: Guide, encoder: PassageEncoder, elsewhere: Elsewhere) -> Retriever:
    """Index a guide in memory."""
    document = examples.document_of(guide)
    passages = split(document)
    rows = layout([document], passages)
    dense = DenseIndex.build(encoder.encode(rows.texts))
    lexical = lexical_index([document], passages, rows)
    return Retriever(Contents.of([document], passages), dense, lexical, encoder, elsewhere=elsewhere)


def cases(guide: Guide, retriever: Retriever) -> Iterator[Case]:
    """Yield the questions of a guide as the assistant reads them; those whose evidence is not in it are left out."""
    read = list(examples.questions_on(guide, retriever.layout.sentences))
    texts = list(dict.fromkeys(text for _, asked, _ in read for text in (asked.alone, asked.joined) if text))
    vectors = dict(zip(texts, retriever.encode(texts), strict=True))
    for question, asked, rows in read:
        yield Case(
            guide=guide.name,
            kind=question.kind,
            question=asked.alone,
            asked=asked.joined or asked.alone,
            alone=retriever.evidence(asked.alone, vectors[asked.alone]),
            joined=retriever.evidence(asked.joined, vectors[asked.joined]) if asked.joined else None,
            gold=frozenset(rows),
            layout=retriever.layout,
            lexical=retriever.lexical,
            stems=retriever.question_terms(asked.alone),
            elsewhere=retriever.elsewhere(vectors[asked.alone]),
        )


class Ranker(nn.Module):
    """A weight for every feature, and for every cue of leaning."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(len(FEATURES)))
        self.leaning = nn.Parameter(torch.zeros(len(conversation.LEANING)))

    def forward(self, alone: Tensor, joined: Tensor, cues: Tensor, follows: Tensor) -> Tensor:
        leans = (torch.sigmoid(cues @ self.leaning) * follows).unsqueeze(1)
        return (1 - leans) * (alone @ self.weights) + leans * (joined @ self.weights)


def learn_ranking(training: Sequence[Case]) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights of FEATURES and LEANING that maximise the softmax probability of the answering sentences."""
    torch.manual_seed(0)
    spread = np.concatenate([case.alone.features for case in training]).std(axis=0)
    weighed = spread >= SMALLEST_SPREAD
    scale = np.where(weighed, spread, 1.0).astype(np.float32)
    table = [tensors(case, scale, weighed) for case in training]
    ranker = Ranker()
    groups = [{"params": [ranker.weights], "weight_decay": DECAY}, {"params": [ranker.leaning], "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=RATE)
    steps = EPOCHS * -(-len(table) // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    draw = np.random.default_rng(0)
    for _ in range(EPOCHS):
        order = draw.permutation(len(table))
        for start in range(0, len(order), BATCH):
            alone, joined, cues, follows, gold, there = collate([table[i] for i in order[start : start + BATCH]])
            scores = ranker(alone, joined, cues, follows).masked_fill(~there, -1e9)
            chances = functional.log_softmax(scores, dim=1).masked_fill(~gold, -1e9)
            loss = -torch.logsumexp(chances, dim=1).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    weights = np.where(weighed, ranker.weights.detach().numpy() / scale, 0.0)
    for name, weight in BY_HAND.items():
        if not weighed[FEATURES.index(name)]:
            weights[FEATURES.index(name)] = weight
    return weights, ranker.leaning.detach().numpy()


def tensors(case: Case, scale: np.ndarray, weighed: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return a case as arrays: features alone and in context over the same rows, cues, and which rows answer."""
    joined = case.joined or case.alone
    rows = np.union1d(case.alone.rows, joined.rows)
    both = np.zeros((2, len(rows), len(FEATURES)), dtype=np.float32)
    for part, evidence in zip(both, (case.alone, joined), strict=True):
        part[np.searchsorted(rows, evidence.rows)] = evidence.features / scale * weighed
    cues = np.array([*case.cues(), float(case.joined is not None)], dtype=np.float32)
    return both[0], both[1], cues, np.isin(rows, list(case.gold))


def collate(table: Sequence[tuple[np.ndarray, ...]]) -> tuple[Tensor, ...]:
    """Return the cases of a batch as tensors, padded to the longest."""
    longest = max(len(gold) for *_, gold in table)
    alone, joined = (torch.zeros(len(table), longest, len(FEATURES)) for _ in range(2))
    gold, there = (torch.zeros(len(table), longest, dtype=torch.bool) for _ in range(2))
    for number, (one, other, _, answers) in enumerate(table):
        count = len(answers)
        alone[number, :count], joined[number, :count] = torch.from_numpy(one), torch.from_numpy(other)
        gold[number, :count], there[number, :count] = torch.from_numpy(answers), True
    cues = torch.from_numpy(np.stack([row for _, _, row, _ in table]))
    return alone, joined, cues[:, :-1], cues[:, -1], gold, there


def shown_at(tested: Sequence[Case], weights: np.ndarray, leaning: np.ndarray) -> list[float]:
    """Return the share of cases with an answering sentence within 300, 600 and 1200 characters, by rank."""
    found = []
    for case in tested:
        evidence, _ = case.evidence(leaning)
        used = 0
        for position in np.argsort(-(evidence.features @ weights), kind="stable"):
            row = int(evidence.rows[position])
            used += len(case.layout.sentences[row]) + 1
            if row in case.gold:
                break
        else:
            used = 10**9
        found.append([used <= limit for limit in (300, 600, 1200)])
    return [round(float(share), 3) for share in np.mean(found, axis=0)] if found else []


def signs_of(case: Case, weights: np.ndarray, leaning: np.ndarray) -> list[float]:
    """Return the signs of confidence of a case, ranked with these weights."""
    evidence, leans = case.evidence(leaning)
    weighed = Weighed(evidence.rows, evidence.features, weights.astype(np.float32))
    texts = weighed.texts(case.layout)
    found = confidence.signs(case.question, leans, case.stems, weighed, texts, case.lexical, case.elsewhere)
    return [found[name] for name in confidence.SIGNS]


@dataclass(frozen=True)
class Weighed(Evidence):
    """Evidence under weights that are being learned."""

    by: np.ndarray

    @property
    def scores(self) -> np.ndarray:
        return self.features @ self.by


class Mixture(nn.Module):
    """A logistic of standardised signs and of a few tanh units over them."""

    def __init__(self, signs: int) -> None:
        super().__init__()
        self.plain, self.hidden, self.mixture = nn.Linear(signs, 1), nn.Linear(signs, HIDDEN), nn.Linear(HIDDEN, 1)

    def forward(self, table: Tensor) -> Tensor:
        return (self.plain(table) + self.mixture(torch.tanh(self.hidden(table)))).squeeze(1)


@dataclass(frozen=True)
class Confidence:
    """What confidence.json holds, standardisation folded into the weights."""

    weights: np.ndarray
    bias: float
    mixture: np.ndarray
    hidden: np.ndarray
    hidden_bias: np.ndarray

    def logits(self, table: np.ndarray) -> np.ndarray:
        return table @ self.weights + self.bias + np.tanh(table @ self.hidden.T + self.hidden_bias) @ self.mixture

    def as_json(self) -> dict[str, object]:
        units = [
            {
                "mixture": round(float(mixture), 5),
                "bias": round(float(bias), 5),
                "weights": named(confidence.SIGNS, row),
            }
            for mixture, bias, row in zip(self.mixture, self.hidden_bias, self.hidden, strict=True)
        ]
        return {"bias": round(self.bias, 5), "weights": named(confidence.SIGNS, self.weights), "hidden": units}


def learn_confidence(table: np.ndarray, answerable: np.ndarray) -> Confidence:
    """Return a logistic regression with hidden units, in which both classes weigh the same."""
    torch.manual_seed(0)
    mean, spread = table.mean(axis=0), table.std(axis=0) + 1e-6
    signs = torch.from_numpy(((table - mean) / spread).astype(np.float32))
    wanted = torch.from_numpy(answerable.astype(np.float32))
    weight = torch.where(wanted == 1, 1.0, wanted.mean() / (1 - wanted.mean()))
    model = Mixture(table.shape[1])
    optimiser = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, CONFIDENCE_EPOCHS * -(-len(table) // 256))
    for _ in range(CONFIDENCE_EPOCHS):
        for rows in torch.randperm(len(table)).split(256):
            loss = functional.binary_cross_entropy_with_logits(model(signs[rows]), wanted[rows], weight=weight[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    plain, hidden = model.plain.weight.detach().numpy()[0] / spread, model.hidden.weight.detach().numpy() / spread
    bias = float(model.plain.bias.detach() + model.mixture.bias.detach())
    return Confidence(
        weights=plain,
        bias=bias - float(plain @ mean),
        mixture=model.mixture.weight.detach().numpy()[0],
        hidden=hidden,
        hidden_bias=model.hidden.bias.detach().numpy() - hidden @ mean,
    )


def gather(folder: Path, near: bool = False) -> tuple[list[Case], list[Case]]:
    """Return the training questions, each read through the adapter that never saw its guide, and the tuning ones.

    The former with the pairs of benchmarks/training/near where `near` is set.
    """
    adapters = sorted(folder.glob("fold-*.npz"))
    guides = list(examples.training_guides(near))
    training: list[Case] = []
    draw = random.Random(0)
    foreign = examples.strangers()
    for fold, path in enumerate(adapters):
        encoder = PassageEncoder(adapter=Adapter(path.read_bytes()))
        elsewhere = Elsewhere(encoder.encode(questions()))
        for guide in guides[fold :: len(adapters)]:
            asked = [Question("offtopic", (text,), ()) for text in draw.sample(foreign, STRANGERS_A_GUIDE)]
            guide = replace(guide, questions=(*guide.questions, *asked))
            training.extend(cases(guide, open_guide(guide, encoder, elsewhere)))
        print(f"{path.name}: {len(training)} questions", flush=True)
    tuning: list[Case] = []
    encoder = PassageEncoder()
    elsewhere = Elsewhere(encoder.encode(questions()))
    asked = tuple(Question("offtopic", (text,), ()) for text in examples.strangers(held=True))
    for guide in examples.part_guides("tune"):
        guide = replace(guide, questions=(*guide.questions, *asked))
        tuning.extend(cases(guide, open_guide(guide, encoder, elsewhere)))
    return training, tuning


def report(
    name: str, tested: Sequence[Case], weights: np.ndarray, leaning: np.ndarray, logits: np.ndarray, limit: float
) -> None:
    """Print what the reader is shown by kind, and what is declined."""
    print(name)
    for kind in ("single", "followup", "switch", "compound", *SILENT):
        chosen = [number for number, case in enumerate(tested) if case.kind == kind]
        if chosen:
            shown = shown_at([tested[i] for i in chosen], weights, leaning) if kind not in SILENT else ""
            print(f"  {kind:13}{len(chosen):6}  declined {np.mean(logits[chosen] < limit):.3f}  {shown}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--adapters", type=Path, required=True)
    parser.add_argument("--dry-run", action="store_true", help="print the figures, write nothing")
    arguments = parser.parse_args()
    training, tuning = gather(arguments.adapters)

    names = sorted({case.guide for case in training})
    logits = np.zeros(len(training))
    answerable = np.array([case.kind not in SILENT for case in training])
    part = np.array([names.index(case.guide) % 4 for case in training])
    for left in range(4):
        inside = [case for case, number in zip(training, part, strict=True) if number != left]
        weights, leaning = learn_ranking([case for case in inside if case.gold and case.kind != "compound"])
        table = np.array([signs_of(case, weights, leaning) for case in training])
        model = learn_confidence(table[part != left], answerable[part != left])
        logits[part == left] = model.logits(table[part == left])
        outside = [case for case, number in zip(training, part, strict=True) if number == left]
        for kind in ("single", "followup", "switch"):
            tested = [case for case in outside if case.kind == kind]
            print(f"left out {left} {kind:9}{len(tested):6} {shown_at(tested, weights, leaning)}", flush=True)
    limit = float(np.quantile(logits[answerable], FALSE_DECLINES))

    weights, leaning = learn_ranking([case for case in training if case.gold and case.kind != "compound"])
    model = learn_confidence(np.array([signs_of(case, weights, leaning) for case in training]), answerable)
    report("all training guides (confidence judged left out)", training, weights, leaning, logits, limit)
    own = np.array([case.guide == OWN for case in training])
    report("our own guide", [case for case in training if case.guide == OWN], weights, leaning, logits[own], limit)
    judged = model.logits(np.array([signs_of(case, weights, leaning) for case in tuning]))
    report("tuning questions", tuning, weights, leaning, judged, limit)
    if arguments.dry_run:
        return
    write("ranking.json", {"weights": named(FEATURES, weights)})
    write("leaning.json", {"weights": named(conversation.LEANING, leaning)})
    threshold = round(float(1 / (1 + np.exp(-limit))), 4)
    write("confidence.json", {"threshold": threshold, **model.as_json()})


def named(names: Sequence[str], values: np.ndarray) -> dict[str, float]:
    return {name: round(float(value), 5) for name, value in zip(names, values, strict=True)}


def write(name: str, table: dict[str, object]) -> None:
    text = json.dumps({"learned_by": "benchmarks/train_ranking.py", **table}, indent=1)
    (DATA / name).write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
