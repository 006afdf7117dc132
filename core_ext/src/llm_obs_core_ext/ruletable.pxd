# The operations of normalisers as tables by key number; immutable once built.
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from llm_obs_core_ext.batch cimport KeyTable


cdef enum RuleKind:
    RULE_RENAME = 1
    RULE_ENUM = 2
    RULE_SCALE = 3


cdef enum RuleFlag:
    ONLY_IF_ABSENT = 1  # RULE_ENUM
    ONLY_ROOTS = 2      # RULE_ENUM
    AS_LIST = 4         # RULE_RENAME
    AS_INT = 8          # RULE_SCALE


cdef struct Rule:
    uint8_t kind
    uint8_t flags
    uint16_t target       # key id
    uint16_t source       # key id; not RULE_RENAME
    uint32_t first        # RULE_RENAME: first in sources; RULE_ENUM: first in slots
    uint32_t count        # RULE_RENAME: how many sources; RULE_ENUM: slots less one, a mask
    uint32_t when         # RULE_RENAME: first in conditions
    uint32_t when_count   # how many; 0: on every span
    int64_t numerator     # RULE_SCALE
    int64_t denominator


cdef struct Word:
    uint32_t at           # what is looked for, in blob
    uint32_t length
    uint32_t hash
    uint32_t out_at       # what it becomes, in blob; of VALUE_BOOL the value itself
    uint32_t out_length
    uint32_t item_at      # the same as an item of an ArrayValue, in blob
    uint32_t item_length
    uint8_t type          # VALUE_STRING or VALUE_BOOL


cdef class RuleTable:
    cdef readonly KeyTable keys
    cdef Rule* rules
    cdef Py_ssize_t count
    cdef uint16_t* sources        # key ids of all renames
    cdef uint32_t* conditions     # numbers of words, whose `at` is an operation's name
    cdef Word* words
    cdef Py_ssize_t word_count
    cdef uint32_t* slots          # open addressing, a part for each enum: number of word + 1, 0 empty
    cdef bytes blob
    cdef const uint8_t* text      # blob's first byte
    cdef Py_ssize_t lanes         # 64 rules each
    cdef uint64_t* readers        # by key id and lane: the rules that have it as a source
    cdef uint8_t* named           # by key id: 1 when some rule names it
    cdef Rule calls               # an enum: operations that are a model call to the role "leaf"
    cdef Rule others              # an enum: the conventions' other operations to the role "rollup"
    cdef uint32_t unknown         # number of the word "unknown"
    cdef uint32_t reported        # number of the word "reported"
    cdef int64_t lookup(self, const Rule* rule, const uint8_t* text, uint32_t length) noexcept nogil
