"""Keep the held safety messages apart from the others by wording: no held message has a near-paraphrase among them.

    python benchmarks/split_safety.py           # says how many are too near
    python benchmarks/split_safety.py --move    # moves those to more.regrouped.jsonl, where they are learned from

Two messages belong to one family where the published encoder, without anything learned here, gives them a cosine of
more than NEAR, directly or over others. A family with a message on the learning or tuning side is wholly on that side.
Messages only ever move from held to learned: what the shipped encoder was taught from can no longer be held.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array, vstack
from scipy.sparse.csgraph import connected_components

from wellcited.models import PassageEncoder

SAFETY = Path(__file__).resolve().parent / "safety"
MOVED = SAFETY / "more.regrouped.jsonl"
NEAR = 0.75
BLOCK = 2048
"""So many texts are compared with all at once: all with all would take gigabytes."""


def families(texts: list[str]) -> np.ndarray:
    """Return the number of the family of each text."""
    vectors = PassageEncoder().encode(texts)
    blocks = (vectors[start : start + BLOCK] @ vectors.T > NEAR for start in range(0, len(vectors), BLOCK))
    numbers: np.ndarray = connected_components(vstack([csr_array(block) for block in blocks]), directed=False)[1]
    return numbers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--move", action="store_true", help="write the files")
    arguments = parser.parse_args()

    cases = [
        (path, json.loads(line)) for path in sorted(SAFETY.glob("*.jsonl")) for line in path.read_text().splitlines()
    ]
    held = [path.name.startswith("held") for path, _ in cases]
    family = families([" ".join(case["turns"]) for _, case in cases])
    known = {number for number, apart in zip(family, held, strict=True) if not apart}
    stays: dict[Path, list[dict]] = defaultdict(list)
    moves = []
    for (path, case), number, apart in zip(cases, family, held, strict=True):
        if apart:
            (moves if number in known else stays[path]).append(case)
    print(f"{len(moves)} of {sum(held)} held messages share a family of wordings with one that is learned from")
    if arguments.move and moves:
        lines = MOVED.read_text("utf-8") if MOVED.exists() else ""
        MOVED.write_text(lines + "".join(json.dumps(case, ensure_ascii=False) + "\n" for case in moves), "utf-8")
        for path, remaining in stays.items():
            path.write_text("".join(json.dumps(case, ensure_ascii=False) + "\n" for case in remaining), "utf-8")


if __name__ == "__main__":
    main()
