"""Which files of a folder are read, which are passed over, and which are named because they cannot be."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import docx
import pytest

from wellcited.corpus.reading import Corpus, read_corpus, read_document
from wellcited.errors import CorpusError

from .makers import Printed, printed_guide, word_file, word_guide
from .test_webpage import MORE, PROSE, page

GUIDE = "# Pens\n\nA pen writes.\n"


def write(folder: Path, name: str, content: str | bytes = GUIDE) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def paths(corpus: Corpus) -> list[str]:
    return [document.path for document in corpus.documents]


def skipped(corpus: Corpus) -> dict[str, str]:
    return {one.path: one.reason for one in corpus.skipped}


def test_all_formats_are_read_side_by_side_and_say_what_they_are(tmp_path: Path) -> None:
    write(tmp_path, "a.md")
    write(tmp_path, "b.txt", "Pens\nA pen writes.\n")
    write(
        tmp_path,
        "web/c.html",
        page(f"<article><h1>Keeping a stove</h1><p>{PROSE}</p><h2>Wood</h2><p>{MORE}</p></article>"),
    )
    write(tmp_path, "d.docx", word_file(word_guide()))
    write(tmp_path, "e.pdf", printed_guide())
    write(tmp_path, "f.csv", "question,answer\nWhat for?,For writing.\n")
    write(tmp_path, "g.json", '[{"question": "Why?", "answer": "To write."}]')
    write(tmp_path, "h.faq.md", "# Pens\n\n## Who?\n\nYou.\n")
    corpus = read_corpus(tmp_path, strict=True)
    assert paths(corpus) == ["a.md", "b.txt", "d.docx", "e.pdf", "f.csv", "g.json", "h.faq.md", "web/c.html"]
    assert {document.path: document.title for document in corpus.documents if document.path[0] in "dew"} == {
        "d.docx": "Keeping a stove",
        "e.pdf": "Keeping a stove",
        "web/c.html": "Keeping a stove",
    }
    assert [len(document.pages) for document in corpus.documents if document.path == "e.pdf"] == [3]
    for document in corpus.documents:
        assert read_document(tmp_path / document.path, tmp_path) == document


def test_the_ignore_file_is_written_as_git_has_it(tmp_path: Path) -> None:
    write(tmp_path, ".wellcitedignore", "# drafts\ndrafts/\n*.draft.md\n!keep.draft.md\n/top.md\n")
    for name in ("a.md", "top.md", "sub/top.md", "x.draft.md", "keep.draft.md", "drafts/b.md", "sub/drafts/c.md"):
        write(tmp_path, name)
    corpus = read_corpus(tmp_path)
    assert paths(corpus) == ["a.md", "keep.draft.md", "sub/top.md"]
    assert corpus.ignored == 4


def test_a_saved_page_is_read_without_its_parts(tmp_path: Path) -> None:
    write(tmp_path, "Stove.html", page(f"<p>{PROSE}</p><p>{MORE}</p>"))
    for name in ("frame.html", "style.css", "app.js", "logo.png"):
        write(tmp_path, f"Stove_files/{name}", page("<p>An advertisement that stood in a frame of its own.</p>"))
    write(tmp_path, "assets/site.css", "p{}")
    write(tmp_path, "notes_files/real.md")
    corpus = read_corpus(tmp_path)
    assert paths(corpus) == ["Stove.html", "notes_files/real.md"]
    assert (corpus.skipped, corpus.ignored) == ((), 5)


def test_the_first_page_of_a_folder_is_called_like_the_folder(tmp_path: Path) -> None:
    write(tmp_path, "index.html", page(f"<p>{PROSE}</p>", ""))
    write(tmp_path, "wood/index.html", page(f"<p>{MORE}</p>", ""))
    corpus = read_corpus(tmp_path)
    assert [(document.id, document.title) for document in corpus.documents] == [("index", "index"), ("wood", "wood")]


def test_links_in_a_circle_do_no_harm(tmp_path: Path) -> None:
    write(tmp_path, "a/one.md")
    write(tmp_path, "b/two.md")
    os.symlink(tmp_path, tmp_path / "a" / "up")
    os.symlink(tmp_path / "a", tmp_path / "b" / "other")
    os.symlink(tmp_path / "itself", tmp_path / "itself")
    os.symlink(tmp_path / "nowhere.md", tmp_path / "broken.md")
    assert paths(read_corpus(tmp_path)) == ["a/one.md", "b/two.md"]


def test_a_linked_folder_is_read_once(tmp_path: Path) -> None:
    write(tmp_path, "store/one.md")
    os.symlink(tmp_path / "store", tmp_path / "another")
    assert paths(read_corpus(tmp_path)) == ["store/one.md"]


DAMAGED = {
    "broken.docx": word_file(docx.Document())[:3000],
    "broken.pdf": b"%PDF-1.7 and nothing more",
    "binary.md": b"\x89PNG\0\0",
    "latin.txt": "caf\u00e9".encode("latin-1"),
    "large.md": b"word " * 400_000,
    "empty.html": b"<html><body></body></html>",
    "old.doc": b"\xd0\xcf\x11\xe0",
    "unclosed.md": b"---\ntitle: x\n",
    "no.csv": b"a,b\n1,2\n",
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_file_that_cannot_be_read_is_named_and_the_rest_is_read(tmp_path: Path, name: str) -> None:
    write(tmp_path, name, DAMAGED[name])
    write(tmp_path, "whole.md")
    write(tmp_path, "whole.pdf", printed_guide())
    corpus = read_corpus(tmp_path, 1.0)
    assert paths(corpus) == ["whole.md", "whole.pdf"]
    ((path, reason),) = skipped(corpus).items()
    assert path == name
    assert "\n" not in reason
    assert ";" in reason  # what is wrong; what to do
    with pytest.raises(CorpusError) as caught:
        read_corpus(tmp_path, 1.0, strict=True)
    assert str(caught.value) == f"{tmp_path / name}: {reason}"


def test_a_file_behind_a_password_is_named(tmp_path: Path) -> None:
    pdf = Printed("x")
    pdf.lines(PROSE)
    write(tmp_path, "secret.pdf", pdf.done())
    write(tmp_path, "whole.md")
    assert skipped(read_corpus(tmp_path)) == {"secret.pdf": "is protected by a password; save it without one"}


def test_a_folder_that_may_not_be_opened_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "whole.md")
    shut = write(tmp_path, "shut/one.md").parent
    listed = Path.iterdir

    def iterdir(folder: Path) -> Iterator[Path]:  # as root, who runs the tests in a container, may open anything
        if folder == shut:
            raise PermissionError(13, "Permission denied", str(folder))
        return listed(folder)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    assert skipped(read_corpus(tmp_path)) == {"shut": "cannot be read: Permission denied"}


def test_where_nothing_can_be_read_the_first_file_is_named_and_the_others_counted(tmp_path: Path) -> None:
    write(tmp_path, "a.pdf", b"x")
    write(tmp_path, "b.md", "")
    with pytest.raises(CorpusError) as caught:
        read_corpus(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / 'a.pdf'}: is damaged or no PDF")
    assert str(caught.value).endswith("(and 1 more file cannot be read)")


def test_the_same_folder_gives_the_same_corpus(tmp_path: Path) -> None:
    write(tmp_path, "a.html", page(f"<p>{PROSE}</p><p>{MORE}</p>"))
    write(tmp_path, "b.pdf", printed_guide())
    write(tmp_path, "c.docx", word_file(word_guide()))
    assert read_corpus(tmp_path) == read_corpus(tmp_path)
