"""The client's one way out, and what goes through it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from llm_obs_core.interfaces import Host
from llm_obs_sdk.calls import CallInstrumentor, CallStarter, Place, Request, asynchronous, synchronous

from llm_obs_openai.config import OpenAIOptions
from llm_obs_openai.endpoint import ENDPOINTS, OPENAI
from llm_obs_openai.provider import Providers

__all__ = ["OpenAIInstrumentor", "make"]

MODULE: Final = "openai._base_client"
METHOD: Final = "request"
PLACES: Final = (
    Place(MODULE, "SyncAPIClient", METHOD, synchronous),
    Place(MODULE, "AsyncAPIClient", METHOD, asynchronous),
)
"""What every method of every client goes through: `create`, `parse`, `stream`, raw and beta ones.

It is looked up at each call, so clients and bound methods that are older than the instrumentation are covered.
"""


def make(options: OpenAIOptions, host: Host) -> OpenAIInstrumentor:
    """The factory of the instrumentor `openai`."""
    return OpenAIInstrumentor(options)


class OpenAIInstrumentor(CallInstrumentor):
    """An `Instrumentor` of chat completions, responses and embeddings.

    Args:
        options: Providers of hosts.
    """

    def __init__(self, options: OpenAIOptions = OpenAIOptions()) -> None:  # noqa: B008  # frozen
        template = Providers(options.providers).template
        known = ENDPOINTS.get

        def request(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Request | None:
            asked = args[2] if len(args) > 2 else kwargs["options"]
            endpoint = known(asked.url)
            if endpoint is None:
                return None
            body = asked.json_data
            if type(body) is not dict:
                return None
            if more := asked.extra_json:  # `extra_body`, which goes over the body
                body = {**body, **more}
            return endpoint, template(args[0], endpoint), body.get("model"), body, bool(kwargs.get("stream"))

        super().__init__(CallStarter(OPENAI, request), PLACES)
