"""Attributes with numbered names as objects of a JSON array; see `collect.pxd`."""

from libc.math cimport isfinite
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport realloc
from libc.string cimport memcmp, memcpy

from llm_obs_core_ext.batch cimport *
from llm_obs_core_ext.emit cimport EDIT_MOVED, EDIT_REMOVED, EDIT_SET, Edit, Edits, is_left_out
from llm_obs_core_ext.forms cimport *
from llm_obs_core_ext.jsonobject cimport (
    after_value, json_hash, json_name_end, json_space, json_string_end, json_text, json_value_end,
)
from llm_obs_core_ext.jsontext cimport Bytes, add_bytes, add_double, add_string, add_word
from llm_obs_core_ext.rulerun cimport *
from llm_obs_core_ext.ruletable cimport *
from llm_obs_core_ext.typed cimport int_digits


cdef extern from "collect.h" nogil:
    void sort_entries(void* entries, size_t count, size_t size)


cdef bint read_number(const uint8_t* key, uint32_t* at, uint32_t length, uint32_t* out) noexcept nogil:
    # At most nine digits, no leading zero.
    cdef uint32_t start = at[0]
    out[0] = 0
    while at[0] < length and c"0" <= key[at[0]] <= c"9" and at[0] - start < 9:
        out[0] = out[0] * 10 + (key[at[0]] - c"0")
        at[0] += 1
    if at[0] == start or (key[start] == c"0" and at[0] - start > 1):
        return False
    return not (at[0] < length and c"0" <= key[at[0]] <= c"9")


cdef bint match(
    RuleTable table, const MemberRow* member, const uint8_t* key, uint32_t length, uint32_t at, uint32_t* inner
) noexcept nogil:
    # Whether what follows an item's number is a member's path.
    inner[0] = 0
    if length - at < member.before_length or memcmp(key + at, table.text + member.before_at, member.before_length):
        return False
    at += member.before_length
    if member.list != NO_LIST and not read_number(key, &at, length, inner):
        return False
    return length - at == member.after_length and (
        memcmp(key + at, table.text + member.after_at, member.after_length) == 0
    )


cdef bint is_plain(const Attr* attr) noexcept nogil:
    if attr.type == VALUE_DOUBLE:
        return isfinite(attr.value.f64)
    return attr.type == VALUE_STRING or attr.type == VALUE_INT or attr.type == VALUE_BOOL


cdef bint add_entry(Run* run, const Rule* rule, RuleTable table, uint32_t number, Entry* entry) noexcept nogil:
    cdef const MemberRow* member = &table.members[entry.member]
    cdef void* fresh
    if run.entry_count == run.entry_room:
        fresh = realloc(run.entries, (run.entry_room * 2 + 64) * sizeof(Entry))
        if fresh == NULL:
            return False
        run.entries = <Entry*> fresh
        run.entry_room = run.entry_room * 2 + 64
    entry.number = number
    entry.top = member.column if member.list == NO_LIST else member.list
    entry.column = 0 if member.list == NO_LIST else member.column
    run.entries[run.entry_count] = entry[0]
    run.entry_count += 1
    return True


cdef bint consider(
    Run* run, RuleTable table, const Rule* rule, const uint8_t* key, uint32_t length, Entry* entry
) noexcept nogil:
    # An attribute whose name has the rule's prefix; False when out of memory.
    cdef uint32_t at = table.prefixes[rule.prefix].length
    cdef uint32_t number, i
    if not is_plain(&entry.item.attr) or not read_number(key, &at, length, &number):
        return True
    for i in range(rule.first, rule.first + rule.count):
        if match(table, &table.members[i], key, length, at, &entry.inner):
            entry.member = i
            return add_entry(run, rule, table, number, entry)
    return True


