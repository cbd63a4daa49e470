"""A PDF as text and blocks: lines from letters, reading order from columns, headings from size and weight.

pypdfium2 gives every letter with its place and font; a PDF knows no more. What follows from that is in pdflines and
pdflayout.
"""

from __future__ import annotations

import ctypes
import math
import re
from typing import Any

from wellcited.corpus.parsed import Facts, Parsed
from wellcited.corpus.pdflayout import compose
from wellcited.corpus.pdflines import Page, Word
from wellcited.errors import CorpusError

MAX_PAGES = 1000
_PASSWORD = 4  # FPDF_ERR_PASSWORD
_BOLD = re.compile(r"bold|black|heavy|semibold|demi(?!light)", re.IGNORECASE)
_NO_TITLE = re.compile(
    r"untitled.*|.*\.(?:docx?|odt|indd|pdf|tex|dvi|qxd|rtf|pptx?)|microsoft word\b.*|document\d*|slide \d+|.{0,3}",
    re.IGNORECASE,
)
FEW_LETTERS = 20
"""Letters a page, on average, below which the file is pictures of pages."""


def parse_pdf(source: Any, max_pages: int = MAX_PAGES) -> Parsed:
    """Return the PDF in the path or bytes `source`, with the offset where each page starts.

    Running heads and feet and page numbers are left out, words cut at a line end are whole again, columns come one
    after the other. Raises CorpusError for a file that is damaged, protected, too long, or scanned without text.
    """
    import pypdfium2 as pdfium
    import pypdfium2.raw as raw

    try:
        document = pdfium.PdfDocument(source)
    except pdfium.PdfiumError as error:
        if getattr(error, "err_code", None) == _PASSWORD or raw.FPDF_GetLastError() == _PASSWORD:
            raise CorpusError("is protected by a password; save it without one") from error
        raise CorpusError(f"is damaged or no PDF: {str(error).rstrip('.')}; export it again") from error
    try:
        count = len(document)
        if count > max_pages:
            raise CorpusError(
                f"has {count} pages, more than the {max_pages} allowed; split it, or raise WELLCITED_MAX_PAGES"
            )
        pages = [_page(document, index, raw, pdfium) for index in range(count)]
        letters = sum(sum(map(str.isalnum, word.text)) for page in pages for word in page.words)
        if letters < FEW_LETTERS * count and any(page.pictures for page in pages):
            raise CorpusError(
                "is scanned: its pages are pictures without text; run it through text recognition (OCR) first"
            )
        facts = document.get_metadata_dict(skip_empty=True)
        language = _language(document, raw)
    finally:
        document.close()
    text, blocks, starts, largest = compose(pages)
    named = " ".join(facts.get("Title", "").split())
    title = named if named and not _NO_TITLE.fullmatch(named) else largest
    return Parsed(text=text, blocks=blocks, facts=Facts(title=title, language=language), pages=starts)


def _page(document: Any, index: int, raw: Any, pdfium: Any) -> Page:
    try:
        page = document[index]
    except pdfium.PdfiumError:
        return Page()  # a damaged page among whole ones
    try:
        width, height = page.get_size()
        textpage = page.get_textpage()
        try:
            words = _words(textpage.raw, raw)
        finally:
            textpage.close()
        pictures = next(iter(page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE], max_depth=3)), None) is not None
        return Page(words, width, height, pictures)
    except pdfium.PdfiumError:
        return Page()
    finally:
        page.close()


def _words(textpage: Any, raw: Any) -> list[Word]:
    """Return the words of a page in the order of the file, their places turned so that lines run from left to right."""
    count = raw.FPDFText_CountChars(textpage)
    box, matrix = raw.FS_RECTF(), raw.FS_MATRIX()
    x, y = ctypes.c_double(), ctypes.c_double()
    words: list[Word] = []
    angles: list[int] = []
    open_word: Word | None = None
    for index in range(count):
        code = raw.FPDFText_GetUnicode(textpage, index)
        if code in (2, 0xFFFE):  # how pdfium writes the hyphen at a line end
            code = 0xAD
        char = chr(code) if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 else ""
        if not char or char.isspace() or ord(char) < 32:
            open_word = None
            continue
        raw.FPDFText_GetLooseCharBox(textpage, index, box)
        raw.FPDFText_GetCharOrigin(textpage, index, x, y)
        if not all(map(math.isfinite, (box.left, box.right, box.top, box.bottom, x.value, y.value))):
            open_word = None
            continue
        if open_word is not None:
            run = math.cos(open_word.angle) * (x.value - open_word.x_raw) + math.sin(open_word.angle) * (
                y.value - open_word.y_raw
            )
            rise = -math.sin(open_word.angle) * (x.value - open_word.x_raw) + math.cos(open_word.angle) * (
                y.value - open_word.y_raw
            )
            if abs(rise) > 0.7 * open_word.size or run < -0.6 * open_word.size or run > 6 * open_word.size:
                open_word = None
        if open_word is None:
            raw.FPDFText_GetMatrix(textpage, index, matrix)
            scale = math.hypot(matrix.c, matrix.d) or 1.0
            angle = math.atan2(matrix.b, matrix.a)
            size = abs(raw.FPDFText_GetFontSize(textpage, index) * scale) or abs(box.top - box.bottom) or 1.0
            open_word = Word("", size=round(size * 2) / 2 or 0.5, bold=_is_bold(textpage, index, raw), angle=angle)
            words.append(open_word)
            angles.append(round(math.degrees(angle) / 90) % 4)
        open_word.text += char
        open_word.x_raw, open_word.y_raw = x.value, y.value
        open_word.corners.append((box.left, y.value))
        open_word.corners.append((box.right, y.value))
        open_word.corners.append((box.left, box.top))
        open_word.corners.append((box.left, box.bottom))
    if not words:
        return []
    turn = max(
        set(angles),
        key=lambda found: sum(len(word.text) for word, at in zip(words, angles, strict=True) if at == found),
    )
    kept = [
        word
        for word, at in zip(words, angles, strict=True)
        if at == turn and abs(math.remainder(word.angle - turn * math.pi / 2, 2 * math.pi)) < 0.1
    ]
    for word in kept:
        word.settle(turn)
    return kept


def _is_bold(textpage: Any, index: int, raw: Any) -> bool:
    if raw.FPDFText_GetFontWeight(textpage, index) >= 600:
        return True
    name = ctypes.create_string_buffer(128)
    flags = ctypes.c_int()
    raw.FPDFText_GetFontInfo(textpage, index, name, 128, flags)
    return bool(_BOLD.search(name.value.decode("utf-8", "replace"))) or bool(flags.value & (1 << 18))


def _language(document: Any, raw: Any) -> str | None:
    ask = getattr(raw, "FPDFCatalog_GetLanguage", None)
    if ask is None:
        return None
    try:
        length = ask(document.raw, None, 0)
        buffer = ctypes.create_string_buffer(max(2, length))
        ask(document.raw, ctypes.cast(buffer, ctypes.POINTER(raw.FPDF_WCHAR)), length)
    except (ctypes.ArgumentError, TypeError):
        return None
    found = re.match(r"[A-Za-z]{2}(?=$|[-_])", buffer.raw[:length].decode("utf-16-le", "ignore").strip("\0"))
    return found.group().lower() if found else None
