"""Write docs/settings.md from the settings themselves: python docs/settings_table.py"""

from __future__ import annotations

import ast
import inspect
from itertools import pairwise
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from wellcited.settings import PREFIX, SETTINGS_FILE, Settings

TABLE = Path(__file__).with_name("settings.md")
OPENING = f"""# Settings

Written by `python docs/settings_table.py` from `src/wellcited/settings.py`; change that, not this.

A setting comes from `{SETTINGS_FILE}` in the working directory, or from the environment, which wins; an option of the
command line (`--port`) wins over both. A name that is none is refused with the nearest one, a value out of bounds with
the bounds. In the environment a list is written as JSON: `{PREFIX}EMERGENCY_NUMBERS='["112"]'`. They are read once, as
the process starts.

```toml
# {SETTINGS_FILE}
host = "0.0.0.0"
trusted_proxies = 1
emergency_numbers = ["112"]
```

| name | environment variable | type | default | bounds | |
| --- | --- | --- | --- | --- | --- |
"""
_TYPES = {bool: "true or false", int: "whole number", float: "number", str: "text", Path: "path", SecretStr: "secret"}


def table() -> str:
    """Return the page: one row a setting, in the order of the model."""
    told = documented()
    return OPENING + "".join(_row(name, field, told.get(name, "")) for name, field in Settings.model_fields.items())


def documented() -> dict[str, str]:
    """Return the docstring of every field: the text that stands below it."""
    body = ast.parse(inspect.getsource(Settings)).body[0].body
    return {
        field.target.id: inspect.cleandoc(text.value.value)
        for field, text in pairwise(body)
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
    }


def _row(name: str, field: FieldInfo, told: str) -> str:
    told = " ".join(told.split()).replace("|", "\\|")
    cells = (f"`{name}`", f"`{PREFIX}{name.upper()}`", _type(field.annotation), _default(field), _bounds(field), told)
    return f"| {' | '.join(cells)} |\n"


def _type(kind: Any) -> str:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _type(arguments[0])
    if origin in (Union, UnionType):
        return " or ".join(_type(one) for one in arguments if one is not type(None))
    if origin is Literal:
        return "one of " + ", ".join(f"`{one}`" for one in arguments)
    if origin is tuple:
        return "list"
    return _TYPES[kind]


def _default(field: FieldInfo) -> str:
    value = field.get_default()
    if value is None or value == "":
        return "unset"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return "`[" + ", ".join(f'"{one}"' for one in value) + "]`"
    return f"`{value}`"


def _bounds(field: FieldInfo) -> str:
    told = []
    for bound in field.metadata:
        if isinstance(bound, Ge):
            told.append(f"{bound.ge} or more")
        elif isinstance(bound, Gt):
            told.append(f"more than {bound.gt}")
        elif isinstance(bound, Le):
            told.append(f"at most {bound.le}")
    return ", ".join(told)


if __name__ == "__main__":
    TABLE.write_text(table(), "utf-8")
