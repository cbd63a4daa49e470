"""Files become documents, or are refused in one line that names the file and the remedy."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
from conftest import KETTLE

from wellcited.corpus.frontmatter import split_front_matter
from wellcited.corpus.reading import read_corpus, read_document
from wellcited.errors import CorpusError

GUIDE = "# Pens\n\nA pen writes.\n"


def write(folder: Path, name: str, content: str | bytes = GUIDE) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def refusal(folder: Path, max_file_mb: float = 20.0, strict: bool = False) -> str:
    """The error of reading `folder`: one line that is not too long to be read."""
    with pytest.raises(CorpusError) as caught:
        read_corpus(folder, max_file_mb, strict=strict)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message.replace(str(folder), "")) < 300
    return message


def test_a_corpus_is_read_in_the_order_of_its_paths(tmp_path: Path) -> None:
    for name in ("b.md", "a.txt", "sub/c.markdown", "sub/D.MD"):
        write(tmp_path, name, "Pens\nA pen writes.\n" if name.endswith("txt") else GUIDE)
    write(tmp_path, ".hidden.md")
    write(tmp_path, ".git/e.md")
    write(tmp_path, "logo.png", b"\x89PNG\0")
    documents = read_corpus(tmp_path).documents
    assert [document.path for document in documents] == ["a.txt", "b.md", "sub/D.MD", "sub/c.markdown"]
    assert [document.id for document in documents] == ["a", "b", "d", "c"]
    assert {document.title for document in documents} == {"Pens"}


def test_every_field_of_the_front_matter_reaches_the_document(tmp_path: Path) -> None:
    source = (
        "---\nid: My Pens\ntitle: 'All: pens'\nlanguage: de\nupdated: 2025-03-01\nsource: Retold.\n"
        "source_url: https://example.org\n---\n# Other\n\nEin Stift schreibt.\n"
    )
    document = read_document(write(tmp_path, "x.md", source), tmp_path)
    assert (document.id, document.title, document.language) == ("my-pens", "All: pens", "de")
    assert (document.updated, document.source, document.source_url) == (
        date(2025, 3, 1),
        "Retold.",
        "https://example.org",
    )
    assert document.text == "Other\n\nEin Stift schreibt."


@pytest.mark.parametrize(
    "opening",
    ["---\n---\n", "---\n# nothing but a comment\n---\n", "\ufeff---\r\nlanguage: en\r\n---\r\n", "--- \n ---\n", ""],
)
def test_front_matter_may_be_empty_or_left_out(tmp_path: Path, opening: str) -> None:
    document = read_document(write(tmp_path, "pens.md", opening + GUIDE), tmp_path)
    assert (document.id, document.title, document.text) == ("pens", "Pens", "Pens\n\nA pen writes.")


def test_a_plain_text_file_has_no_front_matter_and_is_kept_letter_by_letter(tmp_path: Path) -> None:
    text = "Pens\r\nA pen writes.\r\n---\r\nMore text.\r\n"
    assert read_document(write(tmp_path, "pens.txt", text), tmp_path).text == text


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    assert read_document(write(tmp_path, "pens.txt", "\ufeffPens\nA pen writes.\n"), tmp_path).title == "Pens"


def test_a_guide_without_headings_is_called_like_its_file(tmp_path: Path) -> None:
    assert read_document(write(tmp_path, "My pens.txt", "A pen writes.\n"), tmp_path).title == "My pens"


@pytest.mark.parametrize("writing", ["日本語の文です。", "Ручка пишет.", "القلم يكتب.", "é", "7"])
def test_words_of_any_script_are_text(tmp_path: Path, writing: str) -> None:
    assert read_document(write(tmp_path, "x.md", writing), tmp_path).text == writing


def test_the_whole_of_a_guide_with_front_matter_is_read(tmp_path: Path) -> None:
    front, rest = split_front_matter(KETTLE)
    assert front.id == "kettle-care"
    assert rest.startswith("# Caring for a kettle\n")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    assert re.search(r"nowhere: no such corpus folder; put your guide there", refusal(tmp_path / "nowhere"))
    assert "file.md: is a file; give the folder that holds it" in refusal(write(tmp_path, "file.md"))


def test_a_folder_without_a_guide_is_named(tmp_path: Path) -> None:
    write(tmp_path, "logo.png")
    assert refusal(tmp_path) == f"{tmp_path}: no guide in this folder; put your guide there as a .md or .txt file"


@pytest.mark.parametrize("data", ["Häuser".encode("latin-1"), b"ok\n\xc3", b"\xed\xa0\x80"])
def test_what_is_not_utf8_is_named_with_the_place_of_the_byte(tmp_path: Path, data: bytes) -> None:
    path = write(tmp_path, "latin.txt", data)
    message = refusal(tmp_path)
    assert message.startswith(f"{path}: is not UTF-8 (byte 0x")
    assert message.endswith("save it as UTF-8")


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n\0\0", b"text\0text"])
def test_binary_data_is_named(tmp_path: Path, data: bytes) -> None:
    path = write(tmp_path, "photo.txt", data)
    assert refusal(tmp_path).startswith(f"{path}: is not text but binary data; save the guide as UTF-8 text")


def test_a_file_of_50_megabytes_is_refused_without_being_read(tmp_path: Path) -> None:
    path = write(tmp_path, "big.md")
    with path.open("r+b") as file:
        file.truncate(50_000_000)  # sparse: it takes no room, and reading it would find binary data
    assert refusal(tmp_path) == (
        f"{path}: has 50 MB, more than the 20 MB allowed; split it, or raise WELLCITED_MAX_FILE_MB"
    )


def test_the_limit_of_a_file_can_be_set(tmp_path: Path) -> None:
    path = write(tmp_path, "pens.md", GUIDE + "word " * 300)
    assert read_corpus(tmp_path, 0.002)
    assert refusal(tmp_path, 0.001).startswith(f"{path}: has ")


@pytest.mark.parametrize(
    ("front", "reason"),
    [
        ("title: a: b", "does not parse (line 2)"),
        ("id: x\ntitle: 'open", "does not parse"),
        ("title: \x01", "does not parse"),
        ("? [a]\n: b", "does not parse"),
        ("title: !!python/object:os.system x", "does not parse"),
        ("- a list", "is not a list of `name: value` lines"),
        ("just words", "is not a list of `name: value` lines"),
        ("autor: me", "front matter 'autor'"),
        ("1: x", "front matter '1'"),
        ("title: [a]", "front matter 'title'"),
        ("id: 5", "front matter 'id'"),
        ("updated: yesterday", "front matter 'updated'"),
        ("updated: 2025-02-30", "does not parse: day is out of range"),
        ("updated: 2025-13-01", "does not parse: month must be in 1..12"),
        ("title: " + "[" * 3000, "does not parse"),
    ],
)
def test_front_matter_that_cannot_be_used_is_named(tmp_path: Path, front: str, reason: str) -> None:
    path = write(tmp_path, "pens.md", f"---\n{front}\n---\n{GUIDE}")
    message = refusal(tmp_path)
    assert message.startswith(f"{path}: ")
    assert reason in message


def test_an_unknown_name_in_the_front_matter_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    write(tmp_path, "pens.md", f"---\nautor: me\n---\n{GUIDE}")
    assert refusal(tmp_path).endswith("known names are id, title, language, updated, source, source_url, kind")


def test_front_matter_that_is_never_closed_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, "pens.md", f"---\ntitle: x\n{GUIDE}")
    assert refusal(tmp_path) == f"{path}: the front matter opened by --- on line 1 is never closed; add a line ---"


def ids(folder: Path) -> dict[str, str]:
    return {document.path: document.id for document in read_corpus(folder).documents}


def test_guides_of_one_name_in_two_folders_are_told_apart_by_their_paths(tmp_path: Path) -> None:
    for name in ("knee/care.md", "hip/care.md", "hip/exercises.md", "care/index.md", "index.md"):
        write(tmp_path, name)
    assert ids(tmp_path) == {
        "care/index.md": "care",
        "hip/care.md": "hip-care",
        "hip/exercises.md": "exercises",
        "index.md": "index",
        "knee/care.md": "knee-care",
    }


def test_guides_that_differ_by_their_ending_alone_keep_their_ids_when_others_come(tmp_path: Path) -> None:
    for name in ("pens.md", "pens.txt", "My Pens.md", "my-pens.md"):
        write(tmp_path, name, "Pens\nA pen writes.\n")
    before = ids(tmp_path)
    assert len(set(before.values())) == 4
    assert all(re.fullmatch(r"(my-)?pens-[0-9a-f]{6}", name) for name in before.values())
    for name in ("a.md", "z/pens.md", "sub/other.md"):
        write(tmp_path, name)
    assert before.items() <= ids(tmp_path).items()


def test_a_file_that_cannot_be_read_does_not_change_the_ids_of_others(tmp_path: Path) -> None:
    write(tmp_path, "a/pens.md")
    write(tmp_path, "b/pens.md", b"\xff binary \0")
    assert ids(tmp_path) == {"a/pens.md": "a-pens"}


def test_a_chosen_id_wins_over_one_made_from_a_name(tmp_path: Path) -> None:
    write(tmp_path, "a.md", f"---\nid: pens\n---\n{GUIDE}")
    write(tmp_path, "sub/pens.md")
    assert ids(tmp_path) == {"a.md": "pens", "sub/pens.md": "sub-pens"}


def test_two_guides_that_chose_one_id_are_both_named(tmp_path: Path) -> None:
    paths = {str(write(tmp_path, name, f"---\nid: My Pens\n---\n{GUIDE}")) for name in ("a.md", "b.md")}
    message = refusal(tmp_path)
    assert all(path in message for path in paths)
    assert "another `id:`" in message


def test_an_id_of_its_own_tells_two_guides_of_one_name_apart(tmp_path: Path) -> None:
    write(tmp_path, "pens.md")
    write(tmp_path, "sub/pens.md", f"---\nid: other\n---\n{GUIDE}")
    assert [document.id for document in read_corpus(tmp_path).documents] == ["pens", "other"]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.md", "", "has no text"),
        ("empty.txt", "", "has no text"),
        ("bom.txt", "\ufeff", "has no text"),
        ("white.txt", " \n\t\r\n\u2028", "has no text"),
        ("front.md", "---\ntitle: x\n---\n", "has no text"),
        ("comment.md", "<!-- nothing -->", "has no text"),
        ("headings.md", "# One\n\n## Two\n\n### Three\n", "has headings but no text under them"),
        ("dots.txt", "...\n!!!\n", "no text"),
        ("rule.md", "Pens\n===\n\n- ...\n", "has headings but no text under them"),
        ("emoji.md", "😀 😀\n", "no text"),
    ],
)
def test_a_guide_that_says_nothing_is_named(tmp_path: Path, name: str, content: str, reason: str) -> None:
    path = write(tmp_path, name, content)
    message = refusal(tmp_path)
    assert message.startswith(f"{path}: ")
    assert reason in message
    assert "remove the file" in message


def test_a_questions_file_without_its_guide_is_named(tmp_path: Path) -> None:
    write(tmp_path, "pens.md")
    path = write(tmp_path, "penns.questions.md", "# Pens\n\n- Why?\n")
    assert [skipped.path for skipped in read_corpus(tmp_path).skipped] == ["penns.questions.md"]
    assert (
        refusal(tmp_path, strict=True) == f"{path}: there is no guide penns.md or .txt beside it; rename or remove it"
    )


def test_questions_alone_are_no_guide(tmp_path: Path) -> None:
    write(tmp_path, "pens.questions.md", "# Pens\n\n- Why?\n")
    assert "no guide in this folder" in refusal(tmp_path)
