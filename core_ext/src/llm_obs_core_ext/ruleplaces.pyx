"""Places of a row, in attributes and inside their JSON text; see `ruleplaces.pxd`."""

from libc.math cimport isfinite
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc
from libc.string cimport memcpy

from llm_obs_core_ext.batch cimport *
from llm_obs_core_ext.emit cimport EDIT_SET, Edits
from llm_obs_core_ext.forms cimport *
from llm_obs_core_ext.jsonobject cimport (
    after_value, json_hash, json_name_end, json_space, json_string_end, json_text, json_value_end,
)
from llm_obs_core_ext.jsontext cimport Bytes, add_bytes, add_string, add_word
from llm_obs_core_ext.rulerun cimport *
from llm_obs_core_ext.ruletable cimport *
from llm_obs_core_ext.rulelists cimport text_item
from llm_obs_core_ext.typed cimport attr_int, digits_int
from llm_obs_core_ext.wire cimport Field, next_field, same_bytes


cdef extern from "Python.h":
    double PyOS_string_to_double(const char* text, char** end, object overflow) except? -1.0


cdef extern from "exact.h" nogil:
    ctypedef int64_t wide_int  # of 128 bits
    wide_int wide_add(wide_int total, int64_t value, bint minus)
    bint wide_count(wide_int total, int64_t* out)


cdef bint parse_object(Parsed* found, RuleTable table, const uint8_t* p, uint32_t length) noexcept nogil:
    # Checks a text that begins like an object, in one pass.
    cdef uint32_t at = <uint32_t> json_space(p, found.at + 1, length)
    cdef uint32_t name, start, stop
    cdef bint more = at < length and p[at] != c"}"
    while more:
        start = <uint32_t> json_name_end(p, at, length)
        stop = <uint32_t> json_value_end(p, start, length, 1) if start else 0
        if stop == 0:
            return False
        name = table.name_number(json_hash(p, at, json_string_end(p, at, length)))
        if name != NO_NAME:
            found.stamps[name] = found.turn
            found.starts[name] = start
            found.ends[name] = stop
        at = <uint32_t> json_space(p, stop, length)
        more = at < length and p[at] == c","
        if more:
            at = <uint32_t> json_space(p, at + 1, length)
    if at >= length or p[at] != c"}":
        return False
    found.end = at + 1
    return json_space(p, at + 1, length) == length


cdef Parsed* parse(Run* run, RuleTable table, const Item* item) noexcept nogil:
    # The text of a string attribute, looked into once a row; NULL when out of memory.
    cdef Parsed* found
    cdef const uint8_t* p = item.base + item.attr.value.text.at
    cdef uint32_t length = item.attr.value.text.length
    cdef int i
    for i in range(PARSED):
        found = &run.parsed[i]
        if (
            found.stamp == run.stamp and found.op == item.op and found.text_at == item.attr.value.text.at
            and found.text_length == length
        ):
            return found
    found = &run.parsed[run.parsed_next % PARSED]
    if found.stamps == NULL:
        found.stamps = <uint32_t*> calloc(3 * table.name_count + 1, sizeof(uint32_t))
        if found.stamps == NULL:
            run.forms.out.failed = True
            return NULL
        found.starts = found.stamps + table.name_count
        found.ends = found.starts + table.name_count
    run.parsed_next += 1
    found.stamp = run.stamp
    found.op = item.op
    found.text_at = item.attr.value.text.at
    found.text_length = length
    found.turn += 1
    found.at = <uint32_t> json_space(p, 0, length)
    if found.at < length and p[found.at] == c"{":
        found.valid = parse_object(found, table, p, length)
    else:
        found.valid = json_text(p, length, &found.at, &found.end)
    return found