cdef bint gather(Run* run, RuleTable table, Edits edits, const Rule* rule) noexcept nogil:
    # Every attribute that a member of the rule has a path for; False when out of memory.
    cdef uint64_t bit = <uint64_t> 1 << rule.prefix
    cdef const Attr* attr
    cdef const uint8_t* key
    cdef const Edit* edit
    cdef Entry entry
    cdef uint32_t i
    for i in range(run.first, run.first + run.count):
        attr = &run.attrs[i]
        if attr.key_id:
            if not table.key_prefixes[attr.key_id] & bit or run.slots[attr.key_id].stamp != run.stamp:
                continue
            if run.slots[attr.key_id].edit:
                continue  # comes below
        else:
            key = run.base + attr.key_at
            if attr.type == VALUE_NONE or is_left_out(edits, i) or not table.prefixes_of(key, attr.key_length) & bit:
                continue
            if run.strange and edits._edit_of(run.row, key, attr.key_length, attr.key_hash) != NULL:
                continue
        entry.attr = i
        entry.edit = 0
        entry.key_id = attr.key_id
        entry.item.attr = attr[0]
        entry.item.base = run.base
        if not consider(run, table, rule, run.base + attr.key_at, attr.key_length, &entry):
            return False
    i = edits.heads[run.row]
    while i:
        edit = &edits.edits[i - 1]
        attr = &edit.attr
        key = edits.arena + attr.key_at
        if edit.op != EDIT_REMOVED and attr.type != VALUE_NONE and table.prefixes_of(key, attr.key_length) & bit:
            entry.edit = i
            entry.key_id = attr.key_id
            entry.item.attr = attr[0]
            entry.item.base = edits.arena if edit.op == EDIT_SET else run.base
            if not consider(run, table, rule, key, attr.key_length, &entry):
                return False
        i = edit.next
    return True


cdef bint gather_named(Run* run, RuleTable table, Edits edits, const Rule* rule) noexcept nogil:
    # The attributes whose whole names are the members' paths.
    cdef const MemberRow* member
    cdef Entry entry
    cdef uint32_t i
    for i in range(rule.first, rule.first + rule.count):
        member = &table.members[i]
        if not get(run, edits, member.key_id, &entry.item) or not is_plain(&entry.item.attr):
            continue
        entry.member = i
        entry.inner = 0
        entry.key_id = member.key_id
        entry.edit = run.slots[member.key_id].edit
        entry.attr = run.slots[member.key_id].attr
        if not add_entry(run, rule, table, 0, &entry):
            return False
    return True


cdef bint are_parts(const uint8_t* p, uint32_t at, uint32_t end) noexcept nogil:
    # An array of objects with a string `type` each.
    cdef uint32_t name, start, stop, inside
    cdef bint typed
    if p[at] != c"[":
        return False
    at = <uint32_t> json_space(p, at + 1, end)
    while p[at] != c"]":
        if p[at] != c"{":
            return False
        stop = <uint32_t> json_value_end(p, at, end, 0)
        typed = False
        inside = <uint32_t> json_space(p, at + 1, stop)
        while p[inside] != c"}":
            name = <uint32_t> json_string_end(p, inside, stop)
            start = <uint32_t> json_name_end(p, inside, stop)
            if is_type(p, inside, name):
                typed = p[start] == c'"'
            inside = after_value(p, json_value_end(p, start, stop, 0), stop)
        if not typed:
            return False
        at = after_value(p, stop, end)
    return True


cdef uint64_t TYPE = json_hash(<const uint8_t*> b'"type"', 0, 6)


cdef bint is_type(const uint8_t* p, uint32_t at, uint32_t end) noexcept nogil:
    return json_hash(p, at, end) == TYPE


cdef void add_value(Bytes* out, const Item* item, int json) noexcept nogil:
    cdef const Attr* attr = &item.attr
    cdef const uint8_t* text = item.base + attr.value.text.at
    cdef uint32_t at, end
    cdef char digits[20]
    if attr.type == VALUE_INT:
        add_bytes(out, <const uint8_t*> digits, int_digits(attr.value.i64, digits))
    elif attr.type == VALUE_BOOL:
        add_word(out, b"true" if attr.value.i64 else b"false")
    elif attr.type == VALUE_DOUBLE:
        add_double(out, attr.value.f64)
    elif (
        json != JSON_NEVER and json_text(text, attr.value.text.length, &at, &end)
        and (json == JSON_VALUE or are_parts(text, at, end))
    ):
        add_bytes(out, text + at, end - at)
    else:
        add_string(out, text, attr.value.text.length)


