"""From what a reader typed to words: folded, lower-case, each with its place in the original and its sentence."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

# Letters of other scripts that look like Latin ones; used only inside a message that is otherwise Latin.
_LOOKALIKES = {
    ord(other): latin
    for other, latin in zip("аеорсухіјѕԁһкмтвгпαβεικνορτυχω", "aeopcyxijsdhkmtbrnabeiknoptuxw", strict=True)
}
_DIGITS_AS_LETTERS = str.maketrans("013457@$", "oieastas")
_SPECIAL = {
    "ß": "ss",
    "æ": "ae",
    "œ": "oe",
    "ø": "o",
    "ł": "l",
    "đ": "d",
    "ı": "i",
    "’": "'",
    "‘": "'",
    "ʼ": "'",
    "`": "'",
    "´": "'",
    "＇": "'",
}
_EMOJI = {"🤒": " fever ", "🤮": " vomiting ", "🤢": " nauseous ", "🤰": " pregnant ", "🩸": " bleeding ", "🔟": " 10 "}
_SPACED = re.compile(r"(?<![^\W_])(?:[a-z][ .\-_*]){3,24}[a-z](?![^\W_])")
_DOTTED = re.compile(r"(?<![^\W_])(?:[a-z][.\-_*]){1,24}[a-z](?![^\W_])")
_APART = re.compile(r"(?<!\S)[a-z](?: [a-z]){1,24}(?!\S)")
_TOKEN = re.compile(
    r"(?P<scale>\d{1,2}(?:[.,]\d)?(?: ?- ?\d{1,2})? ?(?:/ ?10|out ?(?:of|ta) ?(?:10|ten))(?!\d))"
    r"|(?P<clinic>a ?& ?e\b)"
    r"|(?P<number>\d+(?:[.,]\d+)?)"
    r"|(?P<word>[0-9@$]{0,20}[a-z][a-z0-9@$]*(?:'[a-z]+)*)"
    r"|(?P<stop>[.!?;…]+|\n\s*\n)"
    r"|(?P<pause>[\n,:()\[\]{}\"“”«»—–]+|(?<= )-+(?= ))"
    r"|(?P<other>[^\W\d_]+)"
)
_GLUED = re.compile(r"^(?P<letters>[a-z]{1,3})(?P<digits>\d+)(?P<rest>[a-z]*)$|^(?P<number>\d+)(?P<unit>[a-z]+)$")
_DRAWN_OUT = re.compile(r"([a-z])\1{2,}")
_UNITS = frozenset({"s", "yo", "y", "yr", "f", "m"})
_NUMBERS = {
    **{w: float(n) for n, w in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen twenty".split()
    )},
    "thirty": 30.0, "forty": 40.0, "fifty": 50.0, "sixty": 60.0, "seventy": 70.0, "eighty": 80.0, "ninety": 90.0,
    "seventies": 75.0, "eighties": 85.0, "nineties": 95.0,
}  # fmt: skip
# Apostrophes are dropped ("can't" and "cant" are one word); these would turn into another word.
_CONTRACTIONS = {
    "i'll": "iwill",
    "we'll": "wewill",
    "he'll": "hewill",
    "she'll": "shewill",
    "we're": "weare",
    "i'd": "iwould",
    "we'd": "wewould",
    "she'd": "shewould",
    "cannot": "cant",
}

# "calf's" is read as "calf"; after these the s is a verb ("it's", "he's") or the rules know the whole ("mums").
_KEEPS_S = frozenset(
    "it he she that what there who where how here let mum mom dad nan gran husband wife hubby partner friend mate "
    "sister brother son daughter everybody everyone grandad grandma neighbour flatmate hers".split()
)

# French and Italian run these into the next word: "j'ai", "l'anca".
_ELIDED = frozenset("j l d n m s t c qu jusqu lorsqu puisqu un dell nell all sull dall quest quell".split())

SCALE = "@scale"


class Word(NamedTuple):
    """One word: `text[start:end]` of the original message; `value` is set where it reads as a number."""

    form: str
    start: int
    end: int
    sentence: int
    clause: int
    value: float | None = None
    decimal: bool = False


@dataclass(frozen=True)
class Words:
    """A message as words, in order, with the lookups that matching needs."""

    text: str
    words: tuple[Word, ...]
    foreign: int
    """Letters of a script that no rule is written for; a sign that stands for a syllable or a word counts three."""
    questions: frozenset[int]
    """Numbers of the sentences that end in a question mark."""

    def __len__(self) -> int:
        return len(self.words)

    @cached_property
    def positions(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for index, word in enumerate(self.words):
            found.setdefault(word.form, []).append(index)
        return found

    @cached_property
    def numbers(self) -> list[int]:
        return [index for index, word in enumerate(self.words) if word.value is not None]

    def slice(self, first: int, last: int) -> str:
        """The reader's own words from word `first` up to, not including, word `last`."""
        return self.text[self.words[first].start : self.words[last - 1].end]


