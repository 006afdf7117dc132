# Lists of strings as attributes have them: the payload of an ArrayValue.
from libc.stdint cimport uint8_t, uint32_t

from llm_obs_core_ext.emit cimport Edits
from llm_obs_core_ext.rulerun cimport Item, Run
from llm_obs_core_ext.ruletable cimport Rule, RuleTable
from llm_obs_core_ext.wire cimport Field


# Whether an item of an ArrayValue is a string, and where.
cdef bint text_item(const uint8_t* base, const Field* item, uint32_t* at, uint32_t* length) noexcept nogil
# Sets the target to a list of the one string; to the list with its words mapped, if any is. 0, or -1: out of memory.
cdef int put_list(Run* run, RuleTable table, Edits edits, const Rule* rule, const Item* item) noexcept nogil
cdef int map_list(Run* run, RuleTable table, Edits edits, const Rule* rule, const Item* item) noexcept nogil
