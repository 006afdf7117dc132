"""Normalisers' rules and the derived facts, applied to a whole batch; see `normalise.pyi`.

A row is looked through once: each attribute that a rule names is noted by its key's number, and the rules that read it
are marked. Then only marked rules run, in order; what one sets marks the later rules that read it.
"""

from libc.math cimport floor, isfinite
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memset

from llm_obs_core_ext.batch cimport *
from llm_obs_core_ext.collect cimport run_collect
from llm_obs_core_ext.emit cimport EDIT_REMOVED, EDIT_SET, Edits, is_left_out
from llm_obs_core_ext.roles cimport (
    ROLE_KEPT, ROLE_ROLLUP, Call, Calls, add_parent, free_calls, new_call, note_id, settle_roles, start_calls,
)
from llm_obs_core_ext.rulelists cimport map_list, put_list, text_item
from llm_obs_core_ext.ruleplaces cimport holds, number_at, run_drop, run_extract, run_sum
from llm_obs_core_ext.rulerun cimport *
from llm_obs_core_ext.ruletimes cimport run_elapsed
from llm_obs_core_ext.ruletable cimport *
from llm_obs_core_ext.usage cimport COUNTS, Usage, add_count, settle, usage_keys
from llm_obs_core_ext.wire cimport Field, load64, next_field, same_bytes

from llm_obs_core import semconv
from llm_obs_core.pricing.usage import COUNT_KEYS

from llm_obs_core_ext.rulebuild import attributes

cdef extern from "exact.h" nogil:
    bint scale_exact(int64_t value, int64_t numerator, int64_t denominator, int64_t* out)

cdef extern from *:
    int ctz "__builtin_ctzll" (unsigned long long) nogil


