"""The plots of the report page, written as SVG by hand: colours come from the page, numbers are also in its tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from math import ceil, floor, log10

from wellcited.evaluation.metrics import Score

_WIDTH, _HEIGHT = 640, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 16, 16, 44
_PLOT_WIDTH, _PLOT_HEIGHT = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
_ROW = 40
_LABEL_CHARS = 84
_BINS = 24


def risk_coverage(curve: Sequence[tuple[float, float]], label: str) -> str:
    """The risk among the most confident replies (0..1, up) by the share of questions kept (0..1, right)."""
    top = _nice(max((risk for _, risk in curve), default=1.0))
    points = " ".join(f"{_x(coverage):.1f},{_y(risk / top):.1f}" for coverage, risk in curve)
    across = [(part, f"{100 * part:.0f} %") for part in (0.0, 0.25, 0.5, 0.75, 1.0)]
    up = [(part, f"{100 * part * top:.3g} %") for part in (0.0, 0.25, 0.5, 0.75, 1.0)]
    inner = (
        _axes(across, up, "share of questions, the most confident first")
        + f'<polyline class="line" points="{points}"/>'
    )
    return _svg(inner, _HEIGHT, label)


def bars(sections: Mapping[str, Score], label: str) -> str:
    """One bar a section: its share (0..1), a whisker for the interval, and the count; the longest names are cut."""
    rows = []
    for number, (name, score) in enumerate(sections.items()):
        if score.value is None or score.low is None or score.high is None:
            continue
        y, full = number * _ROW, _WIDTH - 80
        short = name if len(name) <= _LABEL_CHARS else name[: _LABEL_CHARS - 1] + "…"
        rows.append(
            f"<g><title>{escape(name)}: {score.hits} of {score.of}</title>"
            f'<text x="0" y="{y + 12}">{escape(short)}</text>'
            f'<rect class="track" x="0" y="{y + 18}" width="{full}" height="12"/>'
            f'<rect class="bar" x="0" y="{y + 18}" width="{score.value * full:.1f}" height="12"/>'
            f'<path class="whisker" d="M{score.low * full:.1f} {y + 24}H{score.high * full:.1f}"/>'
            f'<text x="{full + 8}" y="{y + 29}">{score.hits} of {score.of}</text></g>'
        )
    return _svg("".join(rows), max(1, len(sections)) * _ROW, label)


def histogram(values: Sequence[float], unit: str, label: str) -> str:
    """How many values fall into each of 24 equal bins; the last takes all above the 99th percentile."""
    ordered = sorted(values)
    top = _nice(ordered[ceil(0.99 * len(ordered)) - 1]) if ordered else 1.0
    counts = [0] * _BINS
    for value in ordered:
        counts[min(_BINS - 1, floor(max(value, 0.0) / top * _BINS))] += 1
    most = max(counts) or 1
    width = _PLOT_WIDTH / _BINS
    boxes = "".join(
        f'<rect class="bar" x="{_LEFT + i * width + 1:.1f}" y="{_y(count / most):.1f}" width="{width - 2:.1f}" '
        f'height="{count / most * _PLOT_HEIGHT:.1f}"><title>{count}</title></rect>'
        for i, count in enumerate(counts)
        if count
    )
    above = bool(ordered) and ordered[-1] > top
    across = [(part, f"{part * top:.3g}") for part in (0.0, 0.25, 0.5, 0.75)]
    across.append((1.0, f"{top:.3g}{' and more' if above else ''}"))
    return _svg(_axes(across, [(0.0, "0"), (1.0, str(most))], unit) + boxes, _HEIGHT, label)


def _axes(across: Sequence[tuple[float, str]], up: Sequence[tuple[float, str]], caption: str) -> str:
    parts = []
    for part, text in up:
        parts.append(f'<path class="grid" d="M{_LEFT} {_y(part):.1f}h{_PLOT_WIDTH}"/>')
        parts.append(f'<text class="end" x="{_LEFT - 8}" y="{_y(part) + 4:.1f}">{escape(text)}</text>')
    for part, text in across:
        anchor = "end" if part == 1.0 else "middle"
        parts.append(f'<text class="{anchor}" x="{_x(part):.1f}" y="{_HEIGHT - _BOTTOM + 18}">{escape(text)}</text>')
    parts.append(f'<text class="middle" x="{_x(0.5):.1f}" y="{_HEIGHT - 6}">{escape(caption)}</text>')
    return "".join(parts)


def _svg(inner: str, height: int, label: str) -> str:
    return f'<svg role="img" aria-label="{escape(label)}" viewBox="0 0 {_WIDTH} {height}">{inner}</svg>'


def _x(part: float) -> float:
    return _LEFT + part * _PLOT_WIDTH


def _y(part: float) -> float:
    return _TOP + (1 - part) * _PLOT_HEIGHT


def _nice(value: float) -> float:
    """The next of 1, 2, 4, 5, 8, 10 times a power of ten, so that quarters of it read well."""
    if value <= 0:
        return 1.0
    power = 10.0 ** floor(log10(value))
    return next(step * power for step in (1.0, 2.0, 4.0, 5.0, 8.0, 10.0) if step * power >= value * (1 - 1e-9))
