"""Chromium, and a page in it that notices what a page must not do."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
WEB = Path(__file__).parents[3] / "packages" / "llm-obs-ui" / "web"
AXE = WEB / "node_modules" / "axe-core" / "axe.min.js"


@contextmanager
def chromium() -> Iterator[Browser]:
    """The machine's own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
        yield browser
        browser.close()


class Watched:
    """A page of the server, with what it complained of and whom else it asked.

    Args:
        browser: In which.
        base: The server's address.
        picture: Where a picture of it is left when it is closed; nowhere when empty.
        **options: Of the browser's context: `color_scheme`, `viewport` …
    """

    def __init__(self, browser: Browser, base: str, picture: str = "", **options: Any) -> None:
        options.setdefault("viewport", {"width": 1440, "height": 900})
        self.base = base
        self._picture = picture
        self.context: BrowserContext = browser.new_context(**options)
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.elsewhere: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))
        self.page.on("request", lambda request: self._asked(request.url))

    def _asked(self, url: str) -> None:
        if not url.startswith(self.base + "/"):
            self.elsewhere.append(url)

    def open(self, path: str) -> Page:
        """Goes there and waits until nothing is being loaded."""
        self.page.goto(self.base + path)
        self.settle()
        return self.page

    def settle(self) -> None:
        """Waits until nothing is being loaded and drawn; what is only passed by is loaded a moment later."""
        self.page.evaluate("() => new Promise(done => setTimeout(() => requestAnimationFrame(done), 90))")
        expect(self.page.locator(".progress.busy, [aria-busy=true]")).to_have_count(0, timeout=20_000)
        self.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def barriers(self) -> list[str]:
        """What axe-core finds against WCAG 2.2 A and AA, colour contrast included."""
        self.page.evaluate(AXE.read_text())
        found = self.page.evaluate(
            "() => axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']})"
        )
        return [
            f"{violation['id']}: {node['target']} {node['failureSummary']}"
            for violation in found["violations"]
            for node in violation["nodes"]
        ]

    def shifts(self) -> float:
        """How much the layout jumped since the page was opened (cumulative layout shift)."""
        total: float = self.page.evaluate(
            """() => new Promise(done => {
                let total = 0;
                new PerformanceObserver(list => {
                    for (const entry of list.getEntries()) if (!entry.hadRecentInput) total += entry.value;
                }).observe({ type: "layout-shift", buffered: true });
                setTimeout(() => done(total), 50);
            })"""
        )
        return total

    def close(self) -> None:
        """Ends the context. May be called twice."""
        if self.page.is_closed():
            return
        if self._picture:
            self.page.screenshot(path=self._picture)
        self.context.close()