cdef int drop_entry(Run* run, Edits edits, const Entry* entry) noexcept nogil:
    if entry.key_id:
        return take_away(run, edits, <uint16_t> entry.key_id)
    if entry.edit:
        edits.edits[entry.edit - 1].op = EDIT_REMOVED
        return 0
    return edits.leave_out(entry.attr)


cdef int write(Run* run, RuleTable table, Edits edits, Bytes* out) noexcept nogil:
    # The entries, in order, as an array of objects; each that was written is taken away.
    cdef const Entry* entry
    cdef const Entry* last = NULL
    cdef const MemberRow* member
    cdef bint in_list = False
    cdef bint same_item, same_top
    cdef size_t i
    out.used = 0
    add_word(out, b"[")
    for i in range(run.entry_count):
        entry = &run.entries[i]
        member = &table.members[entry.member]
        same_item = last != NULL and last.number == entry.number
        same_top = same_item and last.top == entry.top
        if same_top and last.inner == entry.inner and last.column == entry.column:
            continue  # an earlier path gave this member
        if in_list and not (same_top and last.inner == entry.inner):
            add_word(out, b"}" if same_top else b"}]")
            in_list = same_top
        if not same_item:
            if last != NULL:
                add_word(out, b"}" if table.members[last.member].column != WHOLE_ITEM else b"")
                add_word(out, b",")
            if member.column != WHOLE_ITEM:
                add_word(out, b"{")
        elif not (same_top and last.inner != entry.inner):
            add_word(out, b",")
        if member.list != NO_LIST:
            if not same_top:
                add_bytes(out, table.text + member.list_at, member.list_length)
                add_word(out, b"[{")
            elif last.inner != entry.inner:
                add_word(out, b",{")
            in_list = True
        if member.column != WHOLE_ITEM:
            add_bytes(out, table.text + member.name_at, member.name_length)
        add_value(out, &entry.item, member.json)
        last = entry
        if drop_entry(run, edits, entry):
            return -1
    if in_list:
        add_word(out, b"}]")
    if last != NULL and table.members[last.member].column != WHOLE_ITEM:
        add_word(out, b"}")
    add_word(out, b"]")
    return -1 if out.failed else 0


cdef int run_collect(Run* run, RuleTable table, Edits edits, const Rule* rule) noexcept nogil:
    cdef Bytes* out = &run.forms.out
    cdef uint32_t at, end
    cdef size_t size
    cdef bint found
    if run.slots[rule.target].stamp == run.stamp:
        return 0
    run.entry_count = 0
    if rule.prefix < MAX_PREFIXES:
        found = gather(run, table, edits, rule)
    else:
        found = gather_named(run, table, edits, rule)
    if not found:
        return -1
    if run.entry_count == 0:
        return 0
    sort_entries(run.entries, run.entry_count, sizeof(Entry))
    if write(run, table, edits, out):
        return -1
    if rule.form != FORM_VALUE:
        size = out.used
        if more_scratch(run, size):
            return -1
        memcpy(run.scratch, out.data, size)
        if not (
            json_text(run.scratch, size, &at, &end)
            and make_form(
                &run.forms, rule.form, run.scratch, at, end, table.text + rule.role_at, rule.role_length
            )
        ):
            return put_text(run, table, edits, rule.target, VALUE_STRING, run.scratch, size)
        if out.failed:
            return -1
    return put_text(
        run, table, edits, rule.target, VALUE_ARRAY if rule.form == FORM_TEXTS else VALUE_STRING, out.data, out.used
    )
