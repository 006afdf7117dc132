"""Normalisers' operations, compiled; see `ruletable.pxd`."""

from cpython.bytes cimport PyBytes_AS_STRING
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free

from llm_obs_core_ext.batch cimport VALUE_BOOL, VALUE_STRING, KeyTable
from llm_obs_core_ext.wire cimport otlp_hash, same_bytes

from llm_obs_core.errors import PluginError
from llm_obs_core.interfaces.process import EnumMap, Rename, Scale
from llm_obs_core.semconv import MODEL_CALLS, OPERATIONS

from llm_obs_core_ext.value import encode_array

MAX_FACTOR = 2**53


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
        PluginError: A factor of a scale is out of range.
    """

    def __cinit__(self, operations, KeyTable keys not None):
        cdef Py_ssize_t i
        self.keys = keys
        self.count = len(operations)
        self.lanes = (self.count + 63) // 64
        self.rules = <Rule*> room(self.count, sizeof(Rule))
        self.readers = <uint64_t*> room((keys.count + 1) * self.lanes, sizeof(uint64_t))
        self.named = <uint8_t*> room(keys.count, 1)
        builder = _Builder()
        for i, operation in enumerate(operations):
            self._add(i, operation, builder)
        self.calls.first, self.calls.count = builder.enum(dict.fromkeys(MODEL_CALLS, "leaf"))
        rest = [name for name in OPERATIONS if name not in MODEL_CALLS]
        self.others.first, self.others.count = builder.enum(dict.fromkeys(rest, "rollup"))
        self.unknown = builder.word("", "unknown")
        self.reported = builder.word("", "reported")
        self._fill(builder)

    def __dealloc__(self):
        free(self.rules)
        free(self.sources)
        free(self.conditions)
        free(self.words)
        free(self.slots)
        free(self.readers)
        free(self.named)

    def _add(self, Py_ssize_t number, operation, builder):
        cdef Rule* rule = &self.rules[number]
        rule.target = self.keys.id(operation.target)
        self.named[rule.target] = 1
        if isinstance(operation, Rename):
            rule.kind = RULE_RENAME
            rule.flags = AS_LIST if operation.as_list else 0
            rule.first = <uint32_t> len(builder.sources)
            rule.count = <uint32_t> len(operation.sources)
            for name in operation.sources:
                builder.sources.append(self._read(name, number))
            rule.when = <uint32_t> len(builder.conditions)
            rule.when_count = <uint32_t> len(operation.when)
            builder.conditions.extend(builder.word(name, "") for name in operation.when)
        elif isinstance(operation, EnumMap):
            rule.kind = RULE_ENUM
            rule.flags = (ONLY_IF_ABSENT if operation.only_if_absent else 0) | (
                ONLY_ROOTS if operation.only_roots else 0
            )
            rule.source = self._read(operation.source, number)
            rule.first, rule.count = builder.enum(operation.mapping)
        elif isinstance(operation, Scale):
            if not (1 <= operation.numerator <= MAX_FACTOR and 1 <= operation.denominator <= MAX_FACTOR):
                raise PluginError(
                    "a scale's numerator and denominator from 1 to 2**53",
                    got=f"{operation.numerator} / {operation.denominator}",
                    where=f"the rule for {operation.target!r}",
                )
            rule.kind = RULE_SCALE
            rule.flags = AS_INT if operation.integer else 0
            rule.source = self._read(operation.source, number)
            rule.numerator = operation.numerator
            rule.denominator = operation.denominator
        else:
            raise PluginError("a Rename, an EnumMap or a Scale", got=type(operation).__name__)

    def _read(self, name, Py_ssize_t number):
        cdef uint16_t key_id = self.keys.id(name)
        self.named[key_id] = 1
        self.readers[key_id * self.lanes + number // 64] |= <uint64_t> 1 << (number % 64)
        return key_id

    def _fill(self, builder):
        cdef Py_ssize_t i
        self.blob = bytes(builder.blob)
        self.text = <const uint8_t*> PyBytes_AS_STRING(self.blob)
        self.sources = <uint16_t*> room(len(builder.sources), sizeof(uint16_t))
        for i, key_id in enumerate(builder.sources):
            self.sources[i] = key_id
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


class _Builder:
    # The tables as lists, while their sizes are not known.

    def __init__(self):
        self.sources = []
        self.conditions = []
        self.words = []
        self.slots = []
        self.blob = bytearray(8)  # so that no text begins at 0 and eight bytes can be read before its end

    def add(self, text):
        at = len(self.blob)
        self.blob += text
        return at, len(text)

    def word(self, text, out):
        cdef bytes raw = text.encode()
        cdef uint32_t hashed = otlp_hash(<const uint8_t*> PyBytes_AS_STRING(raw), <uint32_t> len(raw))
        at, length = self.add(raw)
        if isinstance(out, bool):
            out_type, out_at, out_length = VALUE_BOOL, int(out), 0
        else:
            out_type = VALUE_STRING
            out_at, out_length = self.add(out.encode())
        self.words.append((at, length, hashed, out_type, out_at, out_length, *self.add(encode_array([out]))))
        return len(self.words) - 1

    def enum(self, mapping):
        first = len(self.slots)
        size = 4
        while size < 2 * len(mapping):
            size *= 2
        part = [0] * size
        for text, out in mapping.items():
            number = self.word(text, out)
            slot = self.words[number][2] & (size - 1)
            while part[slot]:
                slot = (slot + 1) & (size - 1)
            part[slot] = number + 1
        self.slots += part
        return first, size - 1
