# The operation Elapsed.
from llm_obs_core_ext.emit cimport Edits
from llm_obs_core_ext.rulerun cimport Run
from llm_obs_core_ext.ruletable cimport Rule, RuleTable


cdef int run_elapsed(Run* run, RuleTable table, Edits edits, const Rule* rule) noexcept nogil  # -1: out of memory
