# The operations of normalisers as tables by key number; immutable once built.
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from llm_obs_core_ext.batch cimport KeyTable


cdef enum RuleKind:
    RULE_RENAME = 1
    RULE_ENUM = 2
    RULE_SCALE = 3
    RULE_SUM = 4
    RULE_COLLECT = 5
    RULE_EXTRACT = 6
    RULE_DROP = 7
    RULE_ELAPSED = 8


cdef enum RuleFlag:
    ONLY_IF_ABSENT = 1  # RULE_ENUM
    ONLY_ROOTS = 2      # RULE_ENUM
    AS_LIST = 4         # RULE_RENAME
    AS_INT = 8          # RULE_SCALE
    REPLACE = 16        # RULE_SUM, RULE_EXTRACT
    TAKE = 32           # RULE_EXTRACT


cdef enum JsonMode:     # of a collected string
    JSON_NEVER = 0
    JSON_VALUE = 1
    JSON_PARTS = 2


cdef enum:
    NO_NAME = 0xFFFFFFFF  # Step.name of an element's number
    NO_LIST = 0xFFFF      # MemberRow.list of a member of the item itself
    WHOLE_ITEM = 0xFFFE   # MemberRow.column of a member that is the item
    MAX_PREFIXES = 64


cdef struct Rule:
    uint8_t kind
    uint8_t flags
    uint8_t form          # FormKind
    uint8_t prefix        # RULE_COLLECT: number of the prefix, or MAX_PREFIXES: members are whole names
    uint16_t target       # key id; 0 of RULE_DROP
    uint16_t source       # RULE_ENUM: key id; RULE_ELAPSED: of the instant, 0: an event
    uint32_t first        # RULE_RENAME: in sources; RULE_ENUM: in slots; RULE_COLLECT: in members; others: in places
    uint32_t count        # how many; RULE_ENUM: slots less one, a mask
    uint32_t minus        # RULE_SUM: from which of its places on is subtracted
    uint32_t when         # first in whens
    uint32_t when_count   # how many; 0: on every span
    uint32_t role_at      # of messages, or an event's name, in blob
    uint32_t role_length
    int64_t numerator     # RULE_SCALE
    int64_t denominator


cdef struct Step:         # into a JSON value
    uint32_t name         # number of a name, or NO_NAME
    uint32_t number       # then of an element


cdef struct PlaceRow:
    uint16_t key_id
    uint32_t first        # in steps
    uint32_t count        # 0: the attribute itself


cdef struct WhenRow:
    uint32_t place
    uint32_t first        # in conditions
    uint32_t count        # 0: any value
    bint absent


cdef struct JsonName:
    uint32_t at           # in blob
    uint32_t length
    uint64_t hash         # json_hash of it


cdef struct MemberRow:
    uint16_t key_id       # without a prefix
    uint16_t list         # number of the list among the item's columns, or NO_LIST
    uint16_t column       # place among the item's columns, or the list's
    uint16_t json         # JsonMode
    uint32_t before_at    # what follows the number, in blob
    uint32_t before_length
    uint32_t after_at     # and what follows the number inside
    uint32_t after_length
    uint32_t name_at      # `"name":`, in blob
    uint32_t name_length
    uint32_t list_at      # `"list":`, in blob
    uint32_t list_length


cdef struct Readers:
    uint32_t lane
    uint64_t rules        # bits


cdef struct Prefix:
    uint32_t at           # in blob
    uint32_t length


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
    cdef PlaceRow* places
    cdef Step* steps
    cdef WhenRow* whens
    cdef MemberRow* members
    cdef Prefix* prefixes
    cdef Py_ssize_t prefix_count
    cdef uint64_t[256] beginners  # by first byte: bits of the prefixes
    cdef uint64_t* key_prefixes   # by key id: bits of the prefixes that the key has, a number behind
    cdef uint64_t* prefix_readers # by prefix and lane: the rules that collect it
    cdef JsonName* names
    cdef Py_ssize_t name_count
    cdef uint32_t* name_slots     # open addressing: number of name + 1, 0 empty
    cdef uint32_t name_mask
    cdef uint32_t* conditions     # numbers of words, whose `at` is what a condition compares with
    cdef Word* words
    cdef Py_ssize_t word_count
    cdef uint32_t* slots          # open addressing, a part for each enum: number of word + 1, 0 empty
    cdef bytes blob
    cdef const uint8_t* text      # blob's first byte
    cdef Py_ssize_t lanes         # 64 rules each
    cdef Readers* readers         # the rules that have a key as a source, a lane at a time
    cdef uint32_t* first_readers  # by key id: first in readers; those of key id + 1 are the end
    cdef uint64_t* event_readers  # by lane: the rules that look at events
    cdef bint has_events          # whether there are any
    cdef uint8_t* named           # by key id: 1 when some rule names it
    cdef Rule calls               # an enum: operations that are a model call to the role "leaf"
    cdef int64_t embeds           # of those words the number of "embeddings"
    cdef Rule others              # an enum: the conventions' other operations to the role "rollup"
    cdef uint32_t unknown         # numbers of words: roles and a basis
    cdef uint32_t rollup
    cdef uint32_t duplicate
    cdef uint32_t reported
    cdef int64_t lookup(self, const Rule* rule, const uint8_t* text, uint32_t length) noexcept nogil
    cdef uint32_t name_number(self, uint64_t hash) noexcept nogil  # NO_NAME when no place has it
    # The prefixes that a key has, with a number behind: bits.
    cdef uint64_t prefixes_of(self, const uint8_t* key, uint32_t length) noexcept nogil
