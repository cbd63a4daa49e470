"""Adapt the guardrail's head to readers of our own guide: go on from it, held to what it says.

    python benchmarks/adapt_guardrail.py             # five minutes; writes safety/data/head.json
    python benchmarks/adapt_guardrail.py --dry-run   # how well it fits, before and after

train_guardrail.py reads each message through an encoder that never saw it, and so needs an encoder for every fold. This
goes on with what no encoder was taught the tier of, read through the one that ships: the later messages
(`more*.jsonl`, those of our guide's readers among them), ordinary questions, and questions on our guide, which are
nobody's sign. It learns what is to be added to each weight of the head; the larger `--held`, the less. Rules and words
stay those that the head knows.
"""

from __future__ import annotations

import argparse
import json
import random

import examples
import numpy as np
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import log_softmax
from train_encoder import OUT as ADAPTER
from train_guardrail import OUT, Table, encoder_key, given, labelled, save, tier_layer, vectors_of

from wellcited.safety.rules import TIERS

STEPS = 300


def fits(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean negative logarithm of the probability that the right tier is given."""
    return float(-log_softmax(logits, axis=1)[np.arange(len(labels)), labels].mean())


def to_add(rows: sparse.csr_matrix, before: np.ndarray, labels: np.ndarray, held: float) -> np.ndarray:
    """Return what is to be added to the weights of `rows` (n, columns), of shape (columns, 4).

    `before` (n, 4) are the logits that the head gives them now. Minimises the loss over all rows and half of `held`
    times the squares of what is added: a logistic regression that begins with what is known.
    """
    wanted = np.eye(len(TIERS))[labels]

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        added = flat.reshape(-1, len(TIERS))
        logs = log_softmax(before + rows @ added, axis=1)
        slope = rows.T @ (np.exp(logs) - wanted) + held * added
        return float(held / 2 * (added**2).sum() - (logs * wanted).sum()), slope.ravel()

    start = np.zeros(rows.shape[1] * len(TIERS))
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": STEPS})
    return np.asarray(found.x).reshape(-1, len(TIERS))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--held", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dry-run", action="store_true", help="print the figures, write nothing")
    options = parser.parse_args()

    ours = examples.asked_of_ours(random.Random(options.seed))
    cases = [*labelled("more*.jsonl"), *given(), *(examples.message("none", ["none"], turns) for turns in ours)]
    learned = len(cases)
    cases += labelled("tune*.jsonl")
    head = json.loads(OUT.read_text("utf-8"))
    weights, bias = np.array(head["weights"]), np.array(head["bias"])
    layer, offset = tier_layer(ADAPTER)
    vectors = vectors_of(cases, ADAPTER)
    table = Table(cases, vectors @ layer + offset, (list(head["rules"]), list(head["words"])))
    by_name = np.array([*head["rules"].values(), *head["words"].values()])
    width, tiers = len(layer), len(TIERS)
    named = table.rows[:, table.dense.shape[1] :]
    before = vectors @ weights[:width] + table.dense[:, tiers:] @ weights[width:] + bias + named @ by_name

    rows = sparse.hstack([table.rows, np.ones((len(cases), 1))]).tocsr()
    added = to_add(rows[:learned], before[:learned], table.labels[:learned], options.held)
    for name, logits in (("before", before), ("after", before + rows @ added)):
        inside, outside = (fits(logits[part], table.labels[part]) for part in (np.s_[:learned], np.s_[learned:]))
        print(f"{name}: loss {inside:.4f} on what is learned, {outside:.4f} on the tuning messages")
    if options.dry_run:
        return
    by_layer, by_signs, names, constant = np.split(added, [tiers, table.dense.shape[1], len(added) - 1])
    weights += np.vstack([layer @ by_layer, by_signs])
    save(encoder_key(ADAPTER), bias + offset @ by_layer + constant[0], weights, table, by_name + names)


if __name__ == "__main__":
    main()
