"""Addresses that servers listen on: `host:port` from the configuration, and who may be reached there without a key."""

from __future__ import annotations

import ipaddress
import socket

from llm_obs_core.errors import ConfigError

__all__ = ["bind", "is_loopback", "must_be_loopback", "shown"]

BACKLOG = 1_024
MAX_PORT = 65_535


def is_loopback(host: str) -> bool:
    """Whether a host name or address, brackets allowed, can only mean this machine."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def must_be_loopback(key: str, listen: str) -> None:
    """Refuses an address that others can reach; called when no API key is configured.

    Args:
        key: The configuration key of the address.
        listen: `host:port`.

    Raises:
        ConfigError: It is no loopback address.
    """
    if not is_loopback(listen.rpartition(":")[0]):
        raise ConfigError(
            "a loopback address, as long as no key is configured",
            got=listen,
            where=key,
            fix="add a key under [[auth.keys]], or listen on 127.0.0.1",
        )


def bind(key: str, listen: str) -> socket.socket:
    """A listening socket.

    Args:
        key: The configuration key of the address.
        listen: `host:port`; port 0 takes a free one.

    Raises:
        ConfigError: The address is taken or not of this machine.
    """
    host, _, port = listen.rpartition(":")
    try:
        if int(port) > MAX_PORT:  # getaddrinfo takes it modulo 65536
            raise OverflowError(f"ports end at {MAX_PORT}")
        family, kind, protocol, _, address = socket.getaddrinfo(
            host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
            bound.listen(BACKLOG)
            bound.setblocking(False)
        except BaseException:
            bound.close()
            raise
    except (OSError, OverflowError, UnicodeError) as error:
        raise ConfigError(
            "a free address of this machine",
            got=f"{listen}: {error}",
            where=key,
            fix="stop what listens there, choose another port, or port 0 for any that is free",
        ) from None
    return bound


def shown(bound: socket.socket) -> str:
    """The address of a bound socket as `host:port`."""
    host, port = bound.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