cdef bint step_into(RuleTable table, const Step* step, Token* token) noexcept nogil:
    # One step from a value to the one inside it.
    cdef const uint8_t* p = token.text
    cdef uint32_t at = token.at
    cdef uint32_t end = token.end
    cdef uint32_t start, stop
    cdef uint32_t number = 0
    cdef uint64_t wanted = 0
    cdef bint found = False
    cdef bint named = step.name != NO_NAME
    if p[at] != (c"{" if named else c"["):
        return False
    if named:
        wanted = table.names[step.name].hash
    at = <uint32_t> json_space(p, at + 1, end)
    while p[at] != (c"}" if named else c"]"):
        start = <uint32_t> json_name_end(p, at, end) if named else at
        stop = <uint32_t> json_value_end(p, start, end, 0)
        if (json_hash(p, at, json_string_end(p, at, end)) == wanted) if named else (number == step.number):
            token.at = start
            token.end = stop
            found = True
            if not named:
                break
        number += 1
        at = after_value(p, stop, end)
    return found


cdef int find_place(
    Run* run, RuleTable table, Edits edits, const PlaceRow* place, Item* item, Token* token
) noexcept nogil:
    cdef Parsed* parsed
    cdef const Step* step
    cdef uint32_t i
    if not get(run, edits, place.key_id, item):
        return FOUND_NOTHING
    if place.count == 0:
        return FOUND_WHOLE
    if item.attr.type != VALUE_STRING:
        return FOUND_NOTHING
    parsed = parse(run, table, item)
    if parsed == NULL or not parsed.valid:
        return FOUND_NOTHING
    token.text = item.base + item.attr.value.text.at
    token.length = item.attr.value.text.length
    token.at = parsed.at
    token.end = parsed.end
    for i in range(place.count):
        step = &table.steps[place.first + i]
        if i == 0 and step.name != NO_NAME:
            if token.text[token.at] != c"{" or parsed.stamps[step.name] != parsed.turn:
                return FOUND_NOTHING
            token.at = parsed.starts[step.name]
            token.end = parsed.ends[step.name]
        elif not step_into(table, step, token):
            return FOUND_NOTHING
    return FOUND_NOTHING if token.text[token.at] == c"n" else FOUND_INSIDE


cdef bint is_word(RuleTable table, const WhenRow* when, const uint8_t* text, uint32_t length) noexcept nogil:
    cdef const Word* word
    cdef uint32_t i
    for i in range(when.first, when.first + when.count):
        word = &table.words[table.conditions[i]]
        if word.length == length and same_bytes(table.text + word.at, text, length):
            return True
    return False


cdef bint holds(Run* run, RuleTable table, Edits edits, const Rule* rule) noexcept nogil:
    cdef const WhenRow* when
    cdef Item item
    cdef Token token
    cdef uint32_t i
    cdef int found
    cdef bint met
    for i in range(rule.when, rule.when + rule.when_count):
        when = &table.whens[i]
        found = find_place(run, table, edits, &table.places[when.place], &item, &token)
        met = found != FOUND_NOTHING
        if met and when.count:
            if found == FOUND_WHOLE:
                met = item.attr.type == VALUE_STRING and is_word(
                    table, when, item.base + item.attr.value.text.at, item.attr.value.text.length
                )
            else:
                met = token.text[token.at] == c'"'
                if met:
                    run.forms.inner.used = 0
                    add_said(&run.forms.inner, token.text, token.at, token.end)
                    met = not run.forms.inner.failed and is_word(
                        table, when, run.forms.inner.data, <uint32_t> run.forms.inner.used
                    )
        if met == when.absent:
            return False
    return True


cdef bint token_number(Forms* forms, const Token* token, Attr* out) noexcept nogil:
    # A JSON number; False for one that no double holds.
    cdef const uint8_t* p = token.text + token.at
    cdef uint32_t length = token.end - token.at
    cdef uint8_t nul = 0
    cdef double number = 0.0
    if not (p[0] == c"-" or c"0" <= p[0] <= c"9"):
        return False
    out.type = VALUE_INT
    out.flags = 0
    if digits_int(p, length, &out.value.i64):
        return True
    forms.inner.used = 0
    add_bytes(&forms.inner, p, length)
    add_bytes(&forms.inner, &nul, 1)
    if forms.inner.failed:
        return False
    with gil:  # correctly rounded digits are in Python's library only
        try:
            number = PyOS_string_to_double(<const char*> forms.inner.data, NULL, OverflowError)
        except Exception:
            return False
    out.type = VALUE_DOUBLE
    out.value.f64 = number
    return isfinite(number)


