"""Teach the verifier: all-MiniLM-L6-v2, fitted to one task, whether the best sentences answer the question.

    python benchmarks/train_verifier.py --adapters DIR               # half an hour; writes data/verifier.npz
    python benchmarks/train_verifier.py --adapters DIR --left-out 0  # figures on the third of the guides left out

DIR holds what `benchmarks/train_encoder.py --fold I/N` wrote, as for train_ranking.py. Learned from the questions of
the training guides, near misses among them (benchmarks/training/near), with the two best sentences as the retriever
ranks them: those that a sentence among them answers, those that the guide does not answer, and the former once more
with the answering sentences taken away.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import examples
import numpy as np
import torch
from fitting import Fitted, add_options, fit
from sklearn.linear_model import LogisticRegression
from torch import Tensor
from torch.nn import functional
from train_ranking import DATA, SILENT, Case, gather

from wellcited import confidence
from wellcited.logistic import logit
from wellcited.retrieval import in_context
from wellcited.verifier import READ, SHARES, SHIFT, doubtful, reading

SMOOTHED = 0.05
FOLDS = 3
DECLINED = 0.02
"""Of what the guides left out answer, so much may be declined."""


@dataclass(frozen=True)
class Read:
    """A question with its sentences, best first: what is read of them, which answer, and how sure the signs are."""

    kind: str
    question: str
    sentences: list[str]
    answers: list[bool]
    sure: float

    @property
    def answered(self) -> bool:
        return self.kind not in SILENT

    def text(self) -> str:
        return reading(self.question, self.sentences)

    def without_answer(self) -> str:
        pairs = zip(self.sentences, self.answers, strict=True)
        return reading(self.question, [sentence for sentence, answers in pairs if not answers])


def read(case: Case) -> Read:
    """Return a case as the verifier sees it."""
    evidence, leans = (case.alone, 0.0) if case.joined is None else in_context(case.question, case.alone, case.joined)
    texts = evidence.texts(case.layout, confidence.READ)
    found = confidence.signs(case.question, leans, case.stems, evidence, texts, case.lexical, case.elsewhere)
    rows = evidence.rows[evidence.order[: READ + len(case.gold)]].tolist()
    return Read(
        case.kind,
        case.asked,
        [case.layout.headed[row] for row in rows],
        [row in case.gold for row in rows],
        confidence.confidence(found),
    )


def to_learn(cases: Sequence[Read]) -> tuple[list[str], list[float]]:
    """Return texts, and whether the sentences in each answer."""
    texts, answers = [], []
    for case in cases:
        if not case.answered:
            texts.append(case.text())
            answers.append(0.0)
        elif any(case.answers[:READ]):
            texts += [case.text(), case.without_answer()]
            answers += [1.0, 0.0]
    return texts, answers


def describe(model: Fitted, cases: Sequence[Read]) -> str:
    """Return how many silent guides are told, by the signs alone and with the verifier, and what `verifier.py` needs:
    how much the two logits count, and what brings the answers that may be declined under the threshold."""
    found = model.judged([case.text() for case in cases])[:, 0]
    sure = np.array([case.sure for case in cases]).clip(1e-6, 1 - 1e-6)
    signs = np.log(sure / (1 - sure))
    kinds = np.array([case.kind for case in cases])
    answered = ~np.isin(kinds, SILENT)
    of_kind = [(kind, kinds == kind) for kind in SILENT]
    weighed = LogisticRegression(C=100, class_weight="balanced").fit(np.stack([signs, found], axis=1), answered)
    shares = weighed.coef_[0]
    in_doubt = np.vectorize(doubtful)(sure)
    both = np.where(in_doubt, signs * shares[0] + found * shares[1] + weighed.intercept_[0], signs)
    limit = float(np.quantile(both[answered], DECLINED))
    threshold = logit(confidence.threshold())
    shift = weighed.intercept_[0] + threshold - limit
    shipped = np.where(in_doubt, SHARES[0] * signs + SHARES[1] * found + SHIFT, signs) < threshold
    lines = [f"SHARES {shares[0]:.2f}, {shares[1]:.2f} SHIFT {shift:.2f}"]
    declined = [f"{name} {np.mean(shipped[part]):.3f}" for name, part in (("answered", answered), *of_kind)]
    lines.append("\n  declined with the constants of verifier.py: " + ", ".join(declined))
    for name, logits in (("signs", signs), ("with the verifier", both)):
        area = np.mean(logits[answered][:, None] > logits[~answered][None])
        lines.append(f"\n  {name}: AUC {area:.4f}, told at 2, 3 and 5 % wrongly declined")
        for kind, those in of_kind:
            silent = logits[those]
            told = [np.mean(silent < np.quantile(logits[answered], part)) for part in (0.02, 0.03, 0.05)]
            lines.append(f", {kind} " + " ".join(f"{share:.3f}" for share in told))
    return "".join(lines)


def learn(
    model: Fitted, cases: Sequence[Read], judged: Sequence[Read], options: argparse.Namespace, chance: random.Random
) -> None:
    """Fit the model to `cases`, both answers counting alike, and print after each epoch what it makes of `judged`."""
    texts, answers = to_learn(cases)
    wanted = torch.tensor(answers)
    weight = torch.where(wanted == 1, 0.5 / wanted.mean(), 0.5 / (1 - wanted.mean()))

    def loss_of(logits: Tensor, batch: list[int]) -> Tensor:
        smooth = wanted[batch] * (1 - SMOOTHED) + SMOOTHED / 2
        return functional.binary_cross_entropy_with_logits(logits[:, 0], smooth, weight=weight[batch])

    fit(model, texts, loss_of, lambda: describe(model, judged), options, chance)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--adapters", type=Path, required=True)
    parser.add_argument("--left-out", type=int, help="learn from the guides of the other folds, judge on those of this")
    add_options(parser, DATA / "verifier.npz", epochs=2)
    options = parser.parse_args()

    chance = random.Random(options.seed)
    torch.manual_seed(options.seed)
    training, tuning = gather(options.adapters, near=True)
    folds = {guide.name: number % FOLDS for number, guide in enumerate(examples.training_guides())}
    known = [case for case in training if case.kind != "compound" and folds[case.guide] != options.left_out]
    strange = [case for case in training if case.kind != "compound" and folds[case.guide] == options.left_out]
    judged = [read(case) for case in strange or tuning if case.kind != "compound"]
    model = Fitted(1)
    fold = options.left_out
    model.begin_with(DATA / "adapter.npz" if fold is None else options.adapters / f"fold-{fold}.npz")
    learn(model, [read(case) for case in known], judged, options, chance)
    if not options.dry_run and fold is None:
        model.save(options.out)


if __name__ == "__main__":
    main()
