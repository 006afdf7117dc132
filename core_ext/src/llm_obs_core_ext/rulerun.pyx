"""What a row has while rules run over it; see `rulerun.pxd`."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memset

from llm_obs_core_ext.batch cimport *
from llm_obs_core_ext.emit cimport EDIT_REMOVED, EDIT_SET, OURS, Edits
from llm_obs_core_ext.forms cimport free_forms
from llm_obs_core_ext.ruletable cimport *


cdef int start_run(Run* run, RuleTable table, RowBatch batch) noexcept nogil:
    memset(run, 0, sizeof(Run))
    run.slots = <Slot*> calloc(table.keys.count + 1, sizeof(Slot))
    run.pending = <uint64_t*> calloc(table.lanes + 1, sizeof(uint64_t))
    run.places = <uint32_t*> calloc(table.word_count + 1, sizeof(uint32_t))
    run.attrs = batch.attrs
    return -1 if run.slots == NULL or run.pending == NULL or run.places == NULL else 0


cdef void end_run(Run* run) noexcept nogil:
    cdef int i
    for i in range(PARSED):
        free(run.parsed[i].stamps)
    free(run.slots)
    free(run.pending)
    free(run.places)
    free(run.scratch)
    free(run.entries)
    free_forms(&run.forms)


cdef void note_prefixes(Run* run, RuleTable table, uint64_t prefixes) noexcept nogil:
    cdef Py_ssize_t lane
    cdef int i
    prefixes &= ~run.prefixes
    run.prefixes |= prefixes
    for i in range(table.prefix_count):
        if prefixes >> i & 1:
            for lane in range(table.lanes):
                run.pending[lane] |= table.prefix_readers[i * table.lanes + lane]


cdef int put(
    Run* run, RuleTable table, Edits edits, uint16_t key_id, uint32_t op, const Attr* value, const uint8_t* base
) noexcept nogil:
    cdef uint32_t before = edits.count
    cdef uint32_t i
    if edits.apply_id(run.row, key_id, op, value, base):
        return -1
    if edits.count != before:
        i = edits.count
    else:
        i = edits.heads[run.row]
        while edits.edits[i - 1].attr.key_id != key_id:
            i = edits.edits[i - 1].next
    note(run, table, key_id, 0, i)
    return 0


cdef int put_word(Run* run, RuleTable table, Edits edits, uint16_t key_id, uint32_t number) noexcept nogil:
    # The arena gets each word once a batch.
    cdef const Word* word = &table.words[number]
    cdef Attr value
    value.type = word.type
    value.flags = OURS
    if word.type == VALUE_BOOL:
        value.value.i64 = word.out_at
    else:
        if run.places[number] == 0:
            if edits._append(table.text + word.out_at, word.out_length, &run.places[number]):
                return -1
            run.places[number] += 1
        value.value.text.at = run.places[number] - 1
        value.value.text.length = word.out_length
    return put(run, table, edits, key_id, EDIT_SET, &value, NULL)


cdef int put_text(
    Run* run, RuleTable table, Edits edits, uint16_t key_id, uint8_t type, const uint8_t* text, size_t length
) noexcept nogil:
    # `text` is not in the arena, which may move.
    cdef Attr value
    if length > 0x7FFFFFFE:
        return -1
    value.type = type
    value.flags = 0
    value.value.text.at = 0
    value.value.text.length = <uint32_t> length
    return put(run, table, edits, key_id, EDIT_SET, &value, text)


cdef int take_away(Run* run, Edits edits, uint16_t key_id) noexcept nogil:
    cdef Slot* slot = &run.slots[key_id]
    if slot.stamp != run.stamp:
        return 0
    slot.stamp = 0
    if slot.edit:
        edits.edits[slot.edit - 1].op = EDIT_REMOVED
        return 0
    return edits.leave_out(slot.attr)


cdef int more_scratch(Run* run, size_t size) noexcept nogil:
    cdef void* fresh
    if size > run.scratch_room:
        fresh = realloc(run.scratch, size * 2)
        if fresh == NULL:
            return -1
        run.scratch = <uint8_t*> fresh
        run.scratch_room = size * 2
    return 0
