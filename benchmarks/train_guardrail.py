"""Learn the guardrail's head from the labelled messages, and print what it adds to the rules.

    python benchmarks/train_guardrail.py            # cross-validated figures, then safety/data/head.json
    python benchmarks/train_guardrail.py --dry-run  # figures only

Reads benchmarks/safety/train.*.jsonl and, as examples of what needs no referral, tests/safety/ordinary.txt and the
curated questions of the guide. The rules have not seen the training messages. Needs the `index` extra.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from wellcited.datatypes import Message
from wellcited.encoding import PassageEncoder
from wellcited.safety import Guardrail
from wellcited.safety.head import RECENT, decide, signs
from wellcited.safety.rules import TIERS

ROOT = Path(__file__).resolve().parent.parent
SAFETY = ROOT / "benchmarks" / "safety"
OUT = ROOT / "src" / "wellcited" / "safety" / "data" / "head.json"
STRENGTH = 0.3
"""Inverse of the L2 penalty, and below the scales at which it acts on vectors and signs."""
VECTOR_SCALE, SIGN_SCALE = 2.0, 1.5
FOLDS = 5
TALKS = 500
"""Conversations made of ordinary questions: many of them in a row are no reason to refer."""


def read() -> list[dict]:
    cases = [
        json.loads(line)
        for path in sorted(SAFETY.glob("train.*.jsonl"))
        for line in path.read_text("utf-8").splitlines()
    ]
    ordinary = (ROOT / "tests" / "safety" / "ordinary.txt").read_text("utf-8").splitlines()
    questions = (ROOT / "corpus" / "iliopsoas-guide.questions.md").read_text("utf-8").splitlines()
    harmless = [line for line in ordinary if line.strip() and not line.startswith("#")]
    harmless += [line[2:] for line in questions if line.startswith("- ")]
    chance = random.Random(0)
    talks = [[line.strip()] for line in harmless]
    talks += [[line.strip() for line in chance.sample(harmless, chance.choice((2, 3)))] for _ in range(TALKS)]
    return cases + [{"turns": turns, "tier": "none", "accept": ["none"], "given": True} for turns in talks]


def describe(name: str, tiers: list[str], cases: list[dict]) -> str:
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
    parser.add_argument("--dry-run", action="store_true", help="print the figures, write nothing")
    arguments = parser.parse_args()

    cases, rules, encoder = read(), Guardrail.open(), PassageEncoder()
    last = encoder.encode([case["turns"][-1] for case in cases])
    whole = encoder.encode([" ".join(case["turns"][-RECENT:]) for case in cases])
    seen, by_rules = [], []
    for case in cases:
        *earlier, question = case["turns"]
        found = rules.examine(question, [Message(role="user", content=turn) for turn in earlier])
        seen.append(signs(case["turns"], found.tier, found.findings, found.language, found.again))
        by_rules.append(found.tier)
    table = np.hstack([last * VECTOR_SCALE, whole * VECTOR_SCALE, np.array(seen) * SIGN_SCALE])
    labels = np.array([TIERS.index(case["tier"]) for case in cases])

    chances = np.zeros((len(cases), len(TIERS)))
    for inside, outside in StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(table, labels):
        model = LogisticRegression(C=STRENGTH, max_iter=1000).fit(table[inside], labels[inside])
        chances[outside] = model.predict_proba(table[outside])
    both = [decide(tier, tuple(row)) for tier, row in zip(by_rules, chances.tolist(), strict=True)]
    labelled = [number for number, case in enumerate(cases) if "given" not in case]
    for name, tiers in (("rules alone", by_rules), ("rules and head", both)):
        print(describe(name, [tiers[number] for number in labelled], [cases[number] for number in labelled]))

    if arguments.dry_run:
        return
    model = LogisticRegression(C=STRENGTH, max_iter=1000).fit(table, labels)
    scale = np.array([VECTOR_SCALE] * (2 * encoder.dimension) + [SIGN_SCALE] * len(seen[0]))
    weights = (model.coef_ * scale).T
    content = {
        "learned_by": "benchmarks/train_guardrail.py",
        "encoder": encoder.digest,
        "bias": [round(float(value), 4) for value in model.intercept_],
        "weights": [[round(float(value), 4) for value in row] for row in weights],
    }
    OUT.write_text(json.dumps(content, separators=(",", ":")).replace("],[", "],\n[") + "\n", "utf-8")


if __name__ == "__main__":
    main()
