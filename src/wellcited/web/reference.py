"""The API's own page at /docs: written from the OpenAPI description, with nothing loaded from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.responses import HTMLResponse

from wellcited.web.markup import escape
from wellcited.web.static import asset_url, frame


def reference_router(app: FastAPI, root: str = "") -> APIRouter:
    """Serve `/docs`: every operation of `app` with its fields, and a line to try it with."""
    router = APIRouter(include_in_schema=False)

    @router.get("/docs", response_class=HTMLResponse)
    def reference() -> HTMLResponse:
        return HTMLResponse(reference_page(app.openapi(), root))

    return router


def reference_page(openapi: Mapping[str, Any], root: str = "") -> str:
    """Return an OpenAPI description as a page, for a server that is mounted at `root`."""
    schemas = openapi.get("components", {}).get("schemas", {})
    operations = "".join(
        _operation_html(method.upper(), f"{root}{path}", operation, schemas)
        for path, methods in openapi["paths"].items()
        for method, operation in methods.items()
    )
    types = "".join(
        f'<section id="{escape(name)}"><h3><code>{escape(name)}</code></h3>'
        f"<p>{escape(_first_line(schema.get('description', '')))}</p>{_fields_html(schema)}</section>"
        for name, schema in sorted(schemas.items())
        if "properties" in schema and not name.endswith("ValidationError")
    )
    return frame("reference.html").substitute(
        title=escape(openapi["info"]["title"]),
        version=escape(openapi["info"]["version"]),
        summary=escape(openapi["info"].get("summary", "")),
        operations=operations,
        types=types,
        root=root,
        theme_css=asset_url("theme.css", root),
        guide_css=asset_url("guide.css", root),
        theme_js=asset_url("theme.js", root),
        icon=asset_url("icon.svg", root),
    )


def _operation_html(method: str, path: str, operation: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    name = body.get("$ref", "").rpartition("/")[2]
    sent = ""
    if name in schemas:
        example = json.dumps((schemas[name].get("examples") or [{}])[0], ensure_ascii=False)
        command = f"curl http://127.0.0.1:7860{path} -H 'Content-Type: application/json' -d '{example}'"
        sent = f'<h3>Send</h3>{_fields_html(schemas[name])}<pre tabindex="0"><code>{escape(command)}</code></pre>'
    returned = "".join(
        f"<tr><th scope=row>{escape(status)}</th><td>{escape(response.get('description', ''))}</td>"
        f"<td>{_types_of(response)}</td></tr>"
        for status, response in operation["responses"].items()
    )
    return (
        f"<section><h2><code>{method} {escape(path)}</code></h2>"
        f"<p><strong>{escape(operation.get('summary', ''))}</strong><br>"
        f"{escape(operation.get('description', ''))}</p>{sent}"
        f'<h3>Returned</h3><div class="wide"><table>{returned}</table></div></section>'
    )


def _fields_html(schema: Mapping[str, Any]) -> str:
    required = schema.get("required", [])
    rows = "".join(
        f"<tr><th scope=row><code>{escape(name)}</code>{'' if name in required else ' <small>optional</small>'}</th>"
        f"<td>{_type_html(field)}</td><td>{escape(field.get('description', ''))}{_bounds(field)}</td></tr>"
        for name, field in schema.get("properties", {}).items()
    )
    return f'<div class="wide"><table>{rows}</table></div>'


def _type_html(field: Mapping[str, Any]) -> str:
    if "$ref" in field:
        name = escape(field["$ref"].rpartition("/")[2])
        return f'<a href="#{name}"><code>{name}</code></a>'
    if "enum" in field:
        return " | ".join(f"<code>{escape(json.dumps(value))}</code>" for value in field["enum"])
    if "anyOf" in field:
        return " | ".join(_type_html(option) for option in field["anyOf"])
    if field.get("type") == "array":
        return f"list of {_type_html(field.get('items', {}))}"
    return f"<code>{escape(str(field.get('type', 'any')))}</code>"


def _types_of(response: Mapping[str, Any]) -> str:
    return " ".join(
        f"{_type_html(content['schema']) if '$ref' in content.get('schema', {}) else ''} <small>{escape(media)}</small>"
        for media, content in response.get("content", {}).items()
    )


def _bounds(field: Mapping[str, Any]) -> str:
    names = {"minLength": "at least", "maxLength": "at most", "maxItems": "at most", "minimum": "from", "maximum": "to"}
    found = [f"{words} {field[name]}" for name, words in names.items() if name in field]
    return f" <small>({escape(', '.join(found))})</small>" if found else ""


def _first_line(text: str) -> str:
    return text.partition("\n")[0]
