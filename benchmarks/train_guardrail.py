"""Learn the guardrail's head from the labelled messages, and print what it adds to the rules.

    python benchmarks/train_guardrail.py --adapters DIR            # figures, then safety/data/head.json
    python benchmarks/train_guardrail.py --adapters DIR --dry-run  # figures only

The encoder was taught the tiers together with a linear layer over its vectors (benchmarks/train_encoder.py). Here that
layer is weighed against what the rules found and against words and pairs of words. DIR holds `fold-I.npz` and
`full.npz`: each message is read through the encoder and the layer that never saw it, so that both are trusted as far as
they can be on new messages. Reads benchmarks/safety/train*.jsonl, the harmless messages that the encoder was given,
more*.jsonl, which no encoder has seen, and as examples of what needs no referral tests/safety/ordinary.txt and the
curated questions of the guide.

Prints the figures on messages left out in turn, drawn at random and by whole category (then the layer knows messages of
that category, but words and rules have no weight from it), and the risk curve from which `COSTS` was chosen.
"""

from __future__ import annotations

import argparse
import json
import math
import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import examples
import numpy as np
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, StratifiedKFold

from wellcited.adapter import Adapter
from wellcited.datatypes import Message, Tier
from wellcited.models import DEFAULT_WEIGHTS_SHA256, PassageEncoder
from wellcited.safety import Guardrail, opinion
from wellcited.safety.head import LONGEST, RECENT, WORDS_LENGTH, signs, terms, traces
from wellcited.safety.opinion import decide
from wellcited.safety.rules import TIERS

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "src" / "wellcited" / "safety" / "data" / "head.json"
STRENGTH = 0.3
"""Inverse of the L2 penalty."""
FOLDS = 5
TALKS = 500
"""Conversations made of ordinary questions: many of them in a row are no reason to refer."""
IN_MESSAGES = 5
"""A word or pair of words counts from so many messages on; a rule, from so many messages that it matched."""
SCALES = (0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0)
"""Of the risk curve: so much more or less cautious than `COSTS`."""


