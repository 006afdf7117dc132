# The C contract of a scanned request: fixed rows that point into the raw bytes. Everything that cimports this file is
# rebuilt with it. Offsets are from the start of the row's buffer, ranges are half open, lengths are bytes.
#
# Rows of every signal begin with a RowHead, and what works on all of them (edits, emit, texts, rules) takes a RowBatch.
# What is a span's only is in SpanRow, SpanBatch and SPANS (batch.pyx); another signal brings its own three.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from llm_obs_core_ext.ranges cimport Ranges
from llm_obs_core_ext.writer cimport Writer


cdef enum ValueType:  # the field numbers of AnyValue's oneof
    VALUE_NONE = 0
    VALUE_STRING = 1
    VALUE_BOOL = 2
    VALUE_INT = 3
    VALUE_DOUBLE = 4
    VALUE_ARRAY = 5
    VALUE_KVLIST = 6
    VALUE_BYTES = 7


cdef enum:
    KEY_UNKNOWN = 0       # Attr.key_id of a key that is not in the table; known ids are 1 + place in KNOWN_KEYS
    CANONICAL = 1         # Attr.flags, RowHead.canonical: emit would write the same bytes
    HAS_VALUE = 2         # Attr.flags: the KeyValue has a value message, which may be empty


cdef struct Range:
    uint32_t at           # first byte
    uint32_t length       # bytes


cdef union Scalar:
    int64_t i64           # VALUE_INT, VALUE_BOOL (0 or 1)
    double f64            # VALUE_DOUBLE
    Range text            # VALUE_STRING, VALUE_BYTES: the bytes; VALUE_ARRAY, VALUE_KVLIST: the payload of the message


cdef struct Attr:
    uint32_t entry_at     # the KeyValue's field in its parent, from the tag …
    uint32_t entry_end    # … to the byte after its payload
    uint32_t key_at       # the key's first byte
    uint32_t key_length   # the key's bytes
    Scalar value          # by type
    uint32_t key_hash     # KeyTable's hash of the key
    uint16_t key_id       # KEY_UNKNOWN, or the key's number in the batch's KeyTable
    uint8_t type          # ValueType
    uint8_t flags         # CANONICAL | HAS_VALUE


cdef struct RowHead:      # the first member of every signal's row
    uint32_t buffer       # which of the batch's buffers every offset of this row is in
    uint32_t at           # the payload of the row's message
    uint32_t length       # its bytes
    uint32_t scope        # index into scopes; rows of one scope are neighbours, scopes ascend
    uint32_t attrs        # first of the row's attributes in the batch's attrs; one key once, last value
    uint32_t attrs_count  # how many
    uint32_t dropped_attributes  # the sender's count plus those over max_attributes
    uint32_t canonical    # CANONICAL when emit would write the payload unchanged, else 0


cdef struct Signal:       # what of a row's message only its signal knows
    size_t row_bytes      # of the signal's row
    int message           # M_SPAN, …
    uint32_t attributes   # the field of its attributes, below 16; in canonical bytes they are neighbours
    uint32_t dropped      # the field of the count of dropped ones
    uint32_t last         # the greatest field, below 32
    uint32_t own          # bits of the fields that are written by push_own; the others as they came
    void (*push_own)(Writer* w, const RowHead* head, uint32_t number) noexcept nogil
    # The strings of a row but those of its attributes.
    void (*add_texts)(Ranges* out, const uint8_t* base, const RowHead* head) noexcept nogil


cdef struct SpanRow:
    RowHead head
    uint8_t trace_id[16]  # never zero
    uint8_t span_id[8]    # never zero
    uint8_t parent_id[8]  # zero: a root
    uint64_t start_ns     # Unix nanoseconds
    uint64_t end_ns       # Unix nanoseconds, may be before the start
    Range name            # UTF-8
    Range trace_state     # UTF-8
    Range status_message  # UTF-8
    uint32_t events_count # Span.Event messages (read them with next_field, field 11)
    uint32_t links_count  # Span.Link messages (field 13)
    uint32_t flags        # OTLP flags as they came
    uint32_t dropped_events      # the sender's count
    uint32_t dropped_links       # the sender's count
    int32_t kind          # OTLP kind, unknown values kept
    int32_t status_code   # OTLP status code, unknown values kept


cdef struct ScopeRow:
    uint32_t buffer       # which buffer
    uint32_t resource     # index into resources
    uint32_t has_scope    # 0: the ScopeSpans had no scope message
    uint32_t canonical    # CANONICAL when the scope message would be emitted unchanged
    Range message         # the InstrumentationScope payload
    Range schema_url      # of the ScopeSpans
    Range name            # of the scope
    Range version         # of the scope
    uint32_t attrs        # first attribute
    uint32_t attrs_count  # how many


cdef struct ResourceRow:
    uint32_t buffer       # which buffer
    uint32_t has_resource # 0: the ResourceSpans had no resource message
    uint32_t canonical    # CANONICAL when the resource message would be emitted unchanged
    Range message         # the Resource payload
    Range schema_url      # of the ResourceSpans
    uint32_t attrs        # first attribute
    uint32_t attrs_count  # how many


cdef class KeyTable:
    # Open addressing over the known keys; immutable once built.
    cdef readonly tuple names         # str, by id - 1
    cdef bytes blob                   # all names joined, UTF-8
    cdef const uint8_t* blob_base
    cdef uint32_t* starts             # by id: first byte in blob; starts[id + 1] is the end
    cdef uint32_t* hashes             # by id
    cdef uint16_t* slots              # hash & mask -> id, 0 empty
    cdef uint32_t mask
    cdef readonly Py_ssize_t count    # ids are 1 … count
    cdef uint16_t find(self, const uint8_t* key, uint32_t length, uint32_t key_hash) noexcept nogil


cdef class RowBatch:
    cdef const Signal* signal
    cdef KeyTable keys
    cdef uint8_t* row_data            # rows of signal.row_bytes each; see head_of
    cdef Py_ssize_t row_count
    cdef Attr* attrs
    cdef Py_ssize_t attr_count
    cdef ScopeRow* scopes
    cdef Py_ssize_t scope_count
    cdef ResourceRow* resources
    cdef Py_ssize_t resource_count
    cdef const uint8_t** bases        # first byte of each buffer
    cdef readonly Py_ssize_t buffer_count
    cdef list buffers                 # memoryviews that keep the buffers alive and locked, in the order of bases
    cdef public list rejected         # llm_obs_core.model.Rejection
    cdef void _set_buffers(self, list buffers) except *
    cdef int _reserve(self, Py_ssize_t rows, Py_ssize_t attrs, Py_ssize_t scopes, Py_ssize_t resources) except -1
    cdef void _own(self, void* rows) noexcept  # the batch frees them
    cdef RowBatch _like(self)                  # an empty batch of this signal and these keys


cdef class SpanBatch(RowBatch):
    cdef SpanRow* rows                # row_data


cdef inline RowHead* head_of(RowBatch batch, Py_ssize_t row) noexcept nogil:
    return <RowHead*> (batch.row_data + row * batch.signal.row_bytes)


cdef uint32_t hash_key(const uint8_t* key, uint32_t length) noexcept nogil
cdef KeyTable default_keys()
