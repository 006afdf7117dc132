"""Asking the collector that runs on a data folder, over the HTTP receiver's port."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import Any, Final

import click
from llm_obs_core.errors import LlmObsError

from llm_obs.serving import read_running

__all__ = ["ask", "key_option", "running_url", "url_option"]

TIMEOUT_S: Final = 30.0

url_option = click.option("--url", help="The collector's HTTP address; found by the data folder when not given.")
key_option = click.option(
    "--key", envvar="LLM_OBS_API_KEY", help="API key, where keys are configured; LLM_OBS_API_KEY when not given."
)


def running_url(data_dir: str) -> str | None:
    """`http://host:port` of the collector that has the folder open, None when there is none."""
    running = read_running(data_dir)
    address = running.addresses.get("http") if running is not None else None
    return f"http://{address}" if address else None


def ask(url: str, path: str, key: str | None, body: Any = None) -> Any:
    """What a page of the collector answers, decoded.

    Args:
        url: `http://host:port`.
        path: The page.
        key: API key or None.
        body: Sent as JSON by POST; None asks by GET.

    Raises:
        LlmObsError: It cannot be reached, or refuses; with the repair.
    """
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    if data is not None:
        headers["Content-Type"] = "application/json"
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        request = urllib.request.Request(url.rstrip("/") + path, data, headers)  # noqa: S310 - the user's own address
        with direct.open(request, timeout=TIMEOUT_S) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            said = error.read().decode("utf-8", "replace")
        if error.code in (401, 403):
            raise LlmObsError(
                "a key that may do this", got=f"HTTP {error.code}", where=url, fix="give one with --key"
            ) from None
        try:
            said = json.loads(said)["error"]
        except (ValueError, KeyError, TypeError):
            said = f"HTTP {error.code}"
        raise LlmObsError("an answer", got=said, where=f"{url}{path}") from None
    except (OSError, ValueError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise LlmObsError(
            "a collector that answers", got=str(reason), where=url, fix="start one: `llm-obs up`, or correct --url"
        ) from None
