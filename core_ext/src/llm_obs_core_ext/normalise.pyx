"""Normalisers' rules and the derived facts, applied to a whole batch; see `normalise.pyi`.

A row is looked through once: each attribute that a rule names is noted by its key's number, and the rules that read it
are marked. Then only marked rules run, in order; what one sets marks the later rules that read it.
"""

from libc.math cimport floor, isfinite
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcpy

from llm_obs_core_ext.batch cimport *
from llm_obs_core_ext.emit cimport EDIT_MOVED, EDIT_REMOVED, EDIT_SET, OURS, Edits
from llm_obs_core_ext.ruletable cimport *
from llm_obs_core_ext.usage cimport COUNTS, Usage, add_count, settle, usage_keys
from llm_obs_core_ext.wire cimport Field, next_field, same_bytes

from llm_obs_core import semconv
from llm_obs_core.interfaces.process import Rename
from llm_obs_core.pricing.usage import COUNT_KEYS

cdef extern from "exact.h" nogil:
    bint scale_exact(int64_t value, int64_t numerator, int64_t denominator, int64_t* out)

cdef extern from *:
    int ctz "__builtin_ctzll" (unsigned long long) nogil


cdef struct Slot:     # a key of the row
    uint32_t stamp    # the row that has it
    uint32_t edit     # number of the edit + 1, or 0: in the batch
    uint32_t attr     # number of the attribute in the batch


cdef struct Item:     # a value
    const uint8_t* base
    Attr attr
    uint32_t op       # how an edit names the same bytes: EDIT_MOVED or EDIT_SET


cdef struct Run:
    Slot* slots           # by key id
    uint64_t* pending     # rules that have to run, by lane
    uint32_t* places      # by word: where the arena has what it becomes + 1
    uint8_t* scratch      # a list that is being written
    size_t scratch_room
    const Attr* attrs
    const uint8_t* base   # of the row's buffer
    Py_ssize_t row
    uint32_t stamp
    bint is_root


cdef bint text_item(const uint8_t* base, const Field* item, uint32_t* at, uint32_t* length) noexcept nogil:
    # Whether an item of an ArrayValue is a string, and where.
    cdef Field f
    cdef uint32_t pos = item.at
    cdef bint is_text = False
    if item.number != 1 or item.wire != 2:
        return False
    while pos < item.end:
        next_field(base, pos, item.end, 100, &f)
        pos = f.end
        if f.number == VALUE_STRING and f.wire == 2:
            is_text = True
            at[0] = f.at
            length[0] = f.end - f.at
        elif f.number <= VALUE_BYTES:
            is_text = False
    return is_text


cdef uint32_t put_length(uint8_t* out, uint64_t tag, uint32_t length) noexcept nogil:
    # A tag of one byte and a length; returns how many bytes.
    cdef uint32_t n = 1
    out[0] = <uint8_t> tag
    while length >= 0x80:
        out[n] = <uint8_t> (length | 0x80)
        length >>= 7
        n += 1
    out[n] = <uint8_t> length
    return n + 1


