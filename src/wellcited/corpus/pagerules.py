"""What a page's own structure and wording say of its runs: furniture by name, lines that belong to no article, gaps."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from wellcited.corpus.pageblocks import Run

_TAGS = frozenset(("nav", "footer", "aside", "form", "dialog", "fieldset", "figcaption"))
_ROLES = frozenset("navigation contentinfo complementary dialog alertdialog search banner menu toolbar tablist".split())
PROSE = 80
"""Characters, white space aside, that make a run prose rather than a label."""
CONTAINER_SHARE = 0.85
WRAPPER_SHARE = 0.4
CONTAINER_MIN = 800
"""Characters of prose below which no element can be told to hold the article."""


@dataclass(frozen=True)
class _Words:
    """The regular expressions of data/furniture.toml, compiled."""

    names: re.Pattern[str]
    content: re.Pattern[str]
    lines: re.Pattern[str]
    closing: re.Pattern[str]
    closing_always: re.Pattern[str]


@cache
def _words() -> _Words:
    table = tomllib.loads(files("wellcited.corpus").joinpath("data/furniture.toml").read_text("utf-8"))
    names, content, lines, closing, always = (
        "|".join(table[part]) for part in ("names", "content", "lines", "closing", "closing_always")
    )
    lines = lines.replace("DAY", table["day"]).replace("NAME", table["name"])
    return _Words(
        names=re.compile(rf"(?:^|[\s_-])(?:{names})(?:$|[\s_-])", re.IGNORECASE),
        content=re.compile(rf"(?:^|[\s_-])(?:{content})(?:$|[\s_-])", re.IGNORECASE),
        lines=re.compile(rf"(?:{lines})[\s.!|·•…]*", re.IGNORECASE),
        closing=re.compile(rf"(?:{closing}|{always})\b.{{0,60}}", re.IGNORECASE),
        closing_always=re.compile(rf"(?:{always})\b.{{0,60}}", re.IGNORECASE),
    )


def furniture(runs: Sequence[Run]) -> list[bool]:
    """Tell of each run whether an element around it is, by its tag, role or name, no part of an article."""
    known: dict[Any, bool] = {}
    held = _sizes(runs)
    whole = sum(run.size for run in runs)
    return [_in_furniture(run.element, known, held, whole) for run in runs]


def _around(element: Any) -> Iterator[Any]:
    while element is not None:
        yield element
        element = element.getparent()


def _sizes(runs: Iterable[Run]) -> dict[Any, int]:
    """Return how many characters of `runs` each element holds."""
    held: dict[Any, int] = {}
    for run in runs:
        for element in _around(run.element):
            held[element] = held.get(element, 0) + run.size
    return held


def _in_furniture(element: Any, known: dict[Any, bool], held: dict[Any, int], whole: int) -> bool:
    above = []
    found = False
    while element is not None:
        if element in known:
            found = known[element]
            break
        above.append(element)
        element = element.getparent()
    for element in reversed(above):
        large = held.get(element, 0) > WRAPPER_SHARE * whole  # class="has-sidebar" around all of the page
        found = known[element] = (_opens_furniture(element) and not large) or (
            found and not _opens_content(element, held)
        )
    return found


def _opens_furniture(element: Any) -> bool:
    if element.tag in ("html", "body", "main", "article"):
        return False
    if element.tag in _TAGS or (element.get("role") or "").lower() in _ROLES:
        return True
    names = f"{element.get('class') or ''} {element.get('id') or ''}"
    return len(names) < 300 and bool(_words().names.search(names)) and not _words().content.search(names)


def _opens_content(element: Any, held: dict[Any, int]) -> bool:
    return element.tag in ("main", "article") and held.get(element, 0) > CONTAINER_MIN


def is_furniture_line(text: str) -> bool:
    """Whether a short line is a byline, a date, a call to share, subscribe or read on: words of no article."""
    return len(text) <= 220 and bool(_words().lines.fullmatch(" ".join(text.split())))


def tidy(runs: Sequence[Run], shares: Sequence[float], named: Sequence[bool], enough: float) -> list[Run]:
    """Return the runs whose share is `enough`, gaps filled and leftovers dropped as the structure of the page tells."""
    kept = [share >= enough for share in shares]
    _complete_groups(runs, kept, named)
    _fill_gaps(runs, kept, named)
    _cut_tail(runs, kept)
    for index, run in enumerate(runs):
        if kept[index] and run.kind != "row" and is_furniture_line(run.text):
            kept[index] = False
    _stay_in_container(runs, kept, shares)
    _drop_repeats(runs, kept)
    _trim_ends(runs, kept)
    _settle_headings(runs, kept, named, shares)
    return [run for index, run in enumerate(runs) if kept[index]]


def _complete_groups(runs: Sequence[Run], kept: list[bool], named: Sequence[bool]) -> None:
    """Keep all of a list or table of which most is kept, none of one of which little is."""
    groups: dict[Any, list[int]] = {}
    for index, run in enumerate(runs):
        if run.kind in ("item", "row") and not named[index]:
            group = _group(run.element)
            if group is not None:
                groups.setdefault(group, []).append(index)
    for members in groups.values():
        size = sum(runs[index].size for index in members)
        held = sum(runs[index].size for index in members if kept[index])
        links = sum(runs[index].linked for index in members)
        if held * 2 >= size and links * 2 < size:
            for index in members:
                kept[index] = True
        elif held * 4 < size:
            for index in members:
                kept[index] = False


def _group(element: Any) -> Any:
    found = None
    while element is not None and element.tag != "body":
        if element.tag in ("ul", "ol", "table"):
            found = element
        elif found is not None and element.tag not in ("li", "tbody", "thead", "tr", "td"):
            break
        element = element.getparent()
    return found


def _fill_gaps(runs: Sequence[Run], kept: list[bool], named: Sequence[bool]) -> None:
    """Keep up to three runs between kept ones of the same parent: an extractor lost them, their author did not."""
    index = 0
    while index < len(runs):
        if kept[index]:
            index += 1
            continue
        end = index
        while end < len(runs) and not kept[end]:
            end += 1
        if index > 0 and end < len(runs) and end - index <= 3:
            parents = {_parent(runs[index - 1]), _parent(runs[end])}
            gap = range(index, end)
            if len(parents) == 1 and all(
                _parent(runs[at]) in parents
                and not named[at]
                and runs[at].link_share < 0.5
                and not is_furniture_line(runs[at].text)
                for at in gap
            ):
                for at in gap:
                    kept[at] = True
        index = end


def _parent(run: Run) -> Any:
    """The element that holds the run's block, or the whole list of an item."""
    if run.kind in ("item", "row"):
        group = _group(run.element)
        return group.getparent() if group is not None else run.element.getparent()
    return run.element.getparent()


