"""Letters come out right, or the file is named: nothing is guessed that is not beyond doubt."""

from __future__ import annotations

import pytest

from wellcited.corpus.decoding import decode_text
from wellcited.errors import CorpusError

RUSSIAN = "Печь, которую чистят каждую весну, горит ровно и оставляет в трубе мало сажи. Сырые дрова дымят. " * 4
FRENCH = "Le poêle que l’on ramone chaque printemps brûle régulièrement. À la fin de l’été, le bois est sec. " * 4
GREEK = "Η σόμπα που καθαρίζεται κάθε άνοιξη καίει ομαλά και αφήνει λίγη αιθάλη στην καμινάδα. " * 4
JAPANESE = "毎年春に掃除するストーブはよく燃え、煙突にすすがほとんど残りません。乾いた薪を使いましょう。" * 6


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_what_says_its_encoding_is_believed(encoding: str) -> None:
    assert decode_text("Käthe’s stove".encode(encoding)) == "Käthe’s stove"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [(RUSSIAN, "windows-1251"), (RUSSIAN, "koi8-r"), (GREEK, "iso-8859-7"), (JAPANESE, "shift_jis")],
)
def test_another_encoding_is_told_from_a_text_long_enough(text: str, encoding: str) -> None:
    assert decode_text(text.encode(encoding)) == text


@pytest.mark.parametrize(
    "data",
    ["Häuser".encode("latin-1"), b"ok\n\xc3", b"\xed\xa0\x80", bytes(range(1, 256)), FRENCH.encode("windows-1252")],
)
def test_what_cannot_be_told_is_refused_with_the_place_of_the_byte(data: bytes) -> None:
    with pytest.raises(CorpusError, match=r"^is not UTF-8 \(byte 0x[0-9a-f]{2} at offset \d+\).*save it as UTF-8$"):
        decode_text(data)


def test_a_mark_that_lies_is_told() -> None:
    with pytest.raises(CorpusError, match="opens like UTF-16 and is not"):
        decode_text(b"\xff\xfe\x00\xd8x")