class Table:
    """All messages as the head reads them: a dense part, then the weights of names (rules, words)."""

    def __init__(
        self,
        cases: Sequence[dict[str, Any]],
        logits: np.ndarray,
        known: tuple[Sequence[str], Sequence[str]] | None = None,
    ) -> None:
        """`known` are the rules and words that have a weight; without them, all that are met often enough."""
        rules = Guardrail.open()
        self.cases = cases
        self.by_rules: list[Tier] = []
        self.firm: list[bool] = []
        dense, names = [], []
        for case in cases:
            *earlier, question = case["turns"]
            found = rules.examine(question, [Message(role="user", content=turn) for turn in earlier])
            self.by_rules.append(found.tier)
            self.firm.append(rules.is_firm(case["turns"], found.findings))
            dense.append(signs(case["turns"], found.tier, found.findings, found.language, found.again))
            said = terms([rules.forms(turn[-LONGEST:]) for turn in case["turns"][-RECENT:]])
            names.append((traces(found.findings), said))
        self.dense = np.hstack([logits, np.array(dense)])
        self.rules, self.words = known or (_often(left for left, _ in names), _often(said for _, said in names))
        self.rows = sparse.hstack(
            [
                sparse.csr_matrix(self.dense),
                _named((left for left, _ in names), self.rules),
                _named((said for _, said in names), self.words, WORDS_LENGTH),
            ]
        ).tocsr()
        self.labels = np.array([TIERS.index(case["tier"]) for case in cases])

    def left_out(self, parts: Iterable[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
        """Return the probabilities of each message from a head that was learned without it."""
        chances = np.zeros((len(self.cases), len(TIERS)))
        for inside, outside in parts:
            chances[outside] = fitted(self.rows[inside], self.labels[inside]).predict_proba(self.rows[outside])
        return chances

    def told(self, chances: np.ndarray) -> list[Tier]:
        """Return the tiers that rules and head give together."""
        return [
            decide(tier, tuple(row), firm)
            for tier, row, firm in zip(self.by_rules, chances.tolist(), self.firm, strict=True)
        ]


def fitted(rows: sparse.csr_matrix, labels: np.ndarray) -> LogisticRegression:
    return LogisticRegression(C=STRENGTH, max_iter=3000).fit(rows, labels)


def _often(sets: Iterable[set[str]]) -> list[str]:
    counts: dict[str, int] = {}
    for names in sets:
        for name in names:
            counts[name] = counts.get(name, 0) + 1
    return sorted(name for name, count in counts.items() if count >= IN_MESSAGES)


def _named(sets: Iterable[set[str]], names: Sequence[str], length: float | None = None) -> sparse.csr_matrix:
    """Return a row per set with 1 for each name that it holds; with `length`, each row is as long as that."""
    column = {name: number for number, name in enumerate(names)}
    rows, columns, values = [], [], []
    for row, found in enumerate(sets):
        known = [column[name] for name in found if name in column]
        rows += [row] * len(known)
        columns += known
        values += [length / math.sqrt(len(known)) if length else 1.0] * len(known)
    return sparse.csr_matrix((values, (rows, columns)), shape=(row + 1, len(names)))


def given() -> list[dict[str, Any]]:
    """Return ordinary questions, alone and several in a row, that no adapter has seen."""
    harmless = examples.ordinary_questions() + examples.strangers()
    chance = random.Random(0)
    talks = [[line] for line in harmless] + [chance.sample(harmless, chance.choice((2, 3))) for _ in range(TALKS)]
    return [examples.message("none", ["none"], turns) for turns in talks]


def labelled(pattern: str) -> list[dict[str, Any]]:
    """Return the labelled messages of the files that match, with their categories."""
    return [
        {**message, "category": case["category"]}
        for message, case in zip(examples.read_messages(pattern), examples.read_cases(pattern), strict=True)
    ]


def logits_of(cases: list[dict[str, Any]], path: Path) -> np.ndarray:
    """Return what the encoder and the layer of an adapter give each tier, of shape (len(cases), 4)."""
    weight, bias = tier_layer(path)
    logits: np.ndarray = vectors_of(cases, path) @ weight + bias
    return logits


def vectors_of(cases: Sequence[dict[str, Any]], path: Path) -> np.ndarray:
    """Return what the encoder changed by an adapter makes of the last message and of the latest ones together, of shape
    (len(cases), 2 x dimension)."""
    encoder = PassageEncoder(adapter=Adapter(path.read_bytes()))
    texts = list(dict.fromkeys(case[part] for case in cases for part in ("last", "whole")))
    at = {text: row for row, text in enumerate(texts)}
    vectors = encoder.encode(texts)
    return np.hstack([vectors[[at[case[part]] for case in cases]] for part in ("last", "whole")])


def encoder_key(path: Path) -> str:
    """Return how the head names the encoder it goes with: the default model changed by the adapter in a file."""
    return f"{DEFAULT_WEIGHTS_SHA256}+{Adapter(path.read_bytes()).digest}"


def tier_layer(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return weights (2 x dimension, 4) and bias (4,) of the tiers that stand in an adapter's file."""
    with np.load(path) as tables:
        return tables["tiers/weight"].T, tables["tiers/bias"]


def describe(name: str, tiers: Sequence[str], cases: Sequence[dict[str, Any]]) -> str:
    def share(tier: str, good: set[str]) -> str:
        of = [told for told, case in zip(tiers, cases, strict=True) if case["tier"] == tier]
        return f"{np.mean([told in good for told in of]):.3f}"

    referred = set(TIERS[1:])
    needless = np.mean(
        [
            told != "none" and told not in case["accept"]
            for told, case in zip(tiers, cases, strict=True)
            if case["tier"] == "none"
        ]
    )
    return (
        f"{name:34} emergency referred {share('emergency', referred)}, told {share('emergency', set(TIERS[2:]))}; "
        f"urgent {share('urgent', referred)}; professional {share('professional', referred)}; needless {needless:.3f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--adapters", type=Path, required=True)
    parser.add_argument("--dry-run", action="store_true", help="print the figures, write nothing")
    arguments = parser.parse_args()

    folds = sorted(arguments.adapters.glob("fold-*.npz"))
    read_by_encoder = list(examples.messages_to_learn())
    first = labelled("train*.jsonl")
    more = labelled("more*.jsonl")
    # The order is the encoder's: the adapter of fold I left out number I modulo N. What comes after, none has seen.
    cases = [*first, *read_by_encoder[len(first) :], *given(), *more]
    logits = np.zeros((len(cases), len(TIERS)))
    for fold, path in enumerate(folds):
        logits[fold :: len(folds)] = logits_of(cases[fold :: len(folds)], path)
    table = Table(cases, logits)

    judged = [number for number, case in enumerate(cases) if "category" in case]

    def show(name: str, tiers: Sequence[str]) -> None:
        print(describe(name, [tiers[number] for number in judged], [cases[number] for number in judged]), flush=True)

    drawn = StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(table.rows, table.labels)
    chances = table.left_out(list(drawn))
    show("rules alone", table.by_rules)
    show("rules and head", table.told(chances))
    names = sorted({case["category"] for case in cases if "category" in case})
    groups = [
        names.index(case["category"]) if "category" in case else len(names) + number
        for number, case in enumerate(cases)
    ]
    apart = table.left_out(list(GroupKFold(FOLDS).split(table.rows, table.labels, groups)))
    show("... by whole category", table.told(apart))
    print("risk curve: rules and head, missing things being so many times as costly as now")
    costs = opinion.COSTS
    for scale in SCALES:
        opinion.COSTS = (costs[0], *(cost * scale for cost in costs[1:]))
        show(f"  x {scale}", table.told(chances))
    opinion.COSTS = costs

    if arguments.dry_run:
        return
    model = fitted(table.rows, table.labels)
    layer, seen = len(TIERS), table.dense.shape[1]
    by_layer, by_signs, by_name = model.coef_[:, :layer].T, model.coef_[:, layer:seen].T, model.coef_[:, seen:].T
    weight, bias = tier_layer(arguments.adapters / "full.npz")
    weights, offset = np.vstack([weight @ by_layer, by_signs]), bias @ by_layer + model.intercept_
    save(encoder_key(arguments.adapters / "full.npz"), offset, weights, table, by_name)


def save(encoder: str, bias: np.ndarray, weights: np.ndarray, table: Table, by_name: np.ndarray) -> None:
    """Write the head: `bias` (4,), `weights` (2 x dimension + 16, 4) and `by_name` (rules and words, 4)."""
    named = [[round(float(value), 3) for value in row] for row in by_name]
    content = {
        "learned_by": "benchmarks/train_guardrail.py",
        "encoder": encoder,
        "bias": [round(float(value), 4) for value in bias],
        "weights": [[round(float(value), 4) for value in row] for row in weights],
        "rules": dict(zip(table.rules, named[: len(table.rules)], strict=True)),
        "words": dict(zip(table.words, named[len(table.rules) :], strict=True)),
    }
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False)
    OUT.write_text(text.replace("],[", "],\n[").replace('],"', '],\n"') + "\n", "utf-8")


if __name__ == "__main__":
    main()