def _cut_tail(runs: Sequence[Run], kept: list[bool]) -> None:
    """Drop a section of teasers, comments or the like: its heading says so, and it comes after the article."""
    index = 0
    while index < len(runs):
        run = runs[index]
        if not (
            kept[index]
            and len(run.text) < 90
            and _is_title_like(run)
            and _words().closing.fullmatch(" ".join(run.text.split()))
        ):
            index += 1
            continue
        end = index + 1
        while end < len(runs) and not (
            runs[end].kind == "heading" and run.kind == "heading" and runs[end].level <= run.level
        ):
            end += 1
        below = [at for at in range(index + 1, end) if kept[at]]
        size = sum(runs[at].size for at in below)
        linked = sum(runs[at].linked for at in below)
        before = sum(runs[at].size for at in range(index) if kept[at])
        always = run.kind == "heading" and _words().closing_always.fullmatch(" ".join(run.text.split()))
        if size * 2 < before and (always or linked * 3 >= size):
            for at in [index, *below]:
                kept[at] = False
        index += 1


def _alike(element: Any, container: Any) -> bool:
    """Whether `element` stands in one more container of the same name: an article cut into pieces."""
    name = container.get("class")
    while name and element is not None:
        if element.tag == container.tag and element.get("class") == name:
            return True
        element = element.getparent()
    return False


def _drop_repeats(runs: Sequence[Run], kept: list[bool]) -> None:
    """Keep the first of two long runs with the same words: the page holds one for the desk and one for the phone."""
    seen: set[str] = set()
    for index, run in enumerate(runs):
        if kept[index] and run.size > PROSE and run.kind != "row":
            kept[index] = run.text not in seen
            seen.add(run.text)


def _stay_in_container(runs: Sequence[Run], kept: list[bool], shares: Sequence[float]) -> None:
    """Drop what stands outside the element that holds nearly all of the prose: teasers, a bio, a box beside it."""
    prose = {
        index: run.size for index, run in enumerate(runs) if kept[index] and run.size > PROSE and run.link_share < 0.3
    }
    total = sum(prose.values())
    if total < CONTAINER_MIN:
        return
    held = _sizes(runs[index] for index in prose)
    several = Counter(element for index in prose for element in _around(runs[index].element))
    enough = [
        element
        for element, size in held.items()
        if size >= CONTAINER_SHARE * total
        and several[element] >= min(2, len(prose))  # one long paragraph holds no other
    ]
    container = max(enough, key=lambda element: sum(1 for _ in element.iterancestors()))
    inside = [run.element is container or container in run.element.iterancestors() for run in runs]
    first = inside.index(True)
    for index, run in enumerate(runs):
        unanimous = run.size > PROSE and (shares[index] > 0.99 or index < first or _alike(run.element, container))
        if kept[index] and not inside[index] and not unanimous:
            kept[index] = False


def _trim_ends(runs: Sequence[Run], kept: list[bool]) -> None:
    """Drop links before the first prose and after the last: ways to other pages, not words of this one."""
    prose = [index for index, run in enumerate(runs) if kept[index] and run.size > PROSE and run.link_share < 0.5]
    if not prose:
        return
    for index, run in enumerate(runs):
        if (index < prose[0] or index > prose[-1]) and run.kind != "heading" and run.link_share > 0.6:
            kept[index] = False


def _is_title_like(run: Run) -> bool:
    if run.kind == "heading" or (run.kind == "paragraph" and not run.linked and is_furniture_line(run.text)):
        return True
    return any(
        mark.kind == "strong" and mark.start == 0 and mark.end >= len(run.text.rstrip(": ")) for mark in run.marks
    )


def _settle_headings(runs: Sequence[Run], kept: list[bool], named: Sequence[bool], shares: Sequence[float]) -> None:
    """Keep a heading exactly where something below it is kept before the next heading of its rank."""
    for index in range(len(runs) - 1, -1, -1):
        run = runs[index]
        if run.kind != "heading":
            continue
        end = index + 1
        direct = False
        while end < len(runs) and not (runs[end].kind == "heading" and runs[end].level <= run.level):
            direct = direct or kept[end]
            end += 1
        if not direct:
            kept[index] = False
        elif not kept[index] and not named[index] and (shares[index] > 0.1 or run.text.endswith("?")):
            kept[index] = kept[index + 1] or any(kept[index + 1 : min(end, index + 4)])
