# Where the strings of a batch are, for scrubbing.
from libc.stdint cimport uint32_t

from llm_obs_core_ext.batch cimport RowBatch
from llm_obs_core_ext.emit cimport Edits
from llm_obs_core_ext.ranges cimport Ranges


# Without what `edits` (None: no edits) leave out, unless they give it to another attribute.
cdef void gather_batch(Ranges* out, RowBatch batch, uint32_t buffer, Edits edits) noexcept nogil
cdef void gather_edits(Ranges* out, Edits edits) noexcept nogil
