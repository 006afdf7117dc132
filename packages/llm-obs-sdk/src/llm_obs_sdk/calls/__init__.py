"""The producer kit: what every provider's instrumentor stands on.

A provider says what its client library looks like (`Library`), what its endpoints ask and answer (`Endpoint`), and how
the arguments of the function that all calls go through become a request (`CallStarter`). The kit begins the span,
watches streams, reads raw answers, ends the span once however the call ends, and never raises into it.
"""

from __future__ import annotations

from llm_obs_sdk.calls.call import Call
from llm_obs_sdk.calls.endpoint import ChunkReader, Endpoint, Library, Shape
from llm_obs_sdk.calls.instrumentor import CallInstrumentor, Place
from llm_obs_sdk.calls.raw import read_object
from llm_obs_sdk.calls.servers import Server, Servers
from llm_obs_sdk.calls.stream import StreamCall
from llm_obs_sdk.calls.wrappers import CallStarter, Request, Wrapper, asynchronous, synchronous, wrapper_of

__all__ = [
    "Call",
    "CallInstrumentor",
    "CallStarter",
    "ChunkReader",
    "Endpoint",
    "Library",
    "Place",
    "Request",
    "Server",
    "Servers",
    "Shape",
    "StreamCall",
    "Wrapper",
    "asynchronous",
    "read_object",
    "synchronous",
    "wrapper_of",
]
