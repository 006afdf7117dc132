"""Costs of a whole batch; see `price.pyi`.

Three passes: the calls of the batch and their distinct price keys, without the GIL; one question to the pricers for
the keys that are not known yet; then the costs, without the GIL.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcmp, memcpy, memset, strlen

from llm_obs_core_ext.batch cimport *
from llm_obs_core_ext.emit cimport EDIT_REMOVED, EDIT_SET, OURS, Edits, is_left_out
from llm_obs_core_ext.pricekeys cimport *
from llm_obs_core_ext.typed cimport attr_int
from llm_obs_core_ext.usage cimport COUNTS, Usage, add_count, settle, usage_keys

import logging
import sys
from typing import NamedTuple

from llm_obs_core import semconv
from llm_obs_core.interfaces.process import PriceKey

cdef extern from "exact.h" nogil:
    int64_t nano_cost(const int64_t* tokens, const int64_t* prices, int count, int64_t request)

log = logging.getLogger(__name__)

cdef enum:
    MAX_TEXT = 255        # of a longer provider, model or tier the rest is not looked at
    MAX_KEY = 3 * 256 + 4
    MAX_CACHED = 65536    # prices kept; model names come from outside

cdef uint64_t NS_PER_DAY = 86_400_000_000_000

cdef enum:                # what a row is asked for; up to COUNTS they are 1 + UsageCount
    FACT_ROLE = 16
    FACT_PROVIDER
    FACT_RESPONSE_MODEL
    FACT_REQUEST_MODEL
    FACT_RESPONSE_TIER
    FACT_ANTHROPIC_TIER
    FACT_REQUEST_TIER
    FACT_COST
    FACT_PRICE_ID
    FACTS

FACT_KEYS = {
    semconv.USAGE_ROLE: FACT_ROLE,
    semconv.PROVIDER_NAME: FACT_PROVIDER,
    semconv.RESPONSE_MODEL: FACT_RESPONSE_MODEL,
    semconv.REQUEST_MODEL: FACT_REQUEST_MODEL,
    semconv.OPENAI_RESPONSE_SERVICE_TIER: FACT_RESPONSE_TIER,
    semconv.ANTHROPIC_RESPONSE_SERVICE_TIER: FACT_ANTHROPIC_TIER,
    semconv.OPENAI_REQUEST_SERVICE_TIER: FACT_REQUEST_TIER,
    semconv.COST_TOTAL_NANO_USD: FACT_COST,
    semconv.PRICE_ID: FACT_PRICE_ID,
}

LABELS = frozenset(semconv.PROVIDERS)

cdef const char* SENDER = b"sender"


class Priced(NamedTuple):
    """See `price.pyi`."""

    priced: dict
    unpriced: dict


cdef struct Found:            # one of a row's facts
    const uint8_t* base
    const Attr* attr


cdef inline bint is_text(const Found* found) noexcept nogil:
    return found.attr != NULL and found.attr.type == VALUE_STRING and found.attr.value.text.length != 0


cdef inline uint32_t put_text(uint8_t* out, uint32_t at, const Found* first, const Found* second) noexcept nogil:
    # The first of two facts that is a text: its length, then its bytes.
    cdef const Found* found = first if is_text(first) else second
    cdef uint32_t length = 0
    if is_text(found):
        length = found.attr.value.text.length
        if length > MAX_TEXT:
            length = MAX_TEXT
        memcpy(out + at + 1, found.base + found.attr.value.text.at, length)
    out[at] = <uint8_t> length
    return at + 1 + length


cdef class PriceBook:
    """See `price.pyi`."""

    cdef list pricers
    cdef dict vectors             # key bytes -> Vector or None
    cdef object versions          # of the pricers that `vectors` come from
    cdef set failed               # pricers whose failure was logged
    cdef KeyTable table
    cdef uint8_t* facts           # by key id: 1 + UsageCount, or a FACT_…, or 0
    cdef uint16_t cost_id
    cdef uint16_t price_id

    def __cinit__(self, pricers, KeyTable keys=None):
        self.pricers = list(pricers)
        self.vectors = {}
        self.failed = set()
        self.table = default_keys() if keys is None else keys
        self.facts = usage_keys(self.table)
        for name, fact in FACT_KEYS.items():
            self.facts[<uint16_t> self.table.id(name)] = fact
        self.facts[0] = 0
        self.cost_id = self.table.id(semconv.COST_TOTAL_NANO_USD)
        self.price_id = self.table.id(semconv.PRICE_ID)
        if self.cost_id == 0 or self.price_id == 0:
            raise ValueError("expected keys that hold semconv.KNOWN_KEYS")

    def __dealloc__(self):
        free(self.facts)

    @property
    def version(self):
        """The newest of the pricers' versions."""
        return max((pricer.version for pricer in self.pricers), default=0)

    def apply(self, SpanBatch batch not None, Edits edits not None):
        """Adds cost and price id to `edits`, and counts the calls by provider."""
        cdef Gather g
        cdef int result
        if batch.keys is not self.table:
            raise ValueError("expected a batch with the keys of this book, got one with others")
        if edits.batch is not batch:
            raise ValueError("expected the edits of this batch, got those of another")
        open_gather(&g)
        try:
            with nogil:
                result = self._gather(&g, batch, edits)
            if result == 0:
                vectors = self._ask(&g)  # keeps what the keys point at
                with nogil:
                    result = self._settle(&g, edits)
            if result:
                raise MemoryError
            return self._count(&g)
        finally:
            close_gather(&g)

    cdef int _gather(self, Gather* g, SpanBatch batch, Edits edits) noexcept nogil:
        cdef Found[FACTS] found
        cdef Usage usage
        cdef const SpanRow* span
        cdef const Attr* attr
        cdef const uint8_t* base
        cdef Py_ssize_t row
        cdef uint32_t i, op
        cdef uint8_t fact
        for row in range(batch.row_count):
            span = &batch.rows[row]
            base = batch.bases[span.head.buffer]
            memset(found, 0, sizeof(found))
            usage.present = 0
            for i in range(span.head.attrs, span.head.attrs + span.head.attrs_count):
                attr = &batch.attrs[i]
                fact = self.facts[attr.key_id]
                if fact and is_left_out(edits, i):
                    continue
                if fact > COUNTS:
                    found[fact].base = base
                    found[fact].attr = attr
                elif fact:
                    add_count(&usage, fact - 1, base, attr)
            i = edits.heads[row]
            while i:
                attr = &edits.edits[i - 1].attr
                op = edits.edits[i - 1].op
                i = edits.edits[i - 1].next
                fact = self.facts[attr.key_id]
                if fact > COUNTS:
                    found[fact].base = edits.arena if op == EDIT_SET else base
                    found[fact].attr = attr if op != EDIT_REMOVED else NULL
                elif fact:
                    if op == EDIT_REMOVED:
                        usage.present &= ~(<uint32_t> 1 << (fact - 1))
                    else:
                        add_count(&usage, fact - 1, edits.arena if op == EDIT_SET else base, attr)
            attr = found[FACT_ROLE].attr
            if attr != NULL and attr.type == VALUE_STRING and attr.value.text.length == 4:
                if memcmp(found[FACT_ROLE].base + attr.value.text.at, b"leaf", 4) == 0:
                    if self._add(g, row, span.start_ns, found, &usage):
                        return -1
        return 0

    cdef int _add(
        self, Gather* g, Py_ssize_t row, uint64_t start_ns, const Found* found, Usage* usage
    ) noexcept nogil:
        # A leaf call: something is to be done when it has usage, a cost or a price id.
        cdef uint8_t[MAX_KEY] key
        cdef uint32_t day = <uint32_t> (start_ns // NS_PER_DAY)
        cdef uint32_t length
        cdef int64_t number
        cdef int64_t sent = 0
        cdef const Found* cost = &found[FACT_COST]
        cdef Call* call
        if usage.present:
            settle(usage)
        if usage.present == 0 and cost.attr == NULL and found[FACT_PRICE_ID].attr == NULL:
            return 0
        length = put_text(key, 0, &found[FACT_PROVIDER], &found[FACT_PROVIDER])
        length = put_text(key, length, &found[FACT_RESPONSE_MODEL], &found[FACT_REQUEST_MODEL])
        if is_text(&found[FACT_RESPONSE_TIER]):
            length = put_text(key, length, &found[FACT_RESPONSE_TIER], NULL)
        else:
            length = put_text(key, length, &found[FACT_ANTHROPIC_TIER], &found[FACT_REQUEST_TIER])
        memcpy(key + length, &day, 4)
        number = key_number(g, key, length + 4)
        call = new_call(g)
        if number < 0 or call == NULL:
            return -1
        call.row = row
        call.key = <uint32_t> number
        call.has_usage = usage.present != 0
        call.has_cost = cost.attr != NULL and attr_int(cost.base, cost.attr, &sent) and sent >= 0
        call.drops_cost = cost.attr != NULL and not call.has_cost
        call.has_id = found[FACT_PRICE_ID].attr != NULL
        if call.has_usage:
            call.input_tokens = usage.input_tokens
            call.tokens[0] = usage.input_uncached
            call.tokens[1] = usage.cache_read
            call.tokens[2] = usage.cache_write_5m
            call.tokens[3] = usage.cache_write_1h
            call.tokens[4] = usage.audio_in
            call.tokens[5] = usage.image_in
            call.tokens[6] = usage.output_text
            call.tokens[7] = usage.output_reasoning
            call.tokens[8] = usage.audio_out
        return 0

    cdef list _ask(self, Gather* g):
        # Gives every key its vector; the list keeps them alive.
        cdef Vector vector
        cdef Key* key
        cdef size_t i
        cdef list raws = []
        cdef list found = []
        versions = [pricer.version for pricer in self.pricers]
        if versions != self.versions:
            self.vectors = {}
            self.versions = versions
        known = self.vectors
        for i in range(g.key_count):
            raws.append(PyBytes_FromStringAndSize(<char*> g.texts + g.keys[i].at, g.keys[i].length))
        unknown = [raw for raw in raws if raw not in known]
        fresh = self._learn(unknown) if unknown else {}
        for i in range(g.key_count):
            raw = raws[i]
            vector = fresh[raw] if raw in fresh else known[raw]
            found.append(vector)
            if vector is not None:
                key = &g.keys[i]
                key.bands = vector.bands
                key.band_count = vector.count
                key.id = <const uint8_t*> PyBytes_AS_STRING(vector.price_id)
                key.id_length = <uint32_t> len(vector.price_id)
        return found

    def _learn(self, list raws):
        # Asks the pricers; remembers the answers unless one of them failed.
        keys = {raw: _price_key(raw) for raw in raws}
        answers = dict.fromkeys(raws)
        sound = True
        for pricer in self.pricers:
            asked = [raw for raw in raws if answers[raw] is None and keys[raw].model]
            if not asked:
                break
            try:
                prices = pricer.prices([keys[raw] for raw in asked])
                answers.update(
                    {raw: Vector(price) for raw, price in zip(asked, prices, strict=True) if price is not None}
                )
            except Exception as error:  # a stranger's code: its calls are unpriced, the request is not lost
                sound = False
                if id(pricer) not in self.failed:
                    self.failed.add(id(pricer))
                    log.warning("pricer %s failed, its calls have no cost: %r", type(pricer).__qualname__, error)
        if sound:
            if len(self.vectors) + len(raws) > MAX_CACHED:
                self.vectors = {}
            self.vectors.update(answers)
        return answers

    cdef int _settle(self, Gather* g, Edits edits) noexcept nogil:
        cdef Call* call
        cdef Key* key
        cdef const Band* band
        cdef size_t n
        cdef uint32_t i
        cdef uint32_t sender_at = 0
        cdef int64_t nano
        for n in range(g.call_count):
            call = &g.calls[n]
            key = &g.keys[call.key]
            if call.has_usage and key.band_count:
                band = key.bands
                for i in range(1, key.band_count):
                    if call.input_tokens > key.bands[i].above:
                        band = &key.bands[i]
                nano = nano_cost(call.tokens, band.prices, BUCKETS, band.request)
                if edits.set_int(call.row, self.cost_id, nano):
                    return -1
                if self._set_id(edits, call.row, key.id, key.id_length, &key.id_at):
                    return -1
                key.priced += 1
            elif call.has_cost:
                if not call.has_id and self._set_id(
                    edits, call.row, <const uint8_t*> SENDER, <uint32_t> strlen(SENDER), &sender_at
                ):
                    return -1
                key.priced += 1
            else:
                key.unpriced += call.has_usage
                if call.drops_cost and edits.drop(call.row, self.cost_id):
                    return -1
                if call.has_id and edits.drop(call.row, self.price_id):
                    return -1
        return 0

    cdef int _set_id(
        self, Edits edits, Py_ssize_t row, const uint8_t* text, uint32_t length, uint32_t* place
    ) noexcept nogil:
        # `place`: where the arena has the text + 1; it is put there once a batch.
        cdef Attr value
        if place[0] == 0:
            if edits._append(text, length, place):
                return -1
            place[0] += 1
        value.type = VALUE_STRING
        value.flags = OURS
        value.value.text.at = place[0] - 1
        value.value.text.length = length
        return edits.apply_id(row, self.price_id, EDIT_SET, &value, NULL)

    cdef object _count(self, Gather* g):
        cdef size_t i
        cdef dict priced = {}
        cdef dict unpriced = {}
        for i in range(g.key_count):
            name = (<char*> g.texts)[g.keys[i].at + 1:g.keys[i].at + 1 + g.texts[g.keys[i].at]].decode("utf-8", "replace")
            label = name if name in LABELS else "other"
            for counts, count in ((priced, g.keys[i].priced), (unpriced, g.keys[i].unpriced)):
                if count:
                    counts[label] = counts.get(label, 0) + count
        return Priced(priced, unpriced)


def _price_key(bytes raw):
    # The way back from what `put_text` wrote.
    cdef Py_ssize_t at = 0
    cdef list texts = []
    while len(texts) < 3:
        end = at + 1 + raw[at]
        texts.append(raw[at + 1:end].decode("utf-8", "replace"))
        at = end
    return PriceKey(texts[0], texts[1], texts[2], day=int.from_bytes(raw[at:], sys.byteorder))
