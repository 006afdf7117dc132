# What a row has while rules run over it, and how rules change it.
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from llm_obs_core_ext.batch cimport Attr, RowBatch, RowHead
from llm_obs_core_ext.emit cimport EDIT_MOVED, EDIT_SET, Edits
from llm_obs_core_ext.forms cimport Forms
from llm_obs_core_ext.ruletable cimport RuleTable


cdef enum:
    PARSED = 8        # JSON texts of a row that are remembered


cdef struct Slot:     # a key of the row
    uint32_t stamp    # the row that has it
    uint32_t edit     # number of the edit + 1, or 0: in the batch
    uint32_t attr     # number of the attribute in the batch


cdef struct Item:     # a value
    const uint8_t* base
    Attr attr
    uint32_t op       # how an edit names the same bytes: EDIT_MOVED or EDIT_SET


cdef struct Token:    # a valid JSON value inside a text
    const uint8_t* text
    uint32_t length   # of the text
    uint32_t at
    uint32_t end


cdef struct Parsed:   # a text that was looked into; of an object the members that some place names
    uint32_t stamp    # the row
    uint32_t op
    uint32_t text_at
    uint32_t text_length
    uint32_t at       # its value
    uint32_t end
    bint valid
    uint32_t turn     # of `stamps`
    uint32_t* stamps  # by number of a name: the turn that found it
    uint32_t* starts
    uint32_t* ends


cdef struct Entry:    # an attribute that is collected
    uint32_t number
    uint32_t inner
    uint16_t top      # place among the item's columns
    uint16_t column   # in its list
    uint32_t member
    uint32_t attr     # in the batch
    uint32_t edit     # number of the edit + 1
    uint32_t key_id
    Item item


cdef struct Run:
    Slot* slots           # by key id
    uint64_t* pending     # rules that have to run, by lane
    uint32_t* places      # by word: where the arena has what it becomes + 1
    uint8_t* scratch      # a list that is being written
    size_t scratch_room
    const Attr* attrs
    const uint8_t* base   # of the row's buffer
    const RowHead* head
    uint64_t start_ns     # the row's; 0: it has none
    Py_ssize_t row
    uint32_t first        # the row's attributes in the batch
    uint32_t count
    uint32_t stamp
    uint64_t prefixes     # that attributes of the row have
    bint is_root
    bint strange          # an edit before the rules has a key that is not known
    Forms forms
    Parsed parsed[PARSED]
    uint32_t parsed_next
    Entry* entries
    size_t entry_count
    size_t entry_room


cdef int start_run(Run* run, RuleTable table, RowBatch batch) noexcept nogil
cdef void end_run(Run* run) noexcept nogil
cdef void note_prefixes(Run* run, RuleTable table, uint64_t prefixes) noexcept nogil


cdef inline void note(Run* run, RuleTable table, uint16_t key_id, uint32_t attr, uint32_t edit) noexcept nogil:
    cdef Slot* slot = &run.slots[key_id]
    cdef uint32_t i
    slot.stamp = run.stamp
    slot.attr = attr
    slot.edit = edit
    for i in range(table.first_readers[key_id], table.first_readers[key_id + 1]):
        run.pending[table.readers[i].lane] |= table.readers[i].rules
    if table.key_prefixes[key_id]:
        note_prefixes(run, table, table.key_prefixes[key_id])


cdef inline bint get(const Run* run, Edits edits, uint16_t key_id, Item* out) noexcept nogil:
    cdef const Slot* slot = &run.slots[key_id]
    if slot.stamp != run.stamp:
        return False
    if slot.edit:
        out.attr = edits.edits[slot.edit - 1].attr
        out.op = edits.edits[slot.edit - 1].op
        out.base = edits.arena if out.op == EDIT_SET else run.base
    else:
        out.attr = run.attrs[slot.attr]
        out.attr.flags = 0
        out.op = EDIT_MOVED
        out.base = run.base
    return True


# Those that change return 0, or -1 when out of memory.
cdef int put(
    Run* run, RuleTable table, Edits edits, uint16_t key_id, uint32_t op, const Attr* value, const uint8_t* base
) noexcept nogil
cdef int put_word(Run* run, RuleTable table, Edits edits, uint16_t key_id, uint32_t number) noexcept nogil
cdef int put_text(
    Run* run, RuleTable table, Edits edits, uint16_t key_id, uint8_t type, const uint8_t* text, size_t length
) noexcept nogil
cdef int take_away(Run* run, Edits edits, uint16_t key_id) noexcept nogil
cdef int more_scratch(Run* run, size_t size) noexcept nogil