cdef bint number_at(
    Run* run, RuleTable table, Edits edits, const PlaceRow* place, bint loose, Item* out
) noexcept nogil:
    cdef Token token
    cdef int64_t value
    cdef int found = find_place(run, table, edits, place, out, &token)
    if found == FOUND_NOTHING:
        return False
    if found == FOUND_INSIDE:
        out.base = NULL
        if token.text[token.at] != c'"':
            if not token_number(&run.forms, &token, &out.attr):
                return False
        elif loose:
            run.forms.inner.used = 0
            add_said(&run.forms.inner, token.text, token.at, token.end)
            if run.forms.inner.failed or not digits_int(
                run.forms.inner.data, <uint32_t> run.forms.inner.used, &value
            ):
                return False
            out.attr.type = VALUE_INT
            out.attr.value.i64 = value
        else:
            return False
    if loose:
        if not attr_int(out.base, &out.attr, &value):
            return False
        out.attr.type = VALUE_INT
        out.attr.value.i64 = value
    return out.attr.type == VALUE_INT or out.attr.type == VALUE_DOUBLE


cdef int run_sum(Run* run, RuleTable table, Edits edits, const Rule* rule) noexcept nogil:
    cdef Item item
    cdef Attr value
    cdef wide_int total
    cdef uint32_t i
    if not rule.flags & REPLACE and run.slots[rule.target].stamp == run.stamp:
        return 0
    if not number_at(run, table, edits, &table.places[rule.first], True, &item):
        return 0
    total = item.attr.value.i64
    for i in range(1, rule.count):
        if number_at(run, table, edits, &table.places[rule.first + i], True, &item):
            total = wide_add(total, item.attr.value.i64, i >= rule.minus)
    value.type = VALUE_INT
    value.flags = 0
    if not wide_count(total, &value.value.i64):
        return 0
    return put(run, table, edits, rule.target, EDIT_SET, &value, NULL)


cdef int take_place(Run* run, RuleTable table, Edits edits, const PlaceRow* place) noexcept nogil:
    # A whole attribute goes away; a place inside one becomes null.
    cdef Item item
    cdef Token token
    cdef Bytes* out = &run.forms.said
    cdef const Slot* slot = &run.slots[place.key_id]
    cdef uint32_t attr = slot.attr
    cdef bint ours = slot.edit != 0
    cdef int found = find_place(run, table, edits, place, &item, &token)
    if found == FOUND_NOTHING:
        return 0
    if found == FOUND_WHOLE:
        return take_away(run, edits, place.key_id)
    out.used = 0
    add_bytes(out, token.text, token.at)
    add_word(out, b"null")
    add_bytes(out, token.text + token.end, token.length - token.end)
    if out.failed or put_text(run, table, edits, place.key_id, VALUE_STRING, out.data, out.used):
        return -1
    return 0 if ours else edits.leave_out(attr)


cdef int run_drop(Run* run, RuleTable table, Edits edits, const Rule* rule) noexcept nogil:
    cdef uint32_t i
    for i in range(rule.first, rule.first + rule.count):
        if take_place(run, table, edits, &table.places[i]):
            return -1
    return 0


cdef bint joined(Run* run, const Item* item) noexcept nogil:
    # A list of strings as the JSON array of what they say, in forms.said; False for another list.
    cdef Bytes* out = &run.forms.said
    cdef const uint8_t* base = item.base
    cdef uint32_t pos = item.attr.value.text.at
    cdef uint32_t end = pos + item.attr.value.text.length
    cdef uint32_t at, length, first, last
    cdef Field f
    out.used = 0
    add_word(out, b"[")
    while pos < end:
        next_field(base, pos, end, 100, &f)
        pos = f.end
        if f.number != 1 or f.wire != 2:
            continue
        if not text_item(base, &f, &at, &length):
            return False
        if out.used > 1:
            add_word(out, b",")
        if json_text(base + at, length, &first, &last):
            add_bytes(out, base + at + first, last - first)
        else:
            add_string(out, base + at, length)
    add_word(out, b"]")
    return True


