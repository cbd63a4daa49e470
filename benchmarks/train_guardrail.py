"""Learn the guardrail's head from the labelled messages, and print what it adds to the rules.

    python benchmarks/train_guardrail.py --adapters DIR            # figures, then safety/data/head.json
    python benchmarks/train_guardrail.py --adapters DIR --dry-run  # figures only

The encoder was taught the tiers together with a linear layer over its vectors (benchmarks/train_encoder.py). Here that
layer is weighed against what the rules found. DIR holds `fold-I.npz` and `full.npz`: each message is read through the
encoder and the layer that never saw it, so that both are trusted as far as they can be on new messages. Reads
benchmarks/safety/train*.jsonl, the harmless messages that the encoder was given, and as examples of what needs no
referral tests/safety/ordinary.txt and the curated questions of the guide. The rules have not seen these messages.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path
from typing import Any

import examples
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from wellcited.adapter import Adapter
from wellcited.datatypes import Message
from wellcited.models import DEFAULT_WEIGHTS_SHA256, PassageEncoder
from wellcited.safety import Guardrail
from wellcited.safety.head import decide, signs
from wellcited.safety.rules import TIERS

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "src" / "wellcited" / "safety" / "data" / "head.json"
STRENGTH = 0.3
"""Inverse of the L2 penalty."""
FOLDS = 5
TALKS = 500
"""Conversations made of ordinary questions: many of them in a row are no reason to refer."""


def given() -> list[dict[str, Any]]:
    """Return ordinary questions, alone and several in a row, that no adapter has seen."""
    ordinary = (ROOT / "tests" / "safety" / "ordinary.txt").read_text("utf-8").splitlines()
    questions = (ROOT / "corpus" / "iliopsoas-guide.questions.md").read_text("utf-8").splitlines()
    harmless = [line.strip() for line in ordinary if line.strip() and not line.startswith("#")]
    harmless += [line[2:].strip() for line in questions if line.startswith("- ")] + examples.strangers(1)
    chance = random.Random(0)
    talks = [[line] for line in harmless] + [chance.sample(harmless, chance.choice((2, 3))) for _ in range(TALKS)]
    return [{**examples.message("none", ["none"], turns), "given": True} for turns in talks]


def logits_of(cases: list[dict[str, Any]], path: Path) -> np.ndarray:
    """Return what the encoder and the layer of an adapter give each tier, of shape (len(cases), 4)."""
    content = path.read_bytes()
    encoder = PassageEncoder(adapter=Adapter(content))
    last, whole = (encoder.encode([case[part] for case in cases]) for part in ("last", "whole"))
    weight, bias = tier_layer(path)
    logits: np.ndarray = np.hstack([last, whole]) @ weight + bias
    return logits


def tier_layer(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return weights (2 x dimension, 4) and bias (4,) of the tiers that stand in an adapter's file."""
    with np.load(path) as tables:
        return tables["tiers/weight"].T, tables["tiers/bias"]


def describe(name: str, tiers: list[str], cases: list[dict[str, Any]]) -> str:
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
        f"{name:22} emergency referred {share('emergency', referred)}, told {share('emergency', set(TIERS[2:]))}; "
        f"urgent {share('urgent', referred)}; professional {share('professional', referred)}; needless {needless:.3f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--adapters", type=Path, required=True)
    parser.add_argument("--dry-run", action="store_true", help="print the figures, write nothing")
    arguments = parser.parse_args()

    folds = sorted(arguments.adapters.glob("fold-*.npz"))
    cases = [*examples.messages_to_learn(), *given()]
    logits = np.zeros((len(cases), len(TIERS)))
    for fold, path in enumerate(folds):
        logits[fold :: len(folds)] = logits_of(cases[fold :: len(folds)], path)
    rules = Guardrail.open()
    seen, by_rules = [], []
    for case in cases:
        *earlier, question = case["turns"]
        found = rules.examine(question, [Message(role="user", content=turn) for turn in earlier])
        seen.append(signs(case["turns"], found.tier, found.findings, found.language, found.again))
        by_rules.append(found.tier)
    table = np.hstack([logits, np.array(seen)])
    labels = np.array([TIERS.index(case["tier"]) for case in cases])

    chances = np.zeros((len(cases), len(TIERS)))
    for inside, outside in StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(table, labels):
        model = LogisticRegression(C=STRENGTH, max_iter=3000).fit(table[inside], labels[inside])
        chances[outside] = model.predict_proba(table[outside])
    both = [decide(tier, tuple(row)) for tier, row in zip(by_rules, chances.tolist(), strict=True)]
    labelled = [number for number, case in enumerate(cases) if "given" not in case]
    for name, tiers in (("rules alone", by_rules), ("rules and head", both)):
        print(describe(name, [tiers[number] for number in labelled], [cases[number] for number in labelled]))

    if arguments.dry_run:
        return
    model = LogisticRegression(C=STRENGTH, max_iter=3000).fit(table, labels)
    by_layer, by_signs = model.coef_[:, : len(TIERS)].T, model.coef_[:, len(TIERS) :].T
    weight, bias = tier_layer(arguments.adapters / "full.npz")
    weights, offset = np.vstack([weight @ by_layer, by_signs]), bias @ by_layer + model.intercept_
    content = {
        "learned_by": "benchmarks/train_guardrail.py",
        "encoder": f"{DEFAULT_WEIGHTS_SHA256}+{Adapter((arguments.adapters / 'full.npz').read_bytes()).digest}",
        "bias": [round(float(value), 4) for value in offset],
        "weights": [[round(float(value), 4) for value in row] for row in weights],
    }
    OUT.write_text(json.dumps(content, separators=(",", ":")).replace("],[", "],\n[") + "\n", "utf-8")


if __name__ == "__main__":
    main()
