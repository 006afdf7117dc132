# The writing half of `emit`: what a row and its envelopes become. Everything is pushed from its end to its beginning.
from libc.stdint cimport uint8_t, uint32_t

from llm_obs_core_ext.batch cimport Attr, Range, RowHead, Signal
from llm_obs_core_ext.emit cimport Edit
from llm_obs_core_ext.writer cimport Source, Writer


cdef struct Job:
    Writer w
    const Source* sources    # by buffer
    const Source* arena      # NULL: no edits
    const Signal* signal
    const Attr* attrs
    const Edit* edits
    const uint32_t* heads
    const uint8_t* gone      # by number of an attribute: it is not written; NULL: all are
    uint32_t* order          # the edits of one row
    size_t order_room
    const uint8_t* left_out  # by key id: attributes that are not written when not 0; NULL: all are


# The payload of a row's message.
cdef void push_row(Job* job, size_t row, const RowHead* head) noexcept nogil
# The payload of a Resource or an InstrumentationScope (`message` is M_RESOURCE or M_SCOPE).
cdef void push_payload(
    Writer* w, const Source* source, int message, const Range* where, uint32_t canonical
) noexcept nogil