def fold(text: str) -> tuple[str, list[int]]:
    """Lower-case, without accents, invisible characters and disguises; with the original offset of each character."""
    if text.isascii():
        return text.lower(), list(range(len(text)))
    mostly_latin = _mostly_latin(text)
    letters: list[str] = []
    origin: list[int] = []
    for index, raw in enumerate(text):
        if raw < "\x80":
            letters.append(raw.lower())
            origin.append(index)
            continue
        if raw in _EMOJI:
            piece = _EMOJI[raw]
        else:
            if unicodedata.category(raw) in ("Cf", "Mn", "Me"):
                continue
            piece = _SPECIAL.get(raw) or unicodedata.normalize("NFKC", raw).lower()
            piece = "".join(
                _SPECIAL.get(c, c) for c in unicodedata.normalize("NFD", piece) if not unicodedata.combining(c)
            )
            if mostly_latin:
                piece = piece.translate(_LOOKALIKES)
        for letter in piece:
            letters.append(letter)
            origin.append(index)
    return "".join(letters), origin


def read(text: str, spelling: Mapping[str, str]) -> Words:
    """Split a message into words; `spelling` maps shorthand to the form that rules use ("nite" to "night")."""
    folded, origin = fold(text)
    folded = _DOTTED.sub(_close_up, folded)
    # "n u m b   i n   m y": the longer runs give away that the short ones are words too, and the wide gaps part them.
    folded = (_APART if "  " in folded and _SPACED.search(folded) else _SPACED).sub(_close_up, folded)
    words: list[Word] = []
    questions: set[int] = set()
    sentence = clause = foreign = 0
    for match in _TOKEN.finditer(folded):
        kind = match.lastgroup
        piece = match.group()
        if kind == "stop":
            if words and words[-1].sentence == sentence:
                if "?" in piece:
                    questions.add(sentence)
                sentence += 1
                clause += 1
            continue
        if kind == "pause":
            clause += 1
            continue
        if kind == "other":
            foreign += sum(3 if letter >= "\u2e80" else 1 for letter in piece)
            continue
        start, end = origin[match.start()], origin[match.end() - 1] + 1
        for form, value, decimal in _forms(kind or "", piece):
            form = spelling.get(form, form)
            words.append(Word(form, start, end, sentence, clause, value, decimal))
    return Words(text, tuple(words), foreign, frozenset(questions))


def _forms(kind: str, piece: str) -> list[tuple[str, float | None, bool]]:
    if kind == "scale":
        number = re.findall(r"\d+(?:[.,]\d)?", piece)
        value = max(float(n.replace(",", ".")) for n in number[:-1] or number)
        return [(SCALE, value, False)]
    if kind == "clinic":
        return [("ae", None, False)]
    if kind == "number":
        return [(piece, float(piece.replace(",", ".")), "." in piece or "," in piece)]
    piece = _CONTRACTIONS.get(piece, piece)
    if piece.isalpha():
        return [_plain(piece)]
    before, mark, after = piece.partition("'")
    if mark and before in _ELIDED and len(after) > 1:
        return [(before, None, False), (after.replace("'", ""), _NUMBERS.get(after), False)]
    if piece.endswith("'s") and piece[:-2] not in _KEEPS_S:
        piece = piece[:-2]
    piece = piece.replace("'", "")
    if piece.isalpha():
        return [_plain(piece)]
    if (glued := _GLUED.match(piece)) and (not glued["rest"] or glued["rest"] in _UNITS):
        parts = [
            part for part in (glued["letters"], glued["digits"], glued["rest"], glued["number"], glued["unit"]) if part
        ]
        return [(part, float(part) if part.isdigit() else None, False) for part in parts]
    return [(piece.translate(_DIGITS_AS_LETTERS), None, False)]


def _plain(letters: str) -> tuple[str, float | None, bool]:
    form = _DRAWN_OUT.sub(r"\1", letters) if _DRAWN_OUT.search(letters) else letters
    return form, _NUMBERS.get(form), False


def _close_up(match: re.Match[str]) -> str:
    """Close up "n u m b"; the gaps go to the end, so that offsets outside the run stay true."""
    run = match.group()
    return run[::2] + " " * (len(run) // 2)


def _mostly_latin(text: str) -> bool:
    if text.isascii():
        return True
    latin = other = 0
    for letter in text:
        if letter.isalpha():
            if letter < "\u0250" or "LATIN" in unicodedata.name(letter, "") or letter > "\uff00":
                latin += 1
            else:
                other += 1
    return latin > other
