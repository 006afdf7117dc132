"""The configuration of llm-obs: one table of keys, one file, environment variables and flags over it.

Order, later wins: the defaults in `settings`, `llm-obs.toml`, ``LLM_OBS_SECTION__KEY`` variables, flags.
"""

from llm_obs_core.config.load import ConfigKey, keys, load
from llm_obs_core.config.settings import (
    ApiKey,
    Auth,
    Config,
    GrpcReceiver,
    HttpReceiver,
    LogSettings,
    Normalize,
    Pricing,
    Query,
    Reader,
    Receiver,
    ReceiverSettings,
    Scrub,
    Server,
    Sink,
    Worker,
)

__all__ = [
    "ApiKey",
    "Auth",
    "Config",
    "ConfigKey",
    "GrpcReceiver",
    "HttpReceiver",
    "LogSettings",
    "Normalize",
    "Pricing",
    "Query",
    "Reader",
    "Receiver",
    "ReceiverSettings",
    "Scrub",
    "Server",
    "Sink",
    "Worker",
    "keys",
    "load",
]
