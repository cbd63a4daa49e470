"""Bytes -> text: what a file says of its encoding, what its bytes allow, and no guess that is not a good one."""

from __future__ import annotations

import codecs
import re

from wellcited.errors import CorpusError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_META = re.compile(
    rb"""<(?:meta|\?xml)[^>]{0,300}?(?:charset|encoding)\s*=\s*["']?\s*([A-Za-z0-9_.:-]{2,40})""", re.IGNORECASE
)
_ALIASES = {
    "iso-8859-1": "windows-1252",
    "latin1": "windows-1252",
    "latin-1": "windows-1252",
    "us-ascii": "windows-1252",
}
"""As browsers read them (WHATWG Encoding, section 4.2): pages that say ISO 8859-1 hold curly quotes of windows-1252."""
_CYRILLIC, _GREEK, _HEBREW, _ARABIC, _THAI = (
    (("\u0400", "\u04ff"),),
    (("\u0370", "\u03ff"),),
    (("\u0590", "\u05ff"),),
    (("\u0600", "\u06ff"),),
    (("\u0e00", "\u0e7f"),),
)
_EAST_ASIAN = (("\u3040", "\u30ff"), ("\u4e00", "\u9fff"), ("\uac00", "\ud7a3"), ("\u3005", "\u3007"))
_LETTERS = {
    **dict.fromkeys(("cp1251", "koi8_r", "koi8_u", "iso8859_5", "mac_cyrillic", "cp866"), _CYRILLIC),
    **dict.fromkeys(("cp1253", "iso8859_7"), _GREEK),
    **dict.fromkeys(("cp1255", "iso8859_8"), _HEBREW),
    **dict.fromkeys(("cp1256", "iso8859_6"), _ARABIC),
    **dict.fromkeys(("cp874", "tis_620", "iso8859_11"), _THAI),
    **dict.fromkeys(("cp932", "shift_jis", "shift_jis_2004", "euc_jp", "euc_jis_2004", "gb18030", "gbk"), _EAST_ASIAN),
    **dict.fromkeys(("gb2312", "big5", "big5hkscs", "cp950", "euc_kr", "cp949"), _EAST_ASIAN),
}
"""The encodings that are ever guessed, each with the letters that it is made for."""
MIN_GUESS = 64
"""Fewer bytes beyond ASCII than this say too little for a guess, unless they settle it."""
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f-\x84\x86-\x9f]")


def decode_text(data: bytes) -> str:
    """Return the text of `data`: UTF-8, else UTF-16 or UTF-32 with its mark, else what can be told for sure.

    Raises CorpusError, without the name of the file.
    """
    marked = _by_mark(data)
    if marked is not None:
        return marked
    if b"\0" in data:
        raise CorpusError("is not text but binary data; save the guide as UTF-8 text, or remove the file")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        found = guess(data)
        if found is not None:
            return found
        raise CorpusError(
            f"is not UTF-8 (byte 0x{data[error.start]:02x} at offset {error.start}), and what it is instead "
            "cannot be told; save it as UTF-8"
        ) from error


def decode_page(data: bytes) -> str:
    """Return the text of a web page: by its mark, as UTF-8, by what it declares, else by guess, as browsers do."""
    marked = _by_mark(data)
    if marked is not None:
        return marked
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    declared = _META.search(data[:4096])
    name = declared[1].decode("ascii").lower() if declared else ""
    if name and not name.startswith(("utf-8", "utf8", "utf-16")):
        try:
            return data.decode(_ALIASES.get(name, name), "replace")
        except LookupError:
            pass
    loose = data.decode("utf-8", "replace")
    if loose.count("\ufffd") * 20 < sum(byte > 127 for byte in data):
        return loose  # UTF-8 with a broken letter here and there
    return guess(data) or data.decode("windows-1252", "replace")


def _by_mark(data: bytes) -> str | None:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            try:
                return data.decode(encoding)
            except UnicodeDecodeError as error:
                raise CorpusError(
                    f"opens like {encoding.upper().removesuffix('-SIG')} and is not (offset {error.start}); "
                    "save it as UTF-8"
                ) from error
    return None


def guess(data: bytes) -> str | None:
    """Return `data` in the encoding that its bytes point to, or None where that is not beyond doubt.

    Scripts of their own give themselves away; the Latin encodings of West and East differ in too few letters.
    """
    from charset_normalizer import from_bytes

    if sum(byte > 127 for byte in data[:1_000_000]) < MIN_GUESS:
        return None
    best = from_bytes(data[:1_000_000], threshold=0.1, cp_exclusion=["utf_7"]).best()
    if best is None or best.chaos > 0.1:
        return None
    letters = _LETTERS.get(best.encoding)
    if letters is None or (len(letters) == 1 and best.coherence < 0.3):
        return None
    try:
        text = data.decode(best.encoding)
    except (UnicodeDecodeError, LookupError):
        return None
    foreign = [char for char in text if ord(char) > 127 and char.isalpha()]
    known = sum(any(first <= char <= last for first, last in letters) for char in foreign)
    return text if foreign and known > 0.9 * len(foreign) and not _CONTROL.search(text) else None
