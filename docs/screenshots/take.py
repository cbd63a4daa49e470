"""Retakes the screenshots of this folder from a running `wellcited serve`: python docs/screenshots/take.py."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

HERE = Path(__file__).parent
QUESTION = "What does the psoas do?"
FOLLOW_UP = "And the iliacus?"
EMERGENCY = "My hip hurts and I lost control of my bladder this morning"
UNCOVERED = "Which running shoes should I buy?"


def main() -> None:
    """Take every picture; each stays below 250 kB."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--url", default="http://127.0.0.1:7860")
    url = options.parse_args().url
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        take_desktop(browser, url, "light")
        take_desktop(browser, url, "dark")
        take_phone(browser, url)
        browser.close()
    for picture in sorted(HERE.glob("*.png")):
        size = picture.stat().st_size
        print(f"{picture.name}: {size // 1024} kB")
        if size >= 250_000:
            raise SystemExit(f"{picture} is larger than 250 kB")


def take_desktop(browser: Browser, url: str, scheme: str) -> None:
    """The answer with its passage, and in the light also the first window, what the guide lacks, and the guide."""
    page = open_chat(browser, url, 1280, 800, scheme)
    if scheme == "light":
        save(page, "welcome")
    ask(page, QUESTION)
    page.locator(".number").first.click()
    save(page, "answer" if scheme == "light" else "answer-dark")
    if scheme == "dark":
        return
    guide = page.context.new_page()
    guide.goto(url + str(page.locator(".shown a.button").get_attribute("href")))
    save(guide, "guide")
    ask(page, FOLLOW_UP)
    page.locator(".reply").last.locator(".number").first.click()
    save(page, "follow-up")
    page.get_by_role("button", name="New conversation").click()
    ask(page, UNCOVERED)
    save(page, "not-covered")
    page.get_by_role("button", name="New conversation").click()
    ask(page, EMERGENCY)
    save(page, "emergency")


def take_phone(browser: Browser, url: str) -> None:
    """The same on a small screen."""
    page = open_chat(browser, url, 360, 740, "light")
    ask(page, QUESTION)
    save(page, "phone-answer")
    page.locator(".number").first.click()
    save(page, "phone-passage")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="New conversation").click()
    ask(page, EMERGENCY)
    save(page, "phone-emergency")


def open_chat(browser: Browser, url: str, width: int, height: int, scheme: str) -> Page:
    """Open the chat in a fresh window."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
        device_scale_factor=2 if width < 600 else 1,
    )
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector("gradio-app .wc")
    return page


def ask(page: Page, question: str) -> None:
    """Ask, and wait for the reply."""
    before = page.locator(".reply").count()
    page.get_by_label("Your question").fill(question)
    page.keyboard.press("Enter")
    expect(page.locator(".reply")).to_have_count(before + 1)


def save(page: Page, name: str) -> None:
    """Save what the window shows."""
    page.mouse.move(0, 0)
    page.wait_for_timeout(300)
    page.screenshot(path=HERE / f"{name}.png")


if __name__ == "__main__":
    main()
