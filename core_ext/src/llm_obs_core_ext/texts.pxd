# Where the strings of a batch are, for scrubbing.
from libc.stdint cimport uint32_t

from llm_obs_core_ext.batch cimport SpanBatch
from llm_obs_core_ext.emit cimport Edits


cdef struct Ranges:
    uint32_t* starts      # freed by the caller, like ends
    uint32_t* ends
    size_t count
    size_t room
    bint failed           # out of memory


# Without what `edits` (None: no edits) leave out, unless they give it to another attribute.
cdef void gather_batch(Ranges* out, SpanBatch batch, uint32_t buffer, Edits edits) noexcept nogil
cdef void gather_edits(Ranges* out, Edits edits) noexcept nogil
