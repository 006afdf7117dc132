"""The page, in a real browser, on the real query server."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from llm_obs_core.errors import StoreError
from llm_obs_testing.memory import MemoryReader, MemoryStore
from page_browser import Watched
from page_data import AGENT, EVIL, HOSTILE, LARGE, LARGE_SPANS, STRANGE, agent, hex_id
from page_server import serving
from page_up import send, up
from playwright.sync_api import Response

pytestmark = pytest.mark.e2e

Open = Callable[..., Watched]
VIEWS = {
    "overview": "/",
    "traces": "/traces",
    "trace": f"/traces/{hex_id(AGENT)}",
    "conversation": f"/traces/{hex_id(AGENT)}?view=conversation",
    "hostile": f"/traces/{hex_id(HOSTILE)}",
    "large": f"/traces/{hex_id(LARGE)}",
    "strange": f"/traces/{hex_id(STRANGE)}",
    "nothing": "/nothing",
}
MORE = re.compile("^(All|More of) .* characters$")
PHONE = {"width": 380, "height": 780}


def query(watched: Watched) -> dict[str, list[str]]:
    return parse_qs(urlsplit(watched.page.url).query, keep_blank_values=True)


def ask(base: str, document: str, **variables: object) -> dict[str, object]:
    body = httpx.post(f"{base}/graphql", json={"query": document, "variables": variables}).json()
    assert "errors" not in body
    data: dict[str, object] = body["data"]
    return data


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", VIEWS)
def test_a_view_has_no_barriers_and_does_not_jump(look: Open, view: str, scheme: str) -> None:
    watched = look(VIEWS[view], color_scheme=scheme)
    assert watched.barriers() == []
    assert watched.shifts() < 0.02


@pytest.mark.parametrize("view", VIEWS)
def test_a_narrow_view_fits(look: Open, view: str) -> None:
    watched = look(VIEWS[view], viewport=PHONE)
    assert watched.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert watched.barriers() == []


def test_the_figures_are_the_api_s(look: Open, server: str) -> None:
    watched = look("/?live=off")
    end = time.time_ns()
    data = ask(
        server,
        "query($s: Int64!, $e: Int64!) { aggregate(startNs: $s, endNs: $e) { rows { requests errors } } }",
        s=str((end - 3600 * 10**9) // (60 * 10**9) * 60 * 10**9),
        e=str(end),
    )
    (row,) = data["aggregate"]["rows"]  # type: ignore[index]
    requests = watched.page.locator(".figure", has_text="Requests").locator(".value")
    assert requests.get_attribute("title") == f"{int(row['requests']):,}"
    assert f"{int(row['errors']):,} failed" in watched.page.locator(".figure", has_text="Error rate").inner_text()


def test_charts_have_a_table_of_the_same_numbers(look: Open) -> None:
    page = look("/").page
    page.get_by_role("button", name="Requests: as a table").click()
    table = page.get_by_role("region", name="Requests as a table")
    cells = table.locator("tbody td:nth-child(2)").all_inner_texts()
    total = page.locator(".figure", has_text="Requests").locator(".value").get_attribute("title")
    assert sum(int(cell.replace(",", "")) for cell in cells) == int((total or "").replace(",", ""))


def test_a_drag_over_a_chart_chooses_its_time(look: Open) -> None:
    watched = look("/")
    box = watched.page.locator(".u-over").first.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    watched.page.mouse.move(box["x"] + box["width"] * 0.25, middle)
    watched.page.mouse.down()
    watched.page.mouse.move(box["x"] + box["width"] * 0.5, middle, steps=5)
    watched.page.mouse.up()
    watched.page.wait_for_url(re.compile("from="))
    chosen = query(watched)
    assert 14 * 60_000 <= int(chosen["to"][0]) - int(chosen["from"][0]) <= 17 * 60_000
    watched.page.go_back()
    assert "from" not in query(watched)


def test_a_time_can_be_typed_in_the_browser_s_zone(look: Open, store: MemoryStore) -> None:
    watched = look("/traces?range=6h&live=off", timezone_id="Asia/Kolkata")
    page = watched.page
    page.get_by_text("times in Asia/").wait_for()
    page.locator("summary", has_text="Other").click()
    page.get_by_label("From").fill("2026-01-02T03:30")
    page.get_by_label("To").fill("2026-01-02T03:00")
    page.get_by_role("button", name="Show").click()
    assert "from" not in query(watched)
    page.get_by_label("To").fill("2026-01-02T04:00")
    page.get_by_role("button", name="Show").click()
    watched.settle()
    # 03:30 in Kolkata is 22:00 of the day before in UTC.
    assert (query(watched)["from"], query(watched)["to"]) == (["1767304800000"], ["1767306600000"])
    assert page.get_by_role("button", name="Remove time 2 Jan 03:30 – 04:00").is_visible()
    assert page.get_by_text("No traces match.").is_visible()
    assert watched.barriers() == []


def test_a_row_filters_the_page_and_the_filter_stays(look: Open) -> None:
    watched = look("/")
    page = watched.page
    page.locator(".breakdown-user .row-name").first.click()
    watched.settle()
    (user,) = query(watched)["user"]
    assert page.locator(".breakdown-user tbody tr").count() == 1
    page.get_by_role("link", name="Traces", exact=True).click()
    watched.settle()
    assert query(watched)["user"] == [user]
    assert set(page.locator(".who .user").all_inner_texts()) == {user}
    page.reload()
    watched.settle()
    page.get_by_role("button", name=f"Remove filter user: {user}").click()
    watched.settle()
    assert "user" not in query(watched)
    assert len(set(page.locator(".who .user").all_inner_texts())) > 1


def test_typing_a_filter(look: Open) -> None:
    watched = look("/traces")
    page = watched.page
    page.keyboard.press("/")
    page.keyboard.type("mod")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    box = page.get_by_role("combobox", name="Add a filter")
    assert box.input_value() == "model:"
    page.keyboard.type("claude")
    page.get_by_role("option", name=re.compile("claude-sonnet-4-5-2")).wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    watched.settle()
    assert query(watched)["model"][0].startswith("claude-sonnet-4-5")
    page.keyboard.type("min_duration:1s")
    page.keyboard.press("Enter")
    watched.settle()
    assert query(watched)["min_duration"] == ["1s"]
    page.keyboard.type("ask")
    page.keyboard.press("Enter")
    watched.settle()
    assert query(watched)["name"] == ["ask"]
    assert all("ask" in name for name in page.locator(".row-link .name").all_inner_texts())
    page.keyboard.press("Backspace")
    watched.settle()
    assert "name" not in query(watched)
    page.get_by_role("button", name="Clear").click()
    watched.settle()
    assert query(watched) == {}


def test_the_list_goes_on_as_far_as_it_is_scrolled(look: Open, store: MemoryStore) -> None:
    watched = look("/traces?live=off")
    rows = watched.page.locator(".tracelist tbody tr")
    assert rows.count() >= 50
    for _ in range(10):
        watched.page.mouse.wheel(0, 10_000)
        watched.settle()
    watched.page.get_by_text("all that match").wait_for()
    shown = [link.split("?")[0] for link in rows.locator("a").evaluate_all("links => links.map(a => a.pathname)")]
    assert len(shown) == len(set(shown)) == len(store.traces)


def test_the_list_with_the_keyboard(look: Open) -> None:
    watched = look("/traces")
    page = watched.page
    for key in ("j", "j", "j", "k"):
        page.keyboard.press(key)
    focused = page.evaluate("document.activeElement.pathname")
    assert focused == page.locator(".row-link").nth(1).evaluate("a => a.pathname")
    page.keyboard.press("Enter")
    watched.settle()
    assert urlsplit(page.url).path == focused
    page.keyboard.press("Escape")
    watched.settle()
    assert urlsplit(page.url).path == "/traces"
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Keys").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")
    page.keyboard.press("o")
    watched.settle()
    assert urlsplit(page.url).path == "/"


def test_a_trace_with_the_keyboard(look: Open) -> None:
    watched = look(f"/traces/{hex_id(AGENT)}")
    page = watched.page

    def selected() -> str:
        return page.locator("[role=treeitem][aria-selected=true]").inner_text()

    tree = page.get_by_role("tree")
    tree.focus()
    assert "answer_customer" in selected()
    page.keyboard.press("ArrowLeft")
    assert page.get_by_role("treeitem").count() == 1
    assert "1 failed below" in selected()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert "chat gpt-4o" in selected()
    page.keyboard.press("e")
    assert ", failed" in selected()
    watched.settle()
    details = page.get_by_role("region", name="Selected span")
    for said in ("RateLimitError", "rate limited", "openai.RateLimitError", "app.py", "429"):
        assert said in details.inner_text()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "details"
    page.keyboard.press("c")
    watched.settle()
    assert page.get_by_role("region", name="Conversation").is_visible()
    page.keyboard.press("c")
    assert page.get_by_role("tree").is_visible()
    assert tree.get_attribute("aria-activedescendant")


def test_stepping_through_spans_asks_for_several_at_once(look: Open) -> None:
    watched = look(f"/traces/{hex_id(LARGE)}")
    asked: list[str] = []
    watched.page.on("request", lambda request: asked.append(request.post_data or ""))
    for _ in range(6):
        watched.page.keyboard.press("j")
        watched.settle()
    assert sum("query Details" in body for body in asked) <= 1


def test_a_conversation_tells_each_message_once(look: Open) -> None:
    watched = look(f"/traces/{hex_id(AGENT)}?view=conversation")
    page = watched.page
    page.locator(".step").nth(3).wait_for()
    text = page.get_by_role("region", name="Conversation").inner_text()
    assert text.count("Where is order 4711?") == 1
    assert text.count("Answer briefly.") == 1
    assert "rate limited" in text
    assert "9007199254740993" in text  # digits that a double does not have
    assert text.count("It was sent yesterday.") < 200
    page.get_by_role("button", name="All 4,600 characters").click()
    assert page.get_by_role("region", name="Conversation").inner_text().count("It was sent yesterday.") == 200
    page.locator(".step-open").nth(1).click()
    watched.settle()
    assert "execute_tool lookup" in page.get_by_role("region", name="Selected span").inner_text()


def test_usage_and_cost_of_a_call(look: Open) -> None:
    span = (9_100_001).to_bytes(8, "big").hex()
    details = look(f"/traces/{hex_id(AGENT)}?span={span}").page.get_by_role("region", name="Selected span").inner_text()
    for said in ("$0.002620000", "openai/gpt-4o", "1,024", "400\u202fms", "gpt-4o → gpt-4o-2024-08-06"):
        assert said in details


def test_spans_without_parents_and_with_wrong_clocks_are_told(look: Open) -> None:
    page = look(f"/traces/{hex_id(STRANGE)}").page
    assert page.get_by_role("treeitem", name=re.compile("lost its parent.*no parent")).count() == 1
    assert page.locator(".badge", has_text="clock").count() == 1
    assert page.locator(".badge", has_text="no root").count() == 1


def test_ten_thousand_spans_are_opened_by_a_slim_answer(look: Open) -> None:
    """From the list: what is drawn first is an outline, and the details come for the span that is looked at."""
    watched = look("/traces?live=off&name=nightly")
    page = watched.page
    answers: dict[str, tuple[str, int]] = {}

    def note(response: Response) -> None:
        asked = json.loads(response.request.post_data or "{}").get("query", "")
        name = re.match(r"query (\w+)", asked)
        if name:
            answers[name[1]] = (asked, len(response.body()))

    page.on("response", note)
    page.locator(".row-link").click()
    page.get_by_role("treeitem").first.wait_for()
    assert page.get_by_text(f"{LARGE_SPANS:,} spans").is_visible()
    assert page.get_by_role("treeitem").count() < 80
    assert page.evaluate("document.querySelectorAll('*').length") < 3_000
    watched.settle()
    outline, outline_bytes = answers["Trace"]
    assert not set(re.findall(r"\w+", outline)) & {"attributes", "content", "events", "links", "resource"}
    assert outline_bytes < LARGE_SPANS * 200
    assert answers["Details"][1] < 64 * 1024


def test_ten_thousand_spans_scroll_like_ten(look: Open) -> None:
    watched = look(f"/traces/{hex_id(LARGE)}")
    page = watched.page
    assert page.get_by_text(f"{LARGE_SPANS:,} spans").is_visible()
    body = page.get_by_role("tree")
    most = 0
    for _ in range(60):
        body.evaluate("tree => { tree.scrollTop += 4500 }")
        page.evaluate("() => new Promise(requestAnimationFrame)")
        most = max(most, page.get_by_role("treeitem").count())
        shown = body.evaluate(
            """tree => {
                const box = tree.getBoundingClientRect();
                return [2, box.height / 2, box.height - 4].every(y =>
                    document.elementFromPoint(box.left + 60, box.top + y)?.closest('[role=treeitem]'));
            }"""
        )
        assert shown, "a part of the waterfall is empty while it is scrolled"
    assert most < 100
    body.focus()
    page.keyboard.press("End")
    last = page.locator("[role=treeitem][aria-selected=true]")
    assert last.get_attribute("aria-posinset") == "99"
    page.keyboard.press("-")
    assert page.get_by_role("treeitem").count() == 1
    page.keyboard.press("*")
    page.keyboard.press("Home")
    page.keyboard.press("e")
    watched.settle()
    assert "Timeout" in page.get_by_role("region", name="Selected span").inner_text()
    page.keyboard.press("z")
    assert page.get_by_role("button", name="Whole time").is_visible()


@pytest.mark.parametrize(
    "path", ["/", "/traces", f"/traces/{hex_id(HOSTILE)}", f"/traces/{hex_id(HOSTILE)}?view=conversation"]
)
def test_hostile_text_stays_text(look: Open, path: str) -> None:
    watched = look(path)
    page = watched.page
    for closed in (page.locator("details:not([open]) > summary"), page.get_by_role("button", name=MORE)):
        while closed.count():
            closed.first.click()
    watched.settle()
    assert EVIL[:30] in page.locator("main").inner_text()
    assert page.evaluate("window.owned") is None
    assert page.locator("main img, main script, main iframe, main object, main [onerror], main [onload]").count() == 0
    assert page.locator("a[href^='javascript:'], a[href^='data:']").count() == 0
    assert page.evaluate("[...document.links].every(a => a.origin === location.origin)")


def test_large_numbers_keep_their_digits(look: Open) -> None:
    page = look(f"/traces/{hex_id(HOSTILE)}").page
    page.locator("summary", has_text="Attributes").click()
    assert str(2**62 + 1) in page.locator("details", has_text="Attributes").inner_text()


def test_the_theme_is_chosen_and_kept(look: Open) -> None:
    watched = look("/", color_scheme="light")
    page = watched.page
    background = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(background)
    page.get_by_role("button", name="Colours: system. Change").click()
    page.get_by_role("button", name="Colours: light. Change").click()
    dark = page.evaluate(background)
    assert dark != light
    page.reload()
    watched.settle()
    assert page.evaluate(background) == dark


def test_the_first_span_turns_the_empty_page_into_the_overview(look: Open, tmp_path: Path) -> None:
    with up(tmp_path) as addresses:
        watched = look("/", base=f"http://{addresses['query']}")
        page = watched.page
        assert page.get_by_role("heading", name="Waiting for the first span").is_visible()
        for snippet in page.locator("pre").all():
            assert f"http://{addresses['http']}" in snippet.inner_text()
        assert watched.barriers() == []
        send(addresses, agent(time.time_ns()))
        page.locator(".figure", has_text="Requests").wait_for(timeout=20_000)
        watched.close()


def test_where_the_collector_listens_is_said_to_be_unknown(look: Open) -> None:
    with serving(MemoryReader(MemoryStore())) as base:
        watched = look("/", base=base)
        assert "http://127.0.0.1:4318" in watched.page.locator("pre").first.inner_text()
        assert watched.page.get_by_text("does not know where the collector listens").is_visible()
        watched.close()


def test_an_error_of_the_api_is_told_and_tried_again(look: Open, store: MemoryStore) -> None:
    class Broken(MemoryReader):
        broken = True

        async def find_traces(self, *args, **kwargs):  # type: ignore[no-untyped-def]
            if self.broken:
                raise StoreError("a readable store", got="a lock of another process", fix="stop the other process")
            return await super().find_traces(*args, **kwargs)

    reader = Broken(store)
    with serving(reader) as base:
        watched = look("/traces?live=off", base=base)
        page = watched.page
        alert = page.get_by_role("alert")
        assert "could not be loaded" in alert.inner_text()
        assert watched.barriers() == []
        reader.broken = False
        page.get_by_role("button", name="Try again").click()
        page.locator(".row-link").first.wait_for()
        assert page.get_by_role("alert").count() == 0
        watched.close()


def test_one_of_two_stores_that_fails_is_told_beside_what_the_other_says(look: Open, store: MemoryStore) -> None:
    class Broken(MemoryReader):
        async def find_traces(self, *args, **kwargs):  # type: ignore[no-untyped-def]
            raise StoreError("a readable store", got="a lock of another process")

    with serving(MemoryReader(store), Broken(MemoryStore())) as base:
        watched = look("/traces?live=off", base=base)
        assert watched.page.locator(".row-link").count() >= 50
        said = watched.page.get_by_role("status").first.inner_text()
        assert "Incomplete: the store memory1 did not answer." in said
        assert "a lock of another process" in said
        assert watched.barriers() == []
        watched.page.keyboard.press("o")
        watched.settle()
        assert "did not answer" not in watched.page.locator("main").inner_text()
        watched.close()


def test_a_trace_that_only_a_failing_store_can_have_is_no_unknown_trace(look: Open, store: MemoryStore) -> None:
    class Broken(MemoryReader):
        async def outline(self, *args, **kwargs):  # type: ignore[no-untyped-def]
            raise StoreError("a readable store", got="a lock of another process")

    with serving(MemoryReader(MemoryStore()), Broken(store)) as base:
        watched = look(f"/traces/{hex_id(AGENT)}", base=base)
        assert "a lock of another process" in watched.page.get_by_role("alert").inner_text()
        assert watched.page.get_by_text("no such trace").count() == 0
        watched.close()


def test_every_model_stands_in_the_legend(look: Open) -> None:
    """At every width, whole."""
    for width in (1280, 390):
        page = look("/", viewport={"width": width, "height": 900}).page
        legend = page.locator("figure", has_text="Cost by model").locator(".legend")
        labels = legend.locator(".legend-label")
        assert len(labels.all_inner_texts()) >= 3
        room = legend.bounding_box()
        assert room is not None
        for label in labels.all():
            box = label.bounding_box()
            assert box is not None
            assert room["y"] <= box["y"]
            assert box["y"] + box["height"] <= room["y"] + room["height"] + 1
            evil = EVIL[:10] in label.inner_text()
            assert evil or label.evaluate("label => label.scrollWidth <= label.clientWidth + 1")


def test_a_table_with_too_many_groups_takes_no_other_with_it(look: Open, store: MemoryStore) -> None:
    with serving(MemoryReader(store), max_groups=16) as base:
        page = look("/?range=15m&live=off", base=base).page
        assert "16" in page.locator(".breakdown-user .said").inner_text()
        assert page.locator(".breakdown-model tbody tr").count() > 1
        page.close()


def test_a_server_that_is_gone_is_told(look: Open, store: MemoryStore) -> None:
    with serving(MemoryReader(store)) as base:
        watched = look("/traces?live=off", base=base)
    page = watched.page
    page.keyboard.press("o")
    page.get_by_role("alert").wait_for()
    assert "does not answer" in page.get_by_role("alert").inner_text()
    assert all("ERR_CONNECTION_REFUSED" in text or "Failed to load" in text for text in watched.complaints)
    watched.complaints.clear()


def test_signing_in_out_and_in_anew_when_the_session_has_ended(look: Open, store: MemoryStore) -> None:
    secret = MemoryStore()
    now = time.time_ns()
    secret.add(agent(now), tenant="a", received_ns=now)
    with serving(MemoryReader(secret), keys=True) as base:
        watched = look("/traces?name=answer", base=base)
        page = watched.page
        field = page.get_by_label("Key", exact=True)
        field.fill("content-a")
        page.keyboard.press("Enter")
        page.locator(".row-link").wait_for()
        assert query(watched)["name"] == ["answer"]
        watched.context.clear_cookies()
        page.keyboard.press("o")
        field.fill("wrong")
        page.keyboard.press("Enter")
        page.get_by_text("does not know this key").wait_for()
        assert watched.barriers() == []
        field.fill("reader-a")
        page.keyboard.press("Enter")
        page.locator(".figure", has_text="Requests").wait_for()
        watched.open(f"/traces/{hex_id(AGENT)}?view=conversation")
        page.get_by_text("may not see content").wait_for()
        assert "4711?" not in page.locator("main").inner_text()
        page.get_by_role("button", name="Sign out").click()
        field.wait_for()
        page.reload()
        field.wait_for()
        assert all("401" in text for text in watched.complaints), json.dumps(watched.complaints)
        watched.complaints.clear()
        watched.close()


def test_a_filter_in_words_finds_traces_and_says_what_is_wrong(look: Open) -> None:
    watched = look("/traces")
    page = watched.page
    page.keyboard.press("/")
    page.keyboard.type('model contains "claude" and duration_ns > 1000000000')
    page.keyboard.press("Enter")
    watched.settle()
    assert query(watched)["where"] == ['model contains "claude" and duration_ns > 1000000000']
    rows = page.locator("tr", has=page.locator(".row-link")).all_inner_texts()
    assert rows
    assert all("claude" in row for row in rows)
    page.get_by_role("button", name="Clear").click()
    watched.settle()
    page.get_by_role("combobox", name="Add a filter").fill("costs > 3")
    page.keyboard.press("Enter")
    page.get_by_role("alert").filter(has_text="costs").wait_for()
    assert page.get_by_role("option").count() == 0
    assert page.locator(".row-link").count() == 0
