"""What the receivers offer to llm-obs, in the same way as a stranger's."""

from __future__ import annotations

from llm_obs_core.config import GrpcReceiver, HttpReceiver
from llm_obs_core.hookspecs import hookimpl
from llm_obs_core.plugins import Register

__all__ = ["register_receivers"]


@hookimpl
def register_receivers(register: Register) -> None:
    """`http` and `grpc`."""
    register("http", "llm_obs_collector.receivers.make:make_http", HttpReceiver, doc="OTLP over HTTP/1.1.")
    register("grpc", "llm_obs_collector.receivers.make:make_grpc", GrpcReceiver, doc="OTLP over gRPC.")
