# Places of a row: conditions, numbers, and the operations Sum, Extract and Drop.
from llm_obs_core_ext.emit cimport Edits
from llm_obs_core_ext.rulerun cimport Item, Run, Token
from llm_obs_core_ext.ruletable cimport PlaceRow, Rule, RuleTable


cdef enum Found:
    FOUND_NOTHING = 0
    FOUND_WHOLE = 1   # an attribute: Item
    FOUND_INSIDE = 2  # a value in JSON text: Token; not null


cdef int find_place(
    Run* run, RuleTable table, Edits edits, const PlaceRow* place, Item* item, Token* token
) noexcept nogil
cdef bint holds(Run* run, RuleTable table, Edits edits, const Rule* rule) noexcept nogil
# The number at a place as an attribute that is an int or a double: strings of digits with `loose` only.
cdef bint number_at(
    Run* run, RuleTable table, Edits edits, const PlaceRow* place, bint loose, Item* out
) noexcept nogil
cdef int run_sum(Run* run, RuleTable table, Edits edits, const Rule* rule) noexcept nogil
cdef int run_extract(Run* run, RuleTable table, Edits edits, const Rule* rule) noexcept nogil
cdef int run_drop(Run* run, RuleTable table, Edits edits, const Rule* rule) noexcept nogil
