"""How many bytes of requests there may be at once, from their first byte on the wire until they are answered."""

from __future__ import annotations

import asyncio
import threading

from llm_obs_core.errors import RetryableError

__all__ = ["Budget", "Reservation"]


class Budget:
    """Counts bytes; safe in any thread.

    Args:
        limit_bytes: `receiver.max_in_flight_bytes`. What comes while nothing else is there is always let in.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.used = 0
        self.overdraft = asyncio.Lock()
        """Held by the one request that may go beyond the limit; see `Reservation.overdraw`."""
        self._lock = threading.Lock()

    def reserve(self) -> Reservation:
        """A share of the budget, empty at first, for one request."""
        return Reservation(self)

    def take(self, nbytes: int) -> None:
        """Counts bytes in.

        Raises:
            RetryableError: There are too many; the sender should come back.
        """
        with self._lock:
            if self.used and self.used + nbytes > self.limit_bytes:
                raise RetryableError(
                    f"at most {self.limit_bytes} bytes of requests under way",
                    got="more",
                    where="receiver.max_in_flight_bytes",
                    fix="come back in a second; raise the limit when there is memory for it",
                    retry_after_s=1.0,
                )
            self.used += nbytes

    def give(self, nbytes: int) -> None:
        """Counts bytes out; a negative number counts in what is there already, whatever the limit."""
        with self._lock:
            self.used -= nbytes


class Reservation:
    """What one request holds of the budget, from its first byte until its answer is known.

    It is handed on with the request, so that at no step another request can take the room of one that is here already.

    Args:
        budget: Whose.
    """

    __slots__ = ("_budget", "_most", "nbytes")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._most = 0
        self.nbytes = 0

    def grow(self, nbytes: int) -> None:
        """Makes room for bytes that are not there yet.

        Raises:
            RetryableError: There is none; what is held stays held.
        """
        if self.nbytes + nbytes <= self._most:
            self._budget.give(-nbytes)
        else:
            self._budget.take(nbytes)
        self.nbytes += nbytes

    async def overdraw(self) -> None:
        """Lets a request that is here grow by the whole budget, whatever others hold; until it is released.

        One request at a time: others wait for their turn. They hold what they are on the wire meanwhile, so that what
        comes next is refused, and nobody waits for anybody who waits.
        """
        await self._budget.overdraft.acquire()
        self._most = self.nbytes + self._budget.limit_bytes

    def settle(self, nbytes: int) -> None:
        """Holds this many bytes from here on. They are there already: what comes next is refused instead."""
        self._budget.give(self.nbytes - nbytes)
        self.nbytes = nbytes

    def release(self) -> None:
        """Gives everything back; the second call does nothing."""
        self.settle(0)
        if self._most:
            self._most = 0
            self._budget.overdraft.release()
