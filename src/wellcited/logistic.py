"""Probabilities and their logits."""

from __future__ import annotations

import math

LARGEST = 30.0
"""Larger logits, and smaller ones than its negative, are as good as certain; e to the power of far larger overflows."""


def logistic(logit: float) -> float:
    """Return the probability (0..1) that `logit` stands for."""
    return 1 / (1 + math.exp(-max(-LARGEST, min(LARGEST, logit))))


def logit(probability: float) -> float:
    """Return the logit of a probability between 0 and 1, neither included."""
    return math.log(probability / (1 - probability))
