"""The child that reads foreign formats: what it may take is bounded, and it opens no connection."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from wellcited.corpus.bounded import BoundedReader, Limits, bounded
from wellcited.errors import CorpusError

from .makers import Printed, printed_guide
from .test_webpage import MORE, PROSE, page


@pytest.fixture
def reader() -> Iterator[BoundedReader]:
    with bounded(Limits()) as found:
        yield found


def saved(folder: Path, name: str, data: bytes) -> Path:
    (folder / name).write_bytes(data)
    return folder / name


def test_one_child_reads_file_after_file(tmp_path: Path, reader: BoundedReader) -> None:
    path = saved(tmp_path, "a.html", page(f"<p>{PROSE}</p>"))
    assert reader.read(path, "html").text == PROSE
    child = reader._child
    with pytest.raises(CorpusError, match="damaged or no PDF"):
        reader.read(saved(tmp_path, "b.pdf", b"x"), "pdf")
    assert reader.read(path, "html").text == PROSE
    assert reader._child is child


def test_a_file_that_takes_too_long_is_given_up_and_the_next_one_read(tmp_path: Path) -> None:
    attributes = " ".join(f"a{number}=1" for number in range(200_000))  # libxml2 takes the square of their number
    slow = saved(tmp_path, "slow.html", f"<p {attributes}>{PROSE}</p>".encode())
    quick = saved(tmp_path, "quick.html", page(f"<p>{PROSE}</p>"))
    with bounded(Limits(seconds=3)) as reader:
        started = time.monotonic()
        with pytest.raises(CorpusError, match=r"took more than 3 s .* raise WELLCITED_MAX_READ_SECONDS"):
            reader.read(slow, "html")
        assert time.monotonic() - started < 10
        assert reader.read(quick, "html").text == PROSE


def test_a_file_that_takes_too_much_memory_is_given_up_and_the_next_one_read(tmp_path: Path) -> None:
    large = saved(tmp_path, "large.html", page(f"<p>{PROSE}</p>" * 60_000))
    quick = saved(tmp_path, "quick.html", page(f"<p>{PROSE}</p>"))
    with bounded(Limits(memory_mb=300)) as reader:
        with pytest.raises(CorpusError, match=r"300 MB of memory.* raise WELLCITED_MAX_READ_MB"):
            reader.read(large, "html")
        assert reader.read(quick, "html").text == PROSE


def test_a_child_that_died_is_replaced(tmp_path: Path, reader: BoundedReader) -> None:
    path = saved(tmp_path, "a.html", page(f"<p>{PROSE}</p>"))
    reader.read(path, "html")
    assert reader._child is not None
    reader._child.kill()
    reader._child.wait()
    assert reader.read(path, "html").text == PROSE


def test_the_limits_reach_the_readers(tmp_path: Path) -> None:
    pdf = Printed()
    for _ in range(3):
        pdf.line("A page.")
        pdf.page()
    with bounded(Limits(pages=2)) as reader, pytest.raises(CorpusError, match="more than the 2 allowed"):
        reader.read(saved(tmp_path, "a.pdf", pdf.done()), "pdf")


def test_no_child_outlives_its_reader(tmp_path: Path) -> None:
    with bounded(Limits()) as reader:
        reader.read(saved(tmp_path, "a.pdf", printed_guide()), "pdf")
        child = reader._child
    assert child is not None
    assert child.poll() is not None


def test_a_page_fetches_nothing(tmp_path: Path, reader: BoundedReader) -> None:
    asked: list[str] = []

    class Server(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        there = f"http://127.0.0.1:{server.server_port}"
        data = (
            f'<!DOCTYPE html PUBLIC "x" "{there}/dtd" [<!ENTITY e SYSTEM "{there}/entity">]><html><head>'
            f'<base href="{there}/"><link rel=canonical href="{there}/page"><link rel=stylesheet href="{there}/style">'
            f'<meta http-equiv=refresh content="0;url={there}/refresh">'
            f'<script src="{there}/script"></script></head><body>'
            f'<img src="{there}/image"><iframe src="{there}/frame"></iframe><object data="{there}/object"></object>'
            f'<p>{PROSE} &e;</p><p><a href="{there}/link">{MORE}</a></p></body></html>'
        )
        assert reader.read(saved(tmp_path, "a.html", data.encode()), "html").facts.source_url == f"{there}/page"
        server.shutdown()
    assert asked == []
