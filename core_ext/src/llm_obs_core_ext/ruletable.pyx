"""Normalisers' operations, compiled; see `ruletable.pxd`."""

from cpython.bytes cimport PyBytes_AS_STRING
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp

from llm_obs_core_ext.batch cimport KeyTable
from llm_obs_core_ext.wire cimport otlp_hash, same_bytes

from llm_obs_core.semconv import MODEL_CALLS, OPERATIONS

from llm_obs_core_ext.rulebuild import Builder


cdef void* room(Py_ssize_t count, size_t size) except NULL:
    cdef void* memory = calloc(count + 1, size)
    if memory == NULL:
        raise MemoryError
    return memory


cdef class RuleTable:
    """Operations by number, in the order in which they are applied.

    Args:
        operations: Of all normalisers, in order.
        keys: Numbers of keys; holds every key that an operation names.

    Raises:
        PluginError: An operation that cannot be applied.
    """

    def __cinit__(self, operations, KeyTable keys not None):
        self.keys = keys
        self.count = len(operations)
        self.lanes = (self.count + 63) // 64
        builder = Builder(keys)
        for operation in operations:
            builder.add(operation)
        calls = builder.enum(dict.fromkeys(MODEL_CALLS, "leaf"))
        others = builder.enum(dict.fromkeys([name for name in OPERATIONS if name not in MODEL_CALLS], "rollup"))
        self.unknown, self.rollup, self.duplicate, self.reported = [
            builder.word("", out) for out in ("unknown", "rollup", "duplicate", "reported")
        ]
        self._fill_rules(builder)
        self.calls.first, self.calls.count = calls
        self.others.first, self.others.count = others
        self._fill_words(builder)
        self.embeds = self.lookup(&self.calls, <const uint8_t*> b"embeddings", 10)
        self._fill_places(builder)
        self._fill_members(builder)

    def __dealloc__(self):
        free(self.rules)
        free(self.sources)
        free(self.places)
        free(self.steps)
        free(self.whens)
        free(self.members)
        free(self.prefixes)
        free(self.key_prefixes)
        free(self.prefix_readers)
        free(self.names)
        free(self.name_slots)
        free(self.conditions)
        free(self.words)
        free(self.slots)
        free(self.readers)
        free(self.first_readers)
        free(self.named)
        free(self.event_readers)

    def _fill_rules(self, builder):
        cdef Py_ssize_t i
        cdef Rule* rule
        self.rules = <Rule*> room(self.count, sizeof(Rule))
        self.named = <uint8_t*> room(self.keys.count, 1)
        for i, row in enumerate(builder.rules):
            rule = &self.rules[i]
            rule.kind = row.kind
            rule.flags = row.flags
            rule.form = row.form
            rule.prefix = row.prefix
            rule.target = row.target
            rule.source = row.source
            rule.first = row.first
            rule.count = row.count
            rule.minus = row.minus
            rule.when = row.when
            rule.when_count = row.when_count
            rule.role_at, rule.role_length = row.role
            rule.numerator = row.numerator
            rule.denominator = row.denominator
        self._fill_readers(builder)
        self.event_readers = <uint64_t*> room(self.lanes, sizeof(uint64_t))
        for i in range(self.count):
            if self.rules[i].kind == RULE_ELAPSED and self.rules[i].source == 0:
                self.event_readers[i // 64] |= <uint64_t> 1 << (i % 64)
                self.has_events = True
        for key_id in builder.named:
            self.named[<Py_ssize_t> key_id] = 1
        self.sources = <uint16_t*> room(len(builder.sources), sizeof(uint16_t))
        for i, key_id in enumerate(builder.sources):
            self.sources[i] = key_id

    def _fill_readers(self, builder):
        cdef Py_ssize_t i
        readers = {}
        for number, row in enumerate(builder.rules):
            for key_id in row.reads:
                lanes = readers.setdefault(key_id, {})
                lanes[number // 64] = lanes.get(number // 64, 0) | 1 << (number % 64)
        self.readers = <Readers*> room(sum(map(len, readers.values())), sizeof(Readers))
        self.first_readers = <uint32_t*> room(self.keys.count + 1, sizeof(uint32_t))
        filled = 0
        for i in range(self.keys.count + 1):
            self.first_readers[i] = filled
            for lane, bits in readers.get(i, {}).items():
                self.readers[<Py_ssize_t> filled].lane = lane
                self.readers[<Py_ssize_t> filled].rules = bits
                filled += 1
        self.first_readers[self.keys.count + 1] = filled

    def _fill_words(self, builder):
        cdef Py_ssize_t i
        self.blob = bytes(builder.blob)
        self.text = <const uint8_t*> PyBytes_AS_STRING(self.blob)
        self.conditions = <uint32_t*> room(len(builder.conditions), sizeof(uint32_t))
        for i, number in enumerate(builder.conditions):
            self.conditions[i] = number
        self.slots = <uint32_t*> room(len(builder.slots), sizeof(uint32_t))
        for i, number in enumerate(builder.slots):
            self.slots[i] = number
        self.word_count = len(builder.words)
        self.words = <Word*> room(self.word_count, sizeof(Word))
        for i, word in enumerate(builder.words):
            (
                self.words[i].at, self.words[i].length, self.words[i].hash, self.words[i].type, self.words[i].out_at,
                self.words[i].out_length, self.words[i].item_at, self.words[i].item_length,
            ) = word

    def _fill_places(self, builder):
        cdef Py_ssize_t i
        cdef uint32_t slot
        cdef uint32_t size = 16
        self.places = <PlaceRow*> room(len(builder.places), sizeof(PlaceRow))
        for i, row in enumerate(builder.places):
            self.places[i].key_id, self.places[i].first, self.places[i].count = row
        self.steps = <Step*> room(len(builder.steps), sizeof(Step))
        for i, row in enumerate(builder.steps):
            self.steps[i].name, self.steps[i].number = row
        self.whens = <WhenRow*> room(len(builder.whens), sizeof(WhenRow))
        for i, row in enumerate(builder.whens):
            self.whens[i].place, self.whens[i].first, self.whens[i].count, self.whens[i].absent = row
        self.name_count = len(builder.names)
        while size < 4 * self.name_count:
            size *= 2
        self.name_mask = size - 1
        self.names = <JsonName*> room(self.name_count, sizeof(JsonName))
        self.name_slots = <uint32_t*> room(size, sizeof(uint32_t))
        for i, row in enumerate(builder.names.values()):
            self.names[i].at, self.names[i].length, self.names[i].hash = row
            slot = <uint32_t> (self.names[i].hash & self.name_mask)
            while self.name_slots[slot]:
                slot = (slot + 1) & self.name_mask
            self.name_slots[slot] = <uint32_t> (i + 1)

    def _fill_members(self, builder):
        cdef Py_ssize_t i
        cdef bytes raw
        cdef MemberRow* member
        self.members = <MemberRow*> room(len(builder.members), sizeof(MemberRow))
        for i, row in enumerate(builder.members):
            member = &self.members[i]
            member.key_id = row.key_id
            member.list = row.list
            member.column = row.column
            member.json = row.json
            member.before_at, member.before_length = row.before
            member.after_at, member.after_length = row.after
            member.name_at, member.name_length = row.name
            member.list_at, member.list_length = row.list_name
        self.prefix_count = len(builder.prefixes)
        self.prefixes = <Prefix*> room(self.prefix_count, sizeof(Prefix))
        self.prefix_readers = <uint64_t*> room(self.prefix_count * self.lanes, sizeof(uint64_t))
        self.key_prefixes = <uint64_t*> room(self.keys.count + 1, sizeof(uint64_t))
        for i, (prefix, where) in enumerate(builder.prefixes.items()):
            self.prefixes[i].at, self.prefixes[i].length = where
            self.beginners[self.text[self.prefixes[i].at]] |= <uint64_t> 1 << i
        for i in range(self.count):
            if self.rules[i].kind == RULE_COLLECT and self.rules[i].prefix < MAX_PREFIXES:
                self.prefix_readers[self.rules[i].prefix * self.lanes + i // 64] |= <uint64_t> 1 << (i % 64)
        for i, name in enumerate(self.keys.names):
            raw = name.encode()
            self.key_prefixes[i + 1] = self.prefixes_of(<const uint8_t*> PyBytes_AS_STRING(raw), <uint32_t> len(raw))
            if self.key_prefixes[i + 1]:
                self.named[i + 1] = 1

    cdef int64_t lookup(self, const Rule* rule, const uint8_t* text, uint32_t length) noexcept nogil:
        # The number of the word that an enum has for a text, or -1.
        cdef uint32_t hashed = otlp_hash(text, length)
        cdef uint32_t slot = hashed & rule.count
        cdef uint32_t number = self.slots[rule.first + slot]
        cdef const Word* word
        while number:
            word = &self.words[number - 1]
            if word.hash == hashed and word.length == length and same_bytes(self.text + word.at, text, length):
                return number - 1
            slot = (slot + 1) & rule.count
            number = self.slots[rule.first + slot]
        return -1

    cdef uint32_t name_number(self, uint64_t hash) noexcept nogil:
        cdef uint32_t slot = <uint32_t> (hash & self.name_mask)
        while self.name_slots[slot]:
            if self.names[self.name_slots[slot] - 1].hash == hash:
                return self.name_slots[slot] - 1
            slot = (slot + 1) & self.name_mask
        return NO_NAME

    cdef uint64_t prefixes_of(self, const uint8_t* key, uint32_t length) noexcept nogil:
        cdef uint64_t left = self.beginners[key[0]] if length else 0
        cdef uint64_t found = 0
        cdef const Prefix* prefix
        cdef int i = 0
        while left:
            if left & 1:
                prefix = &self.prefixes[i]
                if (
                    length > prefix.length
                    and memcmp(key, self.text + prefix.at, prefix.length) == 0
                    and c"0" <= key[prefix.length] <= c"9"
                ):
                    found |= <uint64_t> 1 << i
            left >>= 1
            i += 1
        return found
