# The columns of a batch while they are filled. Rows are counted from 0, bitmaps have the least significant bit first.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t

from llm_obs_core_ext.arrow cimport Memory
from llm_obs_core_ext.batch cimport KeyTable, SpanBatch


cdef enum:
    MAX_COLUMNS = 64
    FIXED_FIELDS = 10  # `span:` sources
    USAGE_FIELDS = 11  # from Usage.input_tokens on


cdef enum ColumnType:
    TYPE_STRING = 0
    TYPE_INT64 = 1
    TYPE_INT32 = 2
    TYPE_INT8 = 3
    TYPE_BOOL = 4
    TYPE_FIXED16 = 5
    TYPE_FIXED8 = 6


cdef enum SourceKind:  # how an attribute's value becomes a column's
    FROM_NOTHING = 0
    FROM_TEXT = 1
    FROM_FIRST_TEXT = 2
    FROM_INT = 3
    FROM_INT32 = 4
    FROM_BOOL = 5
    FROM_SECONDS = 6
    FROM_COUNT = 7     # a UsageCount


cdef struct Source:
    uint8_t kind       # SourceKind
    uint8_t place      # the text's number, the column's number, or the UsageCount


cdef class Plan:
    # Which columns are filled from what, for batches of one KeyTable; immutable once built.
    cdef KeyTable keys
    cdef readonly tuple names                # of the columns, in order
    cdef readonly tuple types                # their type words
    cdef int count                           # columns
    cdef uint8_t column_types[MAX_COLUMNS]   # ColumnType
    cdef Source* sources                     # by key id
    cdef uint8_t* resource_texts             # by key id: 1 + number of the text read from a resource
    cdef int text_count
    cdef uint8_t text_columns[MAX_COLUMNS]   # by number of the text: its column
    cdef int fixed[FIXED_FIELDS]             # by place in FIXED_NAMES: the column, or the text's number; -1 not wanted
    cdef int usage_count
    cdef uint8_t usage_columns[USAGE_FIELDS]
    cdef uint8_t usage_fields[USAGE_FIELDS]  # place after Usage.input_tokens
    cdef uint32_t usage_masks[USAGE_FIELDS]  # null unless one of these counts is present


cdef struct Col:
    uint8_t* data         # values; text of strings (malloc's, until the views are made); a bitmap for bool
    uint8_t* validity     # a set bit: not null
    int32_t* offsets      # strings: rows + 1
    size_t used           # strings: bytes of data
    size_t room
    Py_ssize_t valid      # rows that are not null


cdef class Table:
    cdef Plan plan
    cdef Py_ssize_t rows
    cdef Memory block              # every column's data, validity and offsets but the strings' data
    cdef Col cols[MAX_COLUMNS]
    cdef dict arrows(self)         # the strings' data go over to the views


cdef Plan make_plan(KeyTable keys, columns)        # columns: of llm_obs_core.model.Column
cdef Table fill_table(SpanBatch batch, Plan plan)  # raises LimitError and MemoryError
