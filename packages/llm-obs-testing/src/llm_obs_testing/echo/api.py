"""The API of `echo`, for the imitation: `POST /echo/generate`, answered as a whole or in lines of JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from llm_obs_testing.imitation.answer import Answer, Usage
from llm_obs_testing.imitation.api import RefusedError
from llm_obs_testing.imitation.script import count_tokens, with_text

if TYPE_CHECKING:
    from llm_obs_testing.imitation.script import Call

__all__ = ["Echo"]

FAULTS: Final = {400: "bad", 401: "key", 404: "engine", 429: "busy"}


class Echo:
    """The `Api` of the provider `echo`."""

    name = provider = "echo"
    base = "/echo"
    models: Mapping[str, str] = {"echo-1": "echo-1.2"}

    def serves(self, path: str) -> bool:
        """Whether a path is one of this API."""
        return path.startswith("/echo/")

    def listed(self, method: str, path: str, models: Mapping[str, str]) -> bytes | None:
        """It lists nothing."""
        return None

    def read(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> tuple[str, str, dict[str, Any]]:
        """Operation, model and decoded body of a call."""
        if (method, path) != ("POST", "/echo/generate"):
            raise RefusedError(404, f"{path} is no path", "path")
        try:
            asked = msgspec.json.decode(body, type=dict[str, Any])
            return "generate", str(asked["engine"]), asked
        except (msgspec.MsgspecError, KeyError):
            raise RefusedError(400, "a body names its engine", "bad") from None

    def key(self, headers: Mapping[str, str]) -> str | None:
        """The header `x-echo-key`."""
        return headers.get("x-echo-key")

    def attempt(self, headers: Mapping[str, str]) -> int:
        """Its client does not try again."""
        return 0

    def user(self, body: Mapping[str, Any]) -> str:
        """The field `who`."""
        return str(body.get("who") or "")

    def complete(self, call: Call, answer: Answer) -> Answer:
        """Fills in what the script left open: text, finish reason, usage."""
        filled = with_text(call, answer)
        usage = answer.usage or Usage(
            prompt=count_tokens(str(call.body.get("prompt", ""))), completion=count_tokens(filled.content())
        )
        return msgspec.structs.replace(filled, finish_reason=answer.finish_reason or "end", usage=usage)

    def tier(self, call: Call, answer: Answer) -> str:
        """There are none."""
        return ""

    def streamed(self, call: Call) -> bool:
        """Whether a stream is asked for."""
        return call.body.get("lines") is True

    def tells_usage(self, call: Call) -> bool:
        """Always, in the last line."""
        return True

    def failure(self, status: int) -> tuple[str, str | None, str]:
        """Kind and message of an error that the script gave no words."""
        kind = FAULTS.get(status, "broken")
        return kind, kind, f"the request failed: {kind}"

    def headers(self, ident: str) -> Mapping[str, str]:
        """None."""
        return {}

    def error(self, answer: Answer) -> bytes:
        """The body of an error."""
        return msgspec.json.encode({"fault": {"kind": answer.error_code, "says": answer.message}})

    def whole(self, call: Call, answer: Answer, ident: str, model: str) -> bytes:
        """The body of a complete answer."""
        return msgspec.json.encode({"text": answer.content(), **_last(answer, ident, model)})

    def events(self, call: Call, answer: Answer, ident: str, model: str) -> Iterator[bytes]:
        """Lines: a piece each, then what is known at the end."""
        for piece in answer.pieces():
            yield msgspec.json.encode({"piece": piece}) + b"\n"
        yield msgspec.json.encode(_last(answer, ident, model)) + b"\n"

    def ending(self, call: Call) -> bytes:
        """Nothing follows the last line."""
        return b""


def _last(answer: Answer, ident: str, model: str) -> dict[str, Any]:
    usage = answer.usage or Usage(prompt=0)
    counts = {"in": usage.prompt, "out": usage.completion}
    return {"ref": ident, "engine": model, "stop": answer.finish_reason, "counts": counts}