cdef class CompiledRules:
    """See `normalise.pyi`."""

    cdef RuleTable table
    cdef readonly int version
    cdef uint8_t* counts          # by key id: 1 + place of the token count, 0 none
    cdef uint16_t[9] count_ids
    cdef uint16_t operation_id
    cdef uint16_t role_id
    cdef uint16_t basis_id
    cdef uint16_t error_id
    cdef uint16_t response_id

    def __cinit__(self, rules):
        operations = [operation for item in rules for operation in item.operations]
        names = {name for operation in operations for name in attributes(operation)}
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
        self.error_id = keys.id(semconv.ERROR_TYPE)
        self.response_id = keys.id(semconv.RESPONSE_ID)
        for name in (
            *COUNT_KEYS, semconv.OPERATION_NAME, semconv.USAGE_ROLE, semconv.USAGE_BASIS, semconv.ERROR_TYPE,
            semconv.RESPONSE_ID,
        ):
            self.table.named[<uint16_t> keys.id(name)] = 1

    def __dealloc__(self):
        free(self.counts)

    @property
    def keys(self):
        """The keys to scan with."""
        return self.table.keys

    def apply(self, RowBatch batch not None, Edits edits not None):
        """Adds to `edits` what the rules and the derived facts set."""
        cdef Run run
        cdef Calls calls
        cdef SpanBatch spans = batch if isinstance(batch, SpanBatch) else None
        cdef Py_ssize_t row
        cdef int result = 0
        if batch.keys is not self.table.keys:
            raise ValueError("expected a batch scanned with CompiledRules.keys, got one with other keys")
        if edits.batch is not batch:
            raise ValueError("expected the edits of this batch, got those of another")
        with nogil:
            memset(&calls, 0, sizeof(Calls))
            result = start_run(&run, self.table, batch) or start_calls(&calls, 0 if spans is None else batch.row_count)
            for row in range(batch.row_count):
                if result == 0:
                    result = self._row(&run, batch, spans, edits, row, &calls)
            if result == 0 and spans is not None:
                result = self._roles(&run, spans, edits, &calls)
            if run.forms.out.failed or run.forms.said.failed or run.forms.inner.failed:
                result = -1
            free_calls(&calls)
            end_run(&run)
        if result:
            raise MemoryError

    cdef int _row(
        self, Run* run, RowBatch batch, SpanBatch spans, Edits edits, Py_ssize_t row, Calls* calls
    ) noexcept nogil:
        # `spans`: the batch, or None when its rows are no spans.
        cdef const RowHead* head = head_of(batch, row)
        cdef const SpanRow* span = &spans.rows[row] if spans is not None else NULL
        cdef const Attr* attr
        cdef uint32_t i
        cdef uint32_t used = 0      # token counts that came or were set
        cdef bint any = False
        cdef Py_ssize_t lane
        cdef uint64_t bits
        cdef int result
        run.row = row
        run.head = head
        run.start_ns = span.start_ns if span != NULL else 0
        run.is_root = span != NULL and load64(span.parent_id) == 0
        run.first = head.attrs
        run.count = head.attrs_count
        run.prefixes = 0
        run.strange = False
        run.stamp = <uint32_t> row + 1
        run.base = batch.bases[head.buffer]
        for lane in range(self.table.lanes):
            run.pending[lane] = 0
        for i in range(head.attrs, head.attrs + head.attrs_count):
            attr = &batch.attrs[i]
            if attr.key_id == KEY_UNKNOWN:
                if attr.key_length and self.table.beginners[run.base[attr.key_at]]:
                    any |= self._prefixed(run, run.base + attr.key_at, attr.key_length)
            elif self.table.named[attr.key_id] and attr.type != VALUE_NONE and not is_left_out(edits, i):
                note(run, self.table, attr.key_id, i, 0)
                any = True
        i = edits.heads[row]
        while i:
            attr = &edits.edits[i - 1].attr
            if attr.key_id == KEY_UNKNOWN:
                run.strange = True
                any |= self._prefixed(run, edits.arena + attr.key_at, attr.key_length)
            elif self.table.named[attr.key_id]:
                any = True
                if edits.edits[i - 1].op == EDIT_REMOVED or attr.type == VALUE_NONE:
                    run.slots[attr.key_id].stamp = 0
                else:
                    note(run, self.table, attr.key_id, 0, i)
            i = edits.edits[i - 1].next
        if span != NULL and span.events_count and self.table.has_events:
            any = True
            for lane in range(self.table.lanes):
                run.pending[lane] |= self.table.event_readers[lane]
        if span != NULL and not run.is_root:
            add_parent(calls, span.parent_id)
        if not any:
            return 0
        for lane in range(self.table.lanes):
            # The mask grows while its rules run: only later rules can be added.
            while run.pending[lane]:
                i = ctz(run.pending[lane])
                bits = (<uint64_t> 2 << i) - 1
                result = self._rule(run, edits, &self.table.rules[lane * 64 + i])
                run.pending[lane] &= ~bits
                if result:
                    return result
        if span == NULL:
            return 0
        for i in range(COUNTS):
            if run.slots[self.count_ids[i]].stamp == run.stamp:
                used |= <uint32_t> 1 << i
        return self._derive(run, edits, used, span, calls)

    cdef bint _prefixed(self, Run* run, const uint8_t* key, uint32_t length) noexcept nogil:
        cdef uint64_t prefixes = self.table.prefixes_of(key, length)
        if prefixes:
            note_prefixes(run, self.table, prefixes)
        return prefixes != 0

    cdef int _rule(self, Run* run, Edits edits, const Rule* rule) noexcept nogil:
        if rule.when_count and not holds(run, self.table, edits, rule):
            return 0
        if rule.kind == RULE_RENAME:
            return self._rename(run, edits, rule)
        if rule.kind == RULE_ENUM:
            return self._enum(run, edits, rule)
        if rule.kind == RULE_SCALE:
            return self._scale(run, edits, rule)
        if rule.kind == RULE_SUM:
            return run_sum(run, self.table, edits, rule)
        if rule.kind == RULE_COLLECT:
            return run_collect(run, self.table, edits, rule)
        if rule.kind == RULE_EXTRACT:
            return run_extract(run, self.table, edits, rule)
        if rule.kind == RULE_ELAPSED:
            return run_elapsed(run, self.table, edits, rule)
        return run_drop(run, self.table, edits, rule)

    cdef int _rename(self, Run* run, Edits edits, const Rule* rule) noexcept nogil:
        cdef Item item
        cdef uint32_t i
        if run.slots[rule.target].stamp == run.stamp:
            return 0
        for i in range(rule.first, rule.first + rule.count):
            if get(run, edits, self.table.sources[i], &item):
                if rule.flags & AS_LIST and item.attr.type == VALUE_STRING:
                    return put_list(run, self.table, edits, rule, &item)
                return put(run, self.table, edits, rule.target, item.op, &item.attr, NULL)
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
        if not get(run, edits, rule.source, &item):
            return 0
        at = item.attr.value.text.at
        length = item.attr.value.text.length
        if item.attr.type == VALUE_STRING:
            number = self.table.lookup(rule, item.base + at, length)
        elif item.attr.type == VALUE_ARRAY:
            if rule.target == rule.source:
                return map_list(run, self.table, edits, rule, &item)
            pos = at
            while pos < at + length:
                next_field(item.base, pos, at + length, 100, &f)
                pos = f.end
                if f.number == 1 and f.wire == 2:
                    if text_item(item.base, &f, &at, &length):
                        number = self.table.lookup(rule, item.base + at, length)
                    break
        return put_word(run, self.table, edits, rule.target, <uint32_t> number) if number >= 0 else 0

    cdef int _scale(self, Run* run, Edits edits, const Rule* rule) noexcept nogil:
        cdef Item item
        cdef Attr value
        cdef double number
        if run.slots[rule.target].stamp == run.stamp:
            return 0
        if not number_at(run, self.table, edits, &self.table.places[rule.first], False, &item):
            return 0
        value.flags = 0
        value.type = VALUE_INT if rule.flags & AS_INT else VALUE_DOUBLE
        if item.attr.type == VALUE_INT:
            if rule.flags & AS_INT:
                if not scale_exact(item.attr.value.i64, rule.numerator, rule.denominator, &value.value.i64):
                    return 0
                return put(run, self.table, edits, rule.target, EDIT_SET, &value, NULL)
            number = <double> item.attr.value.i64
        else:
            number = item.attr.value.f64
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
        return put(run, self.table, edits, rule.target, EDIT_SET, &value, NULL)

    cdef int _roles(self, Run* run, SpanBatch batch, Edits edits, Calls* calls) noexcept nogil:
        # What the rows of a request say together.
        cdef const Call* call
        cdef size_t i
        if settle_roles(calls, batch, edits.arena):
            return -1
        for i in range(calls.count):
            call = &calls.calls[i]
            if call.change == ROLE_KEPT:
                continue
            run.row = call.row
            run.stamp += 1
            if put_word(
                run, self.table, edits, self.role_id,
                self.table.rollup if call.change == ROLE_ROLLUP else self.table.duplicate,
            ):
                return -1
        return 0

    cdef int _call(
        self, Run* run, Edits edits, const SpanRow* span, bint is_given, bint embeds, bint has_usage, Calls* calls
    ) noexcept nogil:
        # A row whose role is leaf.
        cdef Call* call = new_call(calls)
        cdef const Slot* slot = &run.slots[self.response_id]
        cdef const Attr* attr
        if call == NULL:
            return -1
        call.row = <uint32_t> run.row
        call.is_given = is_given
        call.embeds = embeds
        call.has_usage = has_usage
        call.failed = span.status_code == 2 or run.slots[self.error_id].stamp == run.stamp
        if slot.stamp != run.stamp:
            return 0
        attr = &edits.edits[slot.edit - 1].attr if slot.edit else &run.attrs[slot.attr]
        if attr.type == VALUE_STRING:
            call.id_length = attr.value.text.length
            call.id_at = attr.value.text.at
            call.id_is_set = slot.edit != 0 and edits.edits[slot.edit - 1].op == EDIT_SET
            note_id(calls, call, (edits.arena if call.id_is_set else run.base) + call.id_at)
        return 0

    cdef int _derive(
        self, Run* run, Edits edits, uint32_t used, const SpanRow* span, Calls* calls
    ) noexcept nogil:
        # The facts of llm_obs_core.normalizer.reference.derive. `used`: bits of the counts that are there.
        cdef Item item
        cdef Usage usage
        cdef int64_t role = -1
        cdef uint32_t at, length
        cdef int place
        cdef bint is_given
        cdef bint is_leaf = False
        cdef bint embeds = False
        usage.present = 0
        while used:
            place = ctz(used)
            used &= used - 1
            get(run, edits, self.count_ids[place], &item)
            add_count(&usage, place, item.base, &item.attr)
        if usage.present:
            settle(&usage)
        is_given = run.slots[self.role_id].stamp == run.stamp
        if is_given:
            get(run, edits, self.role_id, &item)
            is_leaf = item.attr.type == VALUE_STRING and item.attr.value.text.length == 4 and (
                same_bytes(item.base + item.attr.value.text.at, <const uint8_t*> b"leaf", 4)
            )
            if is_leaf and get(run, edits, self.operation_id, &item) and item.attr.type == VALUE_STRING:
                embeds = self.table.embeds == self.table.lookup(
                    &self.table.calls, item.base + item.attr.value.text.at, item.attr.value.text.length
                )
        else:
            if get(run, edits, self.operation_id, &item) and item.attr.type == VALUE_STRING:
                at = item.attr.value.text.at
                length = item.attr.value.text.length
                role = self.table.lookup(&self.table.calls, item.base + at, length)
                is_leaf = role >= 0
                embeds = role == self.table.embeds
                if role < 0 and usage.present:
                    role = self.table.lookup(&self.table.others, item.base + at, length)
            if role < 0 and usage.present:
                role = self.table.unknown
            if role >= 0 and put_word(run, self.table, edits, self.role_id, <uint32_t> role):
                return -1
        if is_leaf and self._call(run, edits, span, is_given, embeds, usage.present != 0, calls):
            return -1
        if usage.present and run.slots[self.basis_id].stamp != run.stamp:
            return put_word(run, self.table, edits, self.basis_id, self.table.reported)
        return 0