cdef class CompiledRules:
    """See `normalise.pyi`."""

    cdef RuleTable table
    cdef readonly int version
    cdef uint8_t* counts          # by key id: 1 + place of the token count, 0 none
    cdef uint16_t[9] count_ids
    cdef uint16_t operation_id
    cdef uint16_t role_id
    cdef uint16_t basis_id

    def __cinit__(self, rules):
        operations = [operation for item in rules for operation in item.operations]
        names = {name for operation in operations for name in _names(operation)}
        added = sorted(names - set(semconv.KNOWN_KEYS))
        keys = KeyTable((*semconv.KNOWN_KEYS, *added)) if added else default_keys()
        self.table = RuleTable(operations, keys)
        self.version = sum(item.version for item in rules)
        self.counts = usage_keys(keys)
        for place, name in enumerate(COUNT_KEYS):
            self.count_ids[<int> place] = keys.id(name)
        self.operation_id = keys.id(semconv.OPERATION_NAME)
        self.role_id = keys.id(semconv.USAGE_ROLE)
        self.basis_id = keys.id(semconv.USAGE_BASIS)
        for name in (*COUNT_KEYS, semconv.OPERATION_NAME, semconv.USAGE_ROLE, semconv.USAGE_BASIS):
            self.table.named[<uint16_t> keys.id(name)] = 1

    def __dealloc__(self):
        free(self.counts)

    @property
    def keys(self):
        """The keys to scan with."""
        return self.table.keys

    def apply(self, SpanBatch batch not None, Edits edits not None):
        """Adds to `edits` what the rules and the derived facts set."""
        cdef Run run
        cdef Py_ssize_t row
        cdef int result = 0
        if batch.keys is not self.table.keys:
            raise ValueError("expected a batch scanned with CompiledRules.keys, got one with other keys")
        if edits.batch is not batch:
            raise ValueError("expected the edits of this batch, got those of another")
        run.slots = <Slot*> calloc(self.table.keys.count + 1, sizeof(Slot))
        run.pending = <uint64_t*> calloc(self.table.lanes + 1, sizeof(uint64_t))
        run.places = <uint32_t*> calloc(self.table.word_count + 1, sizeof(uint32_t))
        run.scratch = NULL
        run.scratch_room = 0
        run.attrs = batch.attrs
        if run.slots == NULL or run.pending == NULL or run.places == NULL:
            result = -1
        with nogil:
            for row in range(batch.row_count):
                if result == 0:
                    result = self._row(&run, batch, edits, row)
            free(run.slots)
            free(run.pending)
            free(run.places)
            free(run.scratch)
        if result:
            raise MemoryError

    cdef int _row(self, Run* run, SpanBatch batch, Edits edits, Py_ssize_t row) noexcept nogil:
        cdef const SpanRow* span = &batch.rows[row]
        cdef const Attr* attr
        cdef uint32_t i
        cdef uint32_t used = 0      # token counts that came or were set
        cdef bint any = False
        cdef Py_ssize_t lane
        cdef uint64_t bits
        cdef int result
        run.row = row
        run.stamp = <uint32_t> row + 1
        run.base = batch.bases[span.buffer]
        for lane in range(self.table.lanes):
            run.pending[lane] = 0
        for i in range(span.attrs, span.attrs + span.attrs_count):
            attr = &batch.attrs[i]
            if self.table.named[attr.key_id] and attr.type != VALUE_NONE:
                self._note(run, attr.key_id, i, 0)
                any = True
        i = edits.heads[row]
        while i:
            attr = &edits.edits[i - 1].attr
            if self.table.named[attr.key_id]:
                any = True
                if edits.edits[i - 1].op == EDIT_REMOVED or attr.type == VALUE_NONE:
                    run.slots[attr.key_id].stamp = 0
                else:
                    self._note(run, attr.key_id, 0, i)
            i = edits.edits[i - 1].next
        if not any:
            return 0
        run.is_root = True
        for i in range(8):
            run.is_root &= span.parent_id[i] == 0
        for lane in range(self.table.lanes):
            # The mask grows while its rules run: only later rules can be added.
            while run.pending[lane]:
                i = ctz(run.pending[lane])
                bits = (<uint64_t> 2 << i) - 1
                result = self._rule(run, edits, &self.table.rules[lane * 64 + i])
                run.pending[lane] &= ~bits
                if result:
                    return result
        for i in range(COUNTS):
            if run.slots[self.count_ids[i]].stamp == run.stamp:
                used |= <uint32_t> 1 << i
        return self._derive(run, edits, used)

    cdef inline void _note(self, Run* run, uint16_t key_id, uint32_t attr, uint32_t edit) noexcept nogil:
        cdef Slot* slot = &run.slots[key_id]
        cdef Py_ssize_t lane
        slot.stamp = run.stamp
        slot.attr = attr
        slot.edit = edit
        for lane in range(self.table.lanes):
            run.pending[lane] |= self.table.readers[key_id * self.table.lanes + lane]

    cdef inline bint _get(self, const Run* run, Edits edits, uint16_t key_id, Item* out) noexcept nogil:
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

    cdef int _set(
        self, Run* run, Edits edits, uint16_t key_id, uint32_t op, const Attr* value, const uint8_t* base
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
        self._note(run, key_id, 0, i)
        return 0

    cdef int _set_word(self, Run* run, Edits edits, uint16_t key_id, uint32_t number) noexcept nogil:
        # The arena gets each word once a batch.
        cdef const Word* word = &self.table.words[number]
        cdef Attr value
        value.type = word.type
        value.flags = OURS
        if word.type == VALUE_BOOL:
            value.value.i64 = word.out_at
        else:
            if run.places[number] == 0:
                if edits._append(self.table.text + word.out_at, word.out_length, &run.places[number]):
                    return -1
                run.places[number] += 1
            value.value.text.at = run.places[number] - 1
            value.value.text.length = word.out_length
        return self._set(run, edits, key_id, EDIT_SET, &value, NULL)

    cdef int _rule(self, Run* run, Edits edits, const Rule* rule) noexcept nogil:
        if rule.kind == RULE_RENAME:
            return self._rename(run, edits, rule)
        if rule.kind == RULE_ENUM:
            return self._enum(run, edits, rule)
        return self._scale(run, edits, rule)

    cdef int _rename(self, Run* run, Edits edits, const Rule* rule) noexcept nogil:
        cdef Item item
        cdef uint32_t i
        if run.slots[rule.target].stamp == run.stamp or not self._applies(run, edits, rule):
            return 0
        for i in range(rule.first, rule.first + rule.count):
            if self._get(run, edits, self.table.sources[i], &item):
                if rule.flags & AS_LIST and item.attr.type == VALUE_STRING:
                    return self._set_list(run, edits, rule.target, &item)
                return self._set(run, edits, rule.target, item.op, &item.attr, NULL)
        return 0

    cdef bint _applies(self, const Run* run, Edits edits, const Rule* rule) noexcept nogil:
        cdef Item item
        cdef const Word* word
        cdef uint32_t i
        if rule.when_count == 0:
            return True
        if not self._get(run, edits, self.operation_id, &item) or item.attr.type != VALUE_STRING:
            return False
        for i in range(rule.when, rule.when + rule.when_count):
            word = &self.table.words[self.table.conditions[i]]
            if word.length == item.attr.value.text.length and same_bytes(
                self.table.text + word.at, item.base + item.attr.value.text.at, word.length
            ):
                return True
        return False

    cdef int _set_list(self, Run* run, Edits edits, uint16_t key_id, const Item* item) noexcept nogil:
        # A list of the one string.
        cdef uint32_t length = item.attr.value.text.length
        cdef uint8_t[12] head
        cdef uint32_t inner = put_length(head, VALUE_STRING << 3 | 2, length)
        cdef uint32_t outer
        cdef Attr value
        if self._scratch(run, <size_t> length + 24):
            return -1
        outer = put_length(run.scratch, 1 << 3 | 2, inner + length)
        memcpy(run.scratch + outer, head, inner)
        if length:
            memcpy(run.scratch + outer + inner, item.base + item.attr.value.text.at, length)
        value.type = VALUE_ARRAY
        value.flags = 0
        value.value.text.at = 0
        value.value.text.length = outer + inner + length
        return self._set(run, edits, key_id, EDIT_SET, &value, run.scratch)

    cdef int _scratch(self, Run* run, size_t size) noexcept nogil:
        cdef void* fresh
        if size > run.scratch_room:
            fresh = realloc(run.scratch, size * 2)
            if fresh == NULL:
                return -1
            run.scratch = <uint8_t*> fresh
            run.scratch_room = size * 2
        return 0

    cdef int _enum(self, Run* run, Edits edits, const Rule* rule) noexcept nogil:
        cdef Item item
        cdef Field f
        cdef uint32_t at, length, pos
        cdef int64_t number = -1
        if rule.flags & ONLY_ROOTS and not run.is_root:
            return 0
        if rule.flags & ONLY_IF_ABSENT and run.slots[rule.target].stamp == run.stamp:
            return 0
        if not self._get(run, edits, rule.source, &item):
            return 0
        at = item.attr.value.text.at
        length = item.attr.value.text.length
        if item.attr.type == VALUE_STRING:
            number = self.table.lookup(rule, item.base + at, length)
        elif item.attr.type == VALUE_ARRAY:
            if rule.target == rule.source:
                return self._map_list(run, edits, rule, &item)
            pos = at
            while pos < at + length:
                next_field(item.base, pos, at + length, 100, &f)
                pos = f.end
                if f.number == 1 and f.wire == 2:
                    if text_item(item.base, &f, &at, &length):
                        number = self.table.lookup(rule, item.base + at, length)
                    break
        return self._set_word(run, edits, rule.target, <uint32_t> number) if number >= 0 else 0

    cdef int _map_list(self, Run* run, Edits edits, const Rule* rule, const Item* item) noexcept nogil:
        cdef Field f
        cdef const Word* word
        cdef uint32_t pos = item.attr.value.text.at
        cdef uint32_t end = pos + item.attr.value.text.length
        cdef uint32_t at, length
        cdef uint32_t size = 0
        cdef int64_t number
        cdef bint changed = False
        cdef Attr value
        value.flags = OURS
        while pos < end:
            next_field(item.base, pos, end, 100, &f)
            pos = f.end
            number = -1
            if text_item(item.base, &f, &at, &length):
                number = self.table.lookup(rule, item.base + at, length)
            if number < 0:
                value.flags = 0
                if self._scratch(run, size + (f.end - f.tag_at)):
                    return -1
                memcpy(run.scratch + size, item.base + f.tag_at, f.end - f.tag_at)
                size += f.end - f.tag_at
                continue
            changed = True
            word = &self.table.words[number]
            if self._scratch(run, size + word.item_length):
                return -1
            memcpy(run.scratch + size, self.table.text + word.item_at, word.item_length)
            size += word.item_length
        if not changed:
            return 0
        value.type = VALUE_ARRAY
        value.value.text.at = 0
        value.value.text.length = size
        return self._set(run, edits, rule.target, EDIT_SET, &value, run.scratch)

    cdef int _scale(self, Run* run, Edits edits, const Rule* rule) noexcept nogil:
        cdef Item item
        cdef Attr value
        cdef double number
        if run.slots[rule.target].stamp == run.stamp or not self._get(run, edits, rule.source, &item):
            return 0
        value.flags = 0
        value.type = VALUE_INT if rule.flags & AS_INT else VALUE_DOUBLE
        if item.attr.type == VALUE_INT:
            if rule.flags & AS_INT:
                if not scale_exact(item.attr.value.i64, rule.numerator, rule.denominator, &value.value.i64):
                    return 0
                return self._set(run, edits, rule.target, EDIT_SET, &value, NULL)
            number = <double> item.attr.value.i64
        elif item.attr.type == VALUE_DOUBLE:
            number = item.attr.value.f64
        else:
            return 0
        number = number * <double> rule.numerator / <double> rule.denominator
        if not isfinite(number):
            return 0
        if rule.flags & AS_INT:
            number = floor(number + 0.5)
            if not -9223372036854775808.0 <= number < 9223372036854775808.0:
                return 0
            value.value.i64 = <int64_t> number
        else:
            value.value.f64 = number
        return self._set(run, edits, rule.target, EDIT_SET, &value, NULL)

    cdef int _derive(self, Run* run, Edits edits, uint32_t used) noexcept nogil:
        # The facts of llm_obs_core.normalizer.reference.derive. `used`: bits of the counts that are there.
        cdef Item item
        cdef Usage usage
        cdef int64_t role = -1
        cdef uint32_t at, length
        cdef int place
        usage.present = 0
        while used:
            place = ctz(used)
            used &= used - 1
            self._get(run, edits, self.count_ids[place], &item)
            add_count(&usage, place, item.base, &item.attr)
        if usage.present:
            settle(&usage)
        if run.slots[self.role_id].stamp != run.stamp:
            if self._get(run, edits, self.operation_id, &item) and item.attr.type == VALUE_STRING:
                at = item.attr.value.text.at
                length = item.attr.value.text.length
                role = self.table.lookup(&self.table.calls, item.base + at, length)
                if role < 0 and usage.present:
                    role = self.table.lookup(&self.table.others, item.base + at, length)
            if role < 0 and usage.present:
                role = self.table.unknown
            if role >= 0 and self._set_word(run, edits, self.role_id, <uint32_t> role):
                return -1
        if usage.present and run.slots[self.basis_id].stamp != run.stamp:
            return self._set_word(run, edits, self.basis_id, self.table.reported)
        return 0


def _names(operation):
    sources = operation.sources if isinstance(operation, Rename) else (operation.source,)
    return (operation.target, *sources)
