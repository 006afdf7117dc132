"""Wrong keys by address: so many at once and so many a minute, then it is put off without a look at its keys."""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

__all__ = ["Attempts"]

MOST: Final = 10_000
"""Addresses that are remembered; the one that was quiet for longest goes first."""
MINUTE_S: Final = 60.0


class Attempts:
    """A bucket of tries an address, which only wrong keys empty and time fills.

    Args:
        per_minute: Wrong keys that an address may show at once, and again in each minute.
        now: Seconds that only go up.
    """

    def __init__(self, per_minute: int, now: Callable[[], float] = time.monotonic) -> None:
        self._most = per_minute
        self._fill_s = MINUTE_S / per_minute
        self._now = now
        self._used: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, address: str) -> int:
        """Seconds until the address may show a key again, at least 1; 0 when it may now."""
        used = self._level(_network(address))
        return 0 if used <= self._most - 1 else max(1, math.ceil((used - self._most + 1) * self._fill_s))

    def failed(self, address: str) -> bool:
        """Counts a wrong key. Returns whether it was the address's last one for now."""
        network = _network(address)
        used = self._level(network) + 1
        self._used[network] = (used, self._now())
        self._used.move_to_end(network)
        if len(self._used) > MOST:
            self._used.popitem(last=False)
        return used > self._most - 1

    def _level(self, network: str) -> float:
        used, at = self._used.get(network, (0.0, 0.0))
        return max(0.0, used - (self._now() - at) / self._fill_s)


def _network(address: str) -> str:
    """An IPv4 address, or the /64 of an IPv6 one, which is one subscriber's."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if found.version == 6:
        return str(ipaddress.ip_network((int(found) >> 64 << 64, 64)))
    return str(found)
