"""The parts of a Word file as XML: read without entities or anything from outside, and asked for names and values."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from typing import Any

from wellcited.errors import CorpusError


def part(archive: zipfile.ZipFile, name: str, optional: bool = False) -> Any:
    """Return the root element of a part, entities left alone and no external file read."""
    from lxml import etree

    try:
        data = archive.read(name)
    except KeyError:
        if optional:
            return ()
        raise
    except RuntimeError as error:  # zipfile's word for an encrypted part
        raise CorpusError(f"is protected by a password ({error}); save it without one") from error
    except Exception as error:  # zlib.error, lzma.LZMAError and what other packers raise on damaged data
        raise CorpusError(f"is damaged in {name}: {error}; open it in Word and save it again") from error
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        return etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise CorpusError(f"is damaged in {name}: {error.msg}; open it in Word and save it again") from error


def name_of(element: Any) -> str:
    """Return the name of an element without its namespace, nothing for what is no element."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def attribute(element: Any, name: str) -> str | None:
    """Return an attribute by its name without the namespace."""
    return next((str(value) for key, value in element.attrib.items() if str(key).rpartition("}")[2] == name), None)


def value_of(element: Any) -> str | None:
    """Return what most properties hold: the attribute `val`."""
    return attribute(element, "val")


def is_on(element: Any) -> bool:
    """Whether a property that is either on or off is on: without a value it is."""
    return (value_of(element) or "true").casefold() not in ("0", "false", "off", "none")


def number(text: str | None, otherwise: float) -> float:
    """Return the number that `text` holds, `otherwise` where it holds none or one beyond all reason."""
    try:
        found = float(text) if text is not None and len(text) < 20 else otherwise
        return found if abs(found) < 1e9 else otherwise
    except ValueError:
        return otherwise


def within(parent: Any, name: str) -> Iterator[Any]:
    """Yield the children called `name`, those in content controls and kept insertions too."""
    for child in parent:
        if name_of(child) == name:
            yield child
        elif name_of(child) in ("sdt", "sdtContent", "ins", "customXml", "moveTo"):
            yield from within(child, name)


def is_deleted(row: Any) -> bool:
    """Whether a row of a table was deleted under track changes."""
    return any(name_of(inner) == "del" for properties in row if name_of(properties) == "trPr" for inner in properties)
