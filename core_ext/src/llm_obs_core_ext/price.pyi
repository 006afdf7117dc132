"""What a batch's calls cost, by the prices of all pricers."""

from collections.abc import Sequence
from typing import NamedTuple

from llm_obs_core.interfaces import Pricer

from llm_obs_core_ext.batch import KeyTable, SpanBatch
from llm_obs_core_ext.emit import Edits

class Priced(NamedTuple):
    """Calls of one batch by provider; a provider that the conventions do not name is `other`.

    Attributes:
        priced: Calls that have a cost.
        unpriced: Calls with usage that have none.
    """

    priced: dict[str, int]
    unpriced: dict[str, int]

class PriceBook:
    """Prices batches; remembers the pricers' answers, at most 65,536, until a pricer's version changes.

    Args:
        pricers: Asked in order; the first that knows a key's price wins. One that raises knows none, which is logged
            once and not remembered.
        keys: The batches' keys; by default `llm_obs_core.semconv.KNOWN_KEYS`.
    """

    def __init__(self, pricers: Sequence[Pricer], keys: KeyTable | None = None) -> None: ...
    @property
    def version(self) -> int:
        """The newest of the pricers' versions."""
    def apply(self, batch: SpanBatch, edits: Edits) -> Priced:
        """Adds cost and price id to `edits`. May be called from several threads at once.

        Only calls whose `llm_obs.usage.role` is `leaf` are looked at, so normalise before:

        - With usage and a known price: `llm_obs.cost.total_nano_usd` and `llm_obs.price.id` are set, over whatever the
          sender had there. The price is that of the model that answered, else of the one asked for; of the response's
          service tier, else the request's; of the day on which the call started, UTC. There is no region yet.
        - Else a cost that came with the span is kept; its price id is `sender` unless it came with one.
        - Else there is no cost, which is not zero: a cost that is negative or no whole number, and a price id without
          a cost, are removed.
        """
