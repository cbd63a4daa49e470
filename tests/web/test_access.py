"""axe on the pages of the server itself: the chat in its states, a guide, the list of guides, the API's reference."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from .conftest import Open

pytestmark = pytest.mark.browser

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def violations(page: Page) -> list[str]:
    """Return what axe finds, a line for each place."""
    found = Axe().run(page, options={"runOnly": RULES, "resultTypes": ["violations"]})
    return [
        f"{entry['id']}: {node['html'][:200]} {node['failureSummary']}"
        for entry in found.response["violations"]
        for node in entry["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_chat_has_no_violation_in_any_state(open_page: Open, scheme: str, width: int) -> None:
    page = open_page("/", width=width, color_scheme=scheme)
    assert violations(page) == []
    for number, question in enumerate(("How long should I press?", "I lost control of my bladder", "the moon?"), 1):
        page.get_by_label("Your question").fill(question)
        page.keyboard.press("Enter")
        expect(page.locator(".reply")).to_have_count(number)
        for summary in page.locator(".turn details:not([open]) summary").all():
            summary.click()
        assert violations(page) == []
    page.locator("button.number").first.click()
    page.wait_for_selector(".panel:not([hidden])")
    assert violations(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/guide", "/guide/hip-guide?start=10&end=60", "/docs"])
def test_the_pages_have_no_violation(open_page: Open, path: str, scheme: str) -> None:
    assert violations(open_page(path, color_scheme=scheme)) == []