cdef bint make_whole(Run* run, RuleTable table, const Item* item, const Rule* rule) noexcept nogil:
    # An attribute in the rule's form, in forms.out.
    cdef const uint8_t* p = item.base + item.attr.value.text.at
    cdef const uint8_t* role = table.text + rule.role_at
    cdef Parsed* parsed
    cdef uint32_t at, end
    if item.attr.type == VALUE_STRING:
        parsed = parse(run, table, item)
        if parsed == NULL:
            return True
        if parsed.valid:
            return make_form(&run.forms, rule.form, p, parsed.at, parsed.end, role, rule.role_length)
        if rule.form == FORM_MESSAGES and rule.role_length:
            make_message(&run.forms, p, item.attr.value.text.length, role, rule.role_length)
            return True
        return False
    if item.attr.type != VALUE_ARRAY or rule.form == FORM_TEXTS or not joined(run, item):
        return False
    # The array is read while strings of tools are decoded, so it needs room of its own.
    if run.forms.said.failed or more_scratch(run, run.forms.said.used):
        run.forms.out.failed = True
        return True
    memcpy(run.scratch, run.forms.said.data, run.forms.said.used)
    return json_text(run.scratch, run.forms.said.used, &at, &end) and make_form(
        &run.forms, rule.form, run.scratch, at, end, role, rule.role_length
    )


cdef int put_token(Run* run, RuleTable table, Edits edits, uint16_t key_id, const Token* token) noexcept nogil:
    # A value inside JSON text as an attribute; 1 when it is none.
    cdef Attr value
    cdef Bytes* out = &run.forms.out
    cdef uint8_t kind = token.text[token.at]
    if kind == c"t" or kind == c"f":
        value.type = VALUE_BOOL
        value.flags = 0
        value.value.i64 = kind == c"t"
        return put(run, table, edits, key_id, EDIT_SET, &value, NULL)
    if kind == c'"' or kind == c"[" or kind == c"{":
        out.used = 0
        if kind == c'"':
            add_said(out, token.text, token.at, token.end)
        else:
            add_bytes(out, token.text + token.at, token.end - token.at)
        if out.failed:
            return -1
        return put_text(run, table, edits, key_id, VALUE_STRING, out.data, out.used)
    if not token_number(&run.forms, token, &value):
        return 1
    return put(run, table, edits, key_id, EDIT_SET, &value, NULL)


cdef int run_extract(Run* run, RuleTable table, Edits edits, const Rule* rule) noexcept nogil:
    cdef const PlaceRow* place = NULL
    cdef Item item
    cdef Token token
    cdef uint32_t i
    cdef int found = FOUND_NOTHING
    cdef int result
    cdef bint made = False
    if not rule.flags & REPLACE and run.slots[rule.target].stamp == run.stamp:
        return 0
    for i in range(rule.first, rule.first + rule.count):
        place = &table.places[i]
        found = find_place(run, table, edits, place, &item, &token)
        if found != FOUND_NOTHING:
            break
    if found == FOUND_NOTHING:
        return 0
    if rule.form != FORM_VALUE:
        if found == FOUND_WHOLE:
            made = make_whole(run, table, &item, rule)
        else:
            made = make_form(
                &run.forms, rule.form, token.text, token.at, token.end, table.text + rule.role_at, rule.role_length
            )
        if run.forms.out.failed:
            return -1
    if made:
        result = put_text(
            run, table, edits, rule.target, VALUE_ARRAY if rule.form == FORM_TEXTS else VALUE_STRING,
            run.forms.out.data, run.forms.out.used,
        )
    elif rule.flags & REPLACE:
        return 0
    elif found == FOUND_WHOLE:
        result = put(run, table, edits, rule.target, item.op, &item.attr, NULL)
    else:
        result = put_token(run, table, edits, rule.target, &token)
    if result:
        return 0 if result > 0 else -1
    if rule.flags & TAKE and place.key_id != rule.target:
        return take_place(run, table, edits, place)
    return 0
