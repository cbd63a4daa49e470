"""How much of a page's main text is read, and how little else: token F1 beside trafilatura and readability-lxml.

The pages under benchmarks/pages were written for this, each with its main text (*.txt) beside it; their words are
taken from benchmarks/training. held.list names those that no rule was tuned on: only their means are shown.
readability-lxml is compared where it is installed: pip install --no-deps readability-lxml cssselect chardet
"""

from __future__ import annotations

import argparse
import logging
import re
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from wellcited.corpus.webpage import parse_webpage

PAGES = Path(__file__).resolve().parent / "pages"


def wellcited(data: bytes) -> str:
    return parse_webpage(data).text


def trafilatura(data: bytes) -> str:
    from trafilatura import extract

    return extract(data) or ""


def without_comments(data: bytes) -> str:
    from trafilatura import extract

    return extract(data, include_comments=False) or ""


def readability(data: bytes) -> str:
    from lxml import html
    from readability import Document

    return html.fromstring(Document(data).summary()).text_content()


def scores(text: str, gold: str) -> tuple[float, float, float]:
    """Return precision, recall and F1 over the words of both, each counted as often as it comes."""
    found, wanted = (Counter(re.findall(r"\w+", words.casefold())) for words in (text, gold))
    shared = sum((found & wanted).values())
    precision, recall = shared / max(1, found.total()), shared / max(1, wanted.total())
    return precision, recall, 2 * precision * recall / (precision + recall) if shared else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", action="store_true", help="show every page that rules may be tuned on")
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)
    held = set((PAGES / "held.list").read_text("utf-8").split())
    readers: dict[str, Callable[[bytes], str]] = {
        "wellcited": wellcited,
        "trafilatura": trafilatura,
        "trafilatura, no comments": without_comments,
    }
    try:
        import readability as _  # noqa: F401

        readers["readability"] = readability
    except ImportError:
        print("readability-lxml is not installed and not compared")
    parts = {
        part: [path for path in sorted(PAGES.glob("*.html")) if (path.stem in held) == (part == "held")]
        for part in ("tune", "held")
    }
    print(f"{'':12}{'':26}{'F1':>7}{'prec.':>7}{'recall':>7}{'worst':>7}{'ms':>7}")
    for part, paths in parts.items():
        for name, read in readers.items():
            started = time.perf_counter()
            found = {
                path.stem: scores(read(path.read_bytes()), path.with_suffix(".txt").read_text("utf-8"))
                for path in paths
            }
            spent = (time.perf_counter() - started) / len(paths) * 1000
            means = [sum(one[at] for one in found.values()) / len(found) for at in range(3)]
            worst = min(one[2] for one in found.values())
            print(f"{part:12}{name:26}{means[2]:7.3f}{means[0]:7.3f}{means[1]:7.3f}{worst:7.3f}{spent:7.0f}")
            if asked.pages and part == "tune":
                for stem, (precision, recall, f1) in found.items():
                    print(f"{'':12}  {stem:22}{f1:7.3f}{precision:7.3f}{recall:7.3f}")


if __name__ == "__main__":
    main()
