"""Digests of files and of values, by which a bundle knows what it is made of."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

SAMPLES = 64
SAMPLE_BYTES = 1024 * 1024


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file, in hexadecimal. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def samples_of(path: Path) -> str:
    """Return the sha256, in hexadecimal, of the size of a file and of SAMPLES pieces, the first and last too."""
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        for number in range(SAMPLES):
            file.seek(max(0, size - SAMPLE_BYTES) * number // (SAMPLES - 1))
            digest.update(file.read(SAMPLE_BYTES))
    return digest.hexdigest()


def digest_of(*values: object) -> str:
    """Return the sha256, in hexadecimal, of the canonical JSON of `values`."""
    text = json.dumps(values, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
