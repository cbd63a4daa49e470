"""Numbers with their intervals: shares, quantiles and the risk-coverage curve. Pure functions of sequences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import sqrt

import numpy as np
import numpy.typing as npt

from wellcited.datatypes import Value

RESAMPLES = 2000
SEED = 20260101
_Z = 1.959963984540054  # the 97.5 % point of the normal distribution
_AT_ONCE = 2_000_000  # indices drawn at a time, which bounds the memory to tens of megabytes
_Floats = npt.NDArray[np.float64]
_Indices = npt.NDArray[np.intp]


class Score(Value):
    """A measured number with its 95 % interval; all three are None where there was nothing to measure.

    `of` is what it was measured on (questions, or quoted sentences); `hits` how many of them, for a share.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    hits: int | None = None
    of: int = 0


def share(hits: Sequence[int], of: Sequence[int]) -> Score:
    """sum(hits) / sum(of), one pair a question, with the percentile bootstrap over questions.

    Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13; 2000 seeded resamples. Questions
    are what is drawn, so sentences of one question stay together. Where all agree the interval has no width.
    """
    pairs = [(hit, out_of) for hit, out_of in zip(hits, of, strict=True) if out_of]
    if not pairs:
        return Score(hits=0)
    table = np.array(pairs, dtype=np.float64)

    def ratios(drawn: _Indices) -> _Floats:
        sums = table[drawn].sum(axis=1)
        return np.asarray(sums[:, 0] / sums[:, 1])

    total_hits, total = (int(column) for column in table.sum(axis=0))
    low, high = _interval(ratios, len(pairs))
    return Score(value=total_hits / total, low=low, high=high, hits=total_hits, of=total)


def quantile(values: Sequence[float], q: float) -> Score:
    """The q-quantile (0..1, linear between neighbours) with its bootstrap interval, in the unit of the values."""
    if not values:
        return Score()
    table = np.array(values, dtype=np.float64)
    low, high = _interval(lambda drawn: np.asarray(np.quantile(table[drawn], q, axis=1)), len(values))
    return Score(value=float(np.quantile(table, q)), low=low, high=high, of=len(values))


def wilson(hits: int, of: int) -> Score:
    """hits / of with the score interval of Wilson, JASA 22 (1927) 209-212, which keeps its width at 0 and 1."""
    if not of:
        return Score(hits=0)
    p, z2 = hits / of, _Z * _Z
    middle = (p + z2 / (2 * of)) / (1 + z2 / of)
    half = _Z / (1 + z2 / of) * sqrt(p * (1 - p) / of + z2 / (4 * of * of))
    low = 0.0 if hits == 0 else max(0.0, middle - half)
    high = 1.0 if hits == of else min(1.0, middle + half)
    return Score(value=p, low=low, high=high, hits=hits, of=of)


def risk_coverage(confidence: Sequence[float], wrong: Sequence[bool]) -> list[tuple[float, float]]:
    """The curve of (coverage, risk), both 0..1: the share of errors among the i most confident, for i = 1..n.

    El-Yaniv and Wiener, JMLR 11 (2010) 1605-1641. Questions of equal confidence share their errors evenly, as they
    would on average in random order, so the curve does not depend on the order of the file.
    """
    risks = _risks(np.array(confidence, dtype=np.float64), np.array(wrong, dtype=np.float64))
    return [((i + 1) / len(risks), float(risk)) for i, risk in enumerate(risks)]


def aurc(confidence: Sequence[float], wrong: Sequence[bool]) -> Score:
    """The area under the risk-coverage curve, lower is better, with its bootstrap interval.

    The mean of the n risks: Geifman, Uziel and El-Yaniv, ICLR 2019, arXiv:1805.08206.
    """
    if not confidence:
        return Score()
    sure, bad = np.array(confidence, dtype=np.float64), np.array(wrong, dtype=np.float64)
    low, high = _interval(lambda drawn: np.array([_risks(sure[row], bad[row]).mean() for row in drawn]), len(sure))
    return Score(value=float(_risks(sure, bad).mean()), low=low, high=high, of=len(sure))


def best_aurc(wrong: Sequence[bool]) -> float | None:
    """The area that a confidence placing every error last would reach; None where nothing was measured."""
    errors = np.array(wrong, dtype=np.float64)
    return float(_risks(-errors, errors).mean()) if wrong else None


def _risks(confidence: _Floats, wrong: _Floats) -> _Floats:
    if not confidence.size:
        return np.zeros(0)
    _, group, size = np.unique(-confidence, return_inverse=True, return_counts=True)
    errors = np.bincount(group.ravel(), weights=wrong)
    answered = np.arange(1, confidence.size + 1)
    # Straight lines between the ends of the groups are the even sharing of errors within them.
    ends, seen = np.concatenate([[0], size.cumsum()]), np.concatenate([[0.0], errors.cumsum()])
    return np.asarray(np.interp(answered, ends, seen) / answered, dtype=np.float64)


def _interval(statistic: Callable[[_Indices], _Floats], count: int) -> tuple[float, float]:
    """The 2.5 % and 97.5 % points of a statistic that takes one resample of indices a row."""
    draw = np.random.default_rng(SEED)
    rows = max(1, min(RESAMPLES, _AT_ONCE // count))
    sizes = [min(rows, RESAMPLES - done) for done in range(0, RESAMPLES, rows)]
    found = np.concatenate([statistic(draw.integers(0, count, (size, count))) for size in sizes])
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)
