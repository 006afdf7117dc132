"""Reading a cassette: what was asked, what was answered."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import yaml

__all__ = ["Exchange", "Recording", "load"]


class Exchange(msgspec.Struct, frozen=True):
    """One request and its answer.

    Attributes:
        method: HTTP method.
        path: Path of the URL, such as `/v1/embeddings`.
        asked: The decoded request.
        headers: The request's headers, names in lower case, first values.
        status: HTTP status of the answer.
        content_type: Its content type.
        body: Its body, as recorded.
    """

    method: str
    path: str
    asked: Any
    headers: Mapping[str, str]
    status: int
    content_type: str
    body: bytes

    @property
    def streamed(self) -> bool:
        """Whether the answer is a stream of server-sent events."""
        return self.content_type.startswith("text/event-stream")

    def events(self) -> list[bytes]:
        """The answer cut at the ends of its server-sent events; a plain answer is one piece."""
        if not self.streamed:
            return [self.body]
        return [part + b"\n\n" for part in self.body.split(b"\n\n") if part.strip()]


class Recording(msgspec.Struct, frozen=True):
    """A cassette: its file's name without the ending, and its exchanges in order."""

    name: str
    exchanges: tuple[Exchange, ...]


def load(path: Path) -> Recording:
    """Reads one cassette.

    Raises:
        ValueError: The file is not a cassette.
    """
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(data, dict) or not isinstance(data.get("interactions"), list):
        raise ValueError(f"expected a VCR cassette with interactions, got something else (at {path})")
    return Recording(path.stem, tuple(_exchange(item["request"], item["response"]) for item in data["interactions"]))


def _exchange(request: Mapping[str, Any], response: Mapping[str, Any]) -> Exchange:
    asked, body = request["body"], response["body"]["string"]
    headers = _headers(response["headers"])
    return Exchange(
        method=request["method"],
        path=urlsplit(request["uri"]).path,
        asked=msgspec.json.decode(asked) if asked else None,
        headers=_headers(request["headers"]),
        status=response["status"]["code"],
        content_type=headers.get("content-type", "application/json"),
        body=body if isinstance(body, bytes) else body.encode(),
    )


def _headers(given: Mapping[str, Any]) -> dict[str, str]:
    return {name.lower(): str(value[0] if isinstance(value, list) else value) for name, value in given.items()}
