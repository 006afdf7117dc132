"""The factories of the built-in receivers."""

from __future__ import annotations

from llm_obs_core.config import GrpcReceiver, HttpReceiver
from llm_obs_core.listen import must_be_loopback

from llm_obs_collector.receivers.grpc import GrpcServer
from llm_obs_collector.receivers.host import ReceiverHost
from llm_obs_collector.receivers.http import HttpServer

__all__ = ["make_grpc", "make_http"]


def make_http(options: HttpReceiver, host: ReceiverHost) -> HttpServer:
    """The factory of the receiver `http`.

    Raises:
        ConfigError: Without keys it would listen on more than loopback.
    """
    if host.authorizer.open:
        must_be_loopback("receiver.http.listen", options.listen)
    return HttpServer(
        options,
        max_request_bytes=host.max_request_bytes,
        authorizer=host.authorizer,
        budget=host.budget,
        pages=host.pages,
        observe=host.observe,
        signals=host.signals,
    )


def make_grpc(options: GrpcReceiver, host: ReceiverHost) -> GrpcServer:
    """The factory of the receiver `grpc`.

    Raises:
        ConfigError: Without keys it would listen on more than loopback.
    """
    if host.authorizer.open:
        must_be_loopback("receiver.grpc.listen", options.listen)
    return GrpcServer(
        options,
        max_request_bytes=host.max_request_bytes,
        authorizer=host.authorizer,
        budget=host.budget,
        observe=host.observe,
        signals=host.signals,
    )
