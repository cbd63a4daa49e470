"""Draw the sample texts that an export's 8-bit numbers are fitted to: src/wellcited/data/samples.txt.

    python benchmarks/draw_samples.py

480 lines, one text each: sentences and questions of every second training guide, labelled safety messages, some of
those in other languages, and a few that the model cannot read. Count `exporting.RECIPES` up when the file changes:
other samples give other vectors.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterable
from pathlib import Path

from examples import SAFETY, TRAINING

OUT = Path(__file__).resolve().parent.parent / "src" / "wellcited" / "data" / "samples.txt"
GUIDES, MESSAGES, LANGUAGES = 360, 80, 40
UNREAD = [
    "お腹の奥が張っている感じがします。どのくらい押せばいいですか。",
    "我应该每天拉伸髋部多久？",
    "Как долго держать мышцу под давлением, если болит спина?",
    "كم مرة في اليوم يمكنني أن أفعل هذا التمرين؟",
    "Πόση ώρα πρέπει να κρατήσω τη διάταση;",
    "이 운동은 하루에 몇 번 해야 하나요?",
    "मुझे कितनी देर तक दबाव देना चाहिए?",
    "🙂 OK!! 50% @ 3.5 km/h -> £12 #tip (see p. 4)",
]
"""What the model has not learned to read: its numbers must hold for that too."""
UNREAD_AT = 20


def sentences() -> Iterable[str]:
    for path in sorted(TRAINING.glob("*.txt"))[1::2]:
        for line in path.read_text("utf-8").splitlines():
            if line.startswith("f |"):  # a follow-up says little alone
                continue
            text = re.sub(r"^(\d+ |## )", "", line.strip()).rpartition("|")[2].strip()
            yield from (sentence for sentence in re.split(r"(?<=[.?!]) ", text) if len(sentence) > 3)


def messages(path: Path, foreign: bool = False) -> Iterable[str]:
    for line in path.read_text("utf-8").splitlines():
        case = json.loads(line)
        if not foreign or case["lang"] != "en":
            yield case["turns"][-1].replace("\n", " ")


def drawn(texts: Iterable[str], count: int, seed: int) -> list[str]:
    found = sorted(set(texts))
    random.Random(seed).shuffle(found)
    return found[:count]


def main() -> None:
    labelled = [text for path in sorted(SAFETY.glob("train.*.jsonl")) for text in messages(path)]
    foreign = messages(SAFETY / "train.turns-languages.jsonl", foreign=True)
    lines = drawn(sentences(), GUIDES, 9) + drawn(labelled, MESSAGES, 8) + drawn(foreign, LANGUAGES, 7)
    lines[UNREAD_AT : UNREAD_AT + len(UNREAD)] = UNREAD
    OUT.write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
