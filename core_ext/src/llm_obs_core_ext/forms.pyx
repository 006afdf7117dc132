"""Messages and tool definitions in other dialects, made the conventions' own; see `forms.pxd`.

The reference in Python is `llm_obs_core.normalizer.forms`. Texts are copied as the tokens that they are.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcmp

from llm_obs_core_ext.jsonobject cimport *
from llm_obs_core_ext.jsontext cimport Bytes, add_bytes, add_string, add_word

from llm_obs_core import semconv
from llm_obs_core.normalizer import forms as reference

cdef Words ROLES = words_of(reference.ROLES.items())
cdef Words REASONS = words_of(semconv.FINISH_REASON_ALIASES.items())
cdef Words CALL_NAMES = words_of(reference.CALL_NAMES.items())
cdef Words TOOL_NAMES = words_of(reference.TOOL_NAMES.items())
cdef Words PARTS = words_of([(word, made) for word, (made, _) in reference.PART_TYPES.items()])
cdef Words PART_NAMES = words_of([pair for _, names in reference.PART_TYPES.values() for pair in names.items()])


cdef void _number_parts() except *:
    cdef uint32_t first = 0
    for i, (_, names) in enumerate(reference.PART_TYPES.values()):
        PARTS.words[<int> i].names = first
        PARTS.words[<int> i].names_count = <uint32_t> len(names)
        first += <uint32_t> len(names)


_number_parts()

cdef uint64_t TYPE = hash_of("type"), ROLE = hash_of("role"), CONTENT = hash_of("content"), PARTS_NAME = hash_of("parts")
cdef uint64_t REASONING_CONTENT = hash_of("reasoning_content"), REASONING = hash_of("reasoning")
cdef uint64_t REFUSAL = hash_of("refusal"), TOOL_CALLS = hash_of("tool_calls"), FUNCTION_CALL = hash_of("function_call")
cdef uint64_t TOOL_CALL_ID = hash_of("tool_call_id"), NAME = hash_of("name"), FINISH_REASON = hash_of("finish_reason")
cdef uint64_t FUNCTION = hash_of("function"), TEXT = hash_of("text"), URL = hash_of("url"), URI = hash_of("uri")
cdef uint64_t IMAGE_URL = hash_of("image_url"), IMAGE = hash_of("image"), TOOL = hash_of("tool")
cdef uint64_t ARGUMENTS = hash_of("arguments")
cdef uint64_t[7] SAID = [PARTS_NAME, CONTENT, REASONING_CONTENT, REASONING, REFUSAL, TOOL_CALLS, FUNCTION_CALL]


cdef void add_said(Bytes* out, const uint8_t* p, uint32_t at, uint32_t end) noexcept nogil:
    cdef size_t used = out.used
    if add_bytes(out, p + at, end - at):  # makes room
        out.used = used + json_said(p, at, end, out.data + used)


cdef void add_mapped(Bytes* out, const Words* words, const uint8_t* p, uint32_t at, uint32_t end) noexcept nogil:
    # A string, or the word that it becomes.
    cdef const Word* word = lookup(words, json_hash(p, at, end))
    if word == NULL:
        add_bytes(out, p + at, end - at)
    else:
        add_bytes(out, word.text, word.length)


cdef void add_arguments(Forms* forms, const uint8_t* p, uint32_t at, uint32_t end) noexcept nogil:
    # Arguments that are JSON text become the value that they say.
    cdef uint32_t first, last
    if p[at] == c'"' and end - at == 2:
        add_word(&forms.out, b"{}")
        return
    if p[at] == c'"':
        forms.inner.used = 0
        add_said(&forms.inner, p, at, end)
        forms.out.failed |= forms.inner.failed
        if not forms.out.failed and json_text(forms.inner.data, forms.inner.used, &first, &last):
            add_bytes(&forms.out, forms.inner.data + first, last - first)
            return
    add_bytes(&forms.out, p + at, end - at)


cdef int add_named(
    Forms* forms, const uint8_t* p, const Object* item, const Word* words, uint32_t count, uint64_t left_out,
    uint64_t* made, int made_count
) noexcept nogil:
    # The members under their names here; the first of a name counts, null is none. `made`: names that are there; returns
    # how many there are then.
    cdef const Pair* pair
    cdef const Word* word
    cdef uint64_t name
    cdef uint32_t k
    cdef int i, j
    for i in range(item.count):
        pair = &item.pairs[i]
        if pair.name == left_out or is_null(p, pair):
            continue
        word = NULL
        for k in range(count):
            if words[k].name == pair.name:
                word = &words[k]
                break
        name = pair.name if word == NULL else word.made
        for j in range(made_count):
            if made[j] == name:
                break
        else:
            made[made_count] = name
            made_count += 1
            add_word(&forms.out, b",")
            if word == NULL:
                add_bytes(&forms.out, p + pair.key, pair.key_end - pair.key)
            else:
                add_bytes(&forms.out, word.text, word.length)
            add_word(&forms.out, b":")
            if name == ARGUMENTS:
                add_arguments(forms, p, pair.at, pair.end)
            else:
                add_bytes(&forms.out, p + pair.at, pair.end - pair.at)
    return made_count


cdef void add_text_part(Bytes* out, const uint8_t* p, uint32_t at, uint32_t end) noexcept nogil:
    add_word(out, b'{"type":"text","content":')
    add_bytes(out, p + at, end - at)
    add_word(out, b"}")


cdef void add_call(Forms* forms, const uint8_t* p, uint32_t at, uint32_t end) noexcept nogil:
    cdef Object item, function
    cdef const Pair* inner
    cdef uint64_t[2 * MEMBERS + 1] made
    cdef int count
    if not read_object(p, at, end, &item):
        if p[at] == c"{":
            add_bytes(&forms.out, p + at, end - at)
        else:
            add_text_part(&forms.out, p, at, end)
        return
    made[0] = TYPE
    add_word(&forms.out, b'{"type":"tool_call"')
    inner = member(&item, FUNCTION)
    if inner != NULL and read_object(p, inner.at, inner.end, &function):
        count = add_named(forms, p, &item, CALL_NAMES.words, CALL_NAMES.count, FUNCTION, made, 1)
        add_named(forms, p, &function, CALL_NAMES.words, CALL_NAMES.count, 0, made, count)
    else:
        add_named(forms, p, &item, CALL_NAMES.words, CALL_NAMES.count, 0, made, 1)
    add_word(&forms.out, b"}")


cdef void add_uri(Forms* forms, const uint8_t* p, uint32_t at, uint32_t end) noexcept nogil:
    # An image: where it is, or the image itself when the address is all of it.
    cdef const uint8_t* text
    cdef size_t comma = 0
    cdef size_t length
    forms.inner.used = 0
    add_said(&forms.inner, p, at, end)
    forms.out.failed |= forms.inner.failed
    if forms.out.failed:
        return
    text = forms.inner.data
    length = forms.inner.used
    while comma < length and text[comma] != c",":
        comma += 1
    if comma < length and comma >= 12 and memcmp(text, b"data:", 5) == 0 and memcmp(text + comma - 7, b";base64", 7) == 0:
        add_word(&forms.out, b'{"type":"blob","mime_type":')
        add_string(&forms.out, text + 5, comma - 12)
        add_word(&forms.out, b',"modality":"image","content":')
        add_string(&forms.out, text + comma + 1, length - comma - 1)
    else:
        add_word(&forms.out, b'{"type":"uri","modality":"image","uri":')
        add_bytes(&forms.out, p + at, end - at)
    add_word(&forms.out, b"}")


cdef void add_part(Forms* forms, const uint8_t* p, uint32_t at, uint32_t end) noexcept nogil:
    cdef Object item, inner
    cdef const Pair* kind
    cdef const Pair* found
    cdef const Word* word
    cdef uint64_t[MEMBERS + 1] made
    cdef uint64_t type_name = 0
    if not read_object(p, at, end, &item):
        if p[at] == c"{":
            add_bytes(&forms.out, p + at, end - at)
        else:
            add_text_part(&forms.out, p, at, end)
        return
    kind = member(&item, TYPE)
    if is_string(p, kind):
        type_name = json_hash(p, kind.at, kind.end)
    elif is_null(p, kind) and is_string(p, member(&item, TEXT)):
        type_name = TEXT
    word = lookup(&PARTS, type_name)
    if word != NULL:
        made[0] = TYPE
        add_word(&forms.out, b'{"type":')
        add_bytes(&forms.out, word.text, word.length)
        add_named(forms, p, &item, PART_NAMES.words + word.names, word.names_count, 0, made, 1)
        add_word(&forms.out, b"}")
        return
    if type_name == FUNCTION:
        add_call(forms, p, at, end)
        return
    found = NULL
    if type_name == IMAGE_URL:
        found = member(&item, IMAGE_URL)
        if found != NULL and read_object(p, found.at, found.end, &inner):
            found = member(&inner, URL)
    elif type_name == IMAGE:
        found = member(&item, URI)
    if is_string(p, found):
        add_uri(forms, p, found.at, found.end)
    else:
        add_bytes(&forms.out, p + at, end - at)


cdef void begin_part(Forms* forms, bint* any) noexcept nogil:
    if any[0]:
        add_word(&forms.out, b",")
    any[0] = True


cdef void add_parts(Forms* forms, const uint8_t* p, const Pair* content, bint* any) noexcept nogil:
    cdef uint32_t at
    cdef size_t end
    if is_null(p, content) or (p[content.at] == c'"' and content.end - content.at == 2):
        return
    if p[content.at] != c"[":
        begin_part(forms, any)
        add_part(forms, p, content.at, content.end)
        return
    at = <uint32_t> json_space(p, content.at + 1, content.end)
    while p[at] != c"]":
        end = json_value_end(p, at, content.end, 0)
        begin_part(forms, any)
        add_part(forms, p, at, <uint32_t> end)
        at = after_value(p, end, content.end)


cdef void add_reasoning(Forms* forms, const uint8_t* p, const Pair* found, bint* any) noexcept nogil:
    if is_string(p, found) and found.end - found.at > 2:
        begin_part(forms, any)
        add_word(&forms.out, b'{"type":"reasoning","content":')
        add_bytes(&forms.out, p + found.at, found.end - found.at)
        add_word(&forms.out, b"}")


cdef void add_calls(Forms* forms, const uint8_t* p, const Pair* calls, bint* any) noexcept nogil:
    cdef uint32_t at
    cdef size_t end
    if calls == NULL or p[calls.at] != c"[":
        return
    at = <uint32_t> json_space(p, calls.at + 1, calls.end)
    while p[at] != c"]":
        end = json_value_end(p, at, calls.end, 0)
        begin_part(forms, any)
        add_call(forms, p, at, <uint32_t> end)
        at = after_value(p, end, calls.end)


cdef bint add_message(
    Forms* forms, const uint8_t* p, uint32_t at, uint32_t end, const uint8_t* role, uint32_t role_length
) noexcept nogil:
    cdef Object item
    cdef Bytes* out = &forms.out
    cdef const Pair* own
    cdef const Pair* content
    cdef const Pair* ident
    cdef const Pair* found
    cdef const Word* word
    cdef uint64_t role_name
    cdef bint any = False
    cdef bint said = False
    cdef bint answers = False
    cdef int i
    if not read_object(p, at, end, &item):
        return False
    own = member(&item, ROLE)
    add_word(out, b'{"role":')
    if is_null(p, own):
        for i in range(7):
            said |= member(&item, SAID[i]) != NULL
        if role_length == 0 or not said:
            return False
        role_name = 0
        add_string(out, role, role_length)
        word = NULL
    elif p[own.at] != c'"' or own.end - own.at == 2:
        return False
    else:
        role_name = json_hash(p, own.at, own.end)
        word = lookup(&ROLES, role_name)
        if word != NULL:
            role_name = word.made
        add_mapped(out, &ROLES, p, own.at, own.end)
    add_word(out, b',"parts":[')
    content = member(&item, CONTENT)
    ident = member(&item, TOOL_CALL_ID)
    add_reasoning(forms, p, member(&item, REASONING_CONTENT), &any)
    add_reasoning(forms, p, member(&item, REASONING), &any)
    answers = role_name == TOOL and (is_string(p, ident) or is_string(p, content))
    if answers:
        begin_part(forms, &any)
        add_word(out, b'{"type":"tool_call_response"')
        if is_string(p, ident):
            add_word(out, b',"id":')
            add_bytes(out, p + ident.at, ident.end - ident.at)
        if not is_null(p, content):
            add_word(out, b',"response":')
            add_bytes(out, p + content.at, content.end - content.at)
        add_word(out, b"}")
    else:
        add_parts(forms, p, content, &any)
    found = member(&item, REFUSAL)
    if is_string(p, found) and found.end - found.at > 2:
        begin_part(forms, &any)
        add_word(out, b'{"type":"generic","generic_type":"refusal","content":')
        add_bytes(out, p + found.at, found.end - found.at)
        add_word(out, b"}")
    add_calls(forms, p, member(&item, TOOL_CALLS), &any)
    found = member(&item, FUNCTION_CALL)
    if found != NULL and p[found.at] == c"{" and p[json_space(p, found.at + 1, found.end)] != c"}":
        begin_part(forms, &any)
        add_call(forms, p, found.at, found.end)
    add_parts(forms, p, member(&item, PARTS_NAME), &any)
    add_word(out, b"]")
    found = member(&item, NAME)
    if is_string(p, found):
        add_word(out, b',"name":')
        add_bytes(out, p + found.at, found.end - found.at)
    found = member(&item, FINISH_REASON)
    if is_string(p, found):
        add_word(out, b',"finish_reason":')
        add_mapped(out, &REASONS, p, found.at, found.end)
    for i in range(item.count):
        found = &item.pairs[i]
        if is_null(p, found) or is_told(p, found, answers):
            continue
        add_word(out, b",")
        add_bytes(out, p + found.key, found.key_end - found.key)
        add_word(out, b":")
        add_bytes(out, p + found.at, found.end - found.at)
    add_word(out, b"}")
    return True


cdef bint is_told(const uint8_t* p, const Pair* pair, bint answers) noexcept nogil:
    # Whether a message's member has its place in what was written.
    cdef uint64_t name = pair.name
    cdef uint8_t kind = p[pair.at]
    if name == ROLE or name == CONTENT or name == PARTS_NAME:
        return True
    if name == TOOL_CALLS:
        return kind == c"["
    if name == FUNCTION_CALL:
        return kind == c"{"
    if kind != c'"':
        return False
    if name == TOOL_CALL_ID:
        return answers
    return (
        name == REASONING_CONTENT or name == REASONING or name == REFUSAL or name == NAME or name == FINISH_REASON
    )


cdef void add_tool(Forms* forms, const uint8_t* p, uint32_t at, uint32_t end) noexcept nogil:
    cdef Object item, function
    cdef const Pair* found
    cdef uint64_t[2 * MEMBERS + 1] made
    cdef int count
    cdef uint32_t first, last
    if p[at] == c'"':
        forms.said.used = 0
        add_said(&forms.said, p, at, end)
        forms.out.failed |= forms.said.failed
        if forms.out.failed:
            return
        if not json_text(forms.said.data, forms.said.used, &first, &last) or forms.said.data[first] != c"{":
            add_bytes(&forms.out, p + at, end - at)
            return
        p = forms.said.data
        at = first
        end = last
    if not read_object(p, at, end, &item) or (member(&item, NAME) == NULL and member(&item, FUNCTION) == NULL):
        add_bytes(&forms.out, p + at, end - at)
        return
    found = member(&item, TYPE)
    add_word(&forms.out, b'{"type":')
    if is_string(p, found):
        add_bytes(&forms.out, p + found.at, found.end - found.at)
    else:
        add_word(&forms.out, b'"function"')
    made[0] = TYPE
    count = 1
    found = member(&item, FUNCTION)
    if found != NULL and read_object(p, found.at, found.end, &function):
        count = add_named(forms, p, &function, TOOL_NAMES.words, TOOL_NAMES.count, 0, made, count)
        add_named(forms, p, &item, TOOL_NAMES.words, TOOL_NAMES.count, FUNCTION, made, count)
    else:
        add_named(forms, p, &item, TOOL_NAMES.words, TOOL_NAMES.count, 0, made, count)
    add_word(&forms.out, b"}")


cdef void put_size(Bytes* out, uint64_t size) noexcept nogil:
    cdef uint8_t byte
    while size >= 0x80:
        byte = <uint8_t> (size | 0x80)
        add_bytes(out, &byte, 1)
        size >>= 7
    byte = <uint8_t> size
    add_bytes(out, &byte, 1)


cdef bint add_list_text(Forms* forms, const uint8_t* p, uint32_t at, uint32_t end) noexcept nogil:
    # A string as an item of an ArrayValue.
    cdef size_t size = 1
    cdef size_t rest
    if p[at] != c'"':
        return False
    forms.inner.used = 0
    add_said(&forms.inner, p, at, end)
    forms.out.failed |= forms.inner.failed
    if forms.out.failed:
        return False
    rest = forms.inner.used
    while rest >= 0x80:
        rest >>= 7
        size += 1
    add_word(&forms.out, b"\x0a")
    put_size(&forms.out, 1 + size + forms.inner.used)
    add_word(&forms.out, b"\x0a")
    put_size(&forms.out, forms.inner.used)
    add_bytes(&forms.out, forms.inner.data, forms.inner.used)
    return True


cdef bint add_item(
    Forms* forms, int kind, const uint8_t* p, uint32_t at, uint32_t end, const uint8_t* role, uint32_t role_length
) noexcept nogil:
    if kind == FORM_TEXTS:
        return add_list_text(forms, p, at, end)
    if kind == FORM_TOOLS:
        add_tool(forms, p, at, end)
        return True
    if p[at] == c'"' and role_length:
        add_word(&forms.out, b'{"role":')
        add_string(&forms.out, role, role_length)
        add_word(&forms.out, b',"parts":[')
        add_text_part(&forms.out, p, at, end)
        add_word(&forms.out, b"]}")
        return True
    return add_message(forms, p, at, end, role, role_length)


cdef bint is_tool(const uint8_t* p, uint32_t at, uint32_t end) noexcept nogil:
    cdef Object item
    return read_object(p, at, end, &item) and (member(&item, NAME) != NULL or member(&item, FUNCTION) != NULL)


cdef bint make_form(
    Forms* forms, int kind, const uint8_t* p, uint32_t at, uint32_t end, const uint8_t* role, uint32_t role_length
) noexcept nogil:
    cdef Bytes* out = &forms.out
    cdef bint is_list = p[at] == c"["
    cdef bint any = False
    cdef size_t stop
    out.used = 0
    if not is_list and (kind == FORM_TEXTS or kind == FORM_TOOLS and not is_tool(p, at, end)):
        return False
    if kind != FORM_TEXTS:
        add_word(out, b"[")
    if not is_list:
        if not add_item(forms, kind, p, at, end, role, role_length):
            return False
    else:
        at = <uint32_t> json_space(p, at + 1, end)
        while p[at] != c"]":
            stop = json_value_end(p, at, end, 0)
            if any and kind != FORM_TEXTS:
                add_word(out, b",")
            any = True
            if not add_item(forms, kind, p, at, <uint32_t> stop, role, role_length):
                return False
            at = after_value(p, stop, end)
    if kind != FORM_TEXTS:
        add_word(out, b"]")
    return True


cdef void make_message(
    Forms* forms, const uint8_t* text, uint32_t length, const uint8_t* role, uint32_t role_length
) noexcept nogil:
    forms.out.used = 0
    add_word(&forms.out, b'[{"role":')
    add_string(&forms.out, role, role_length)
    add_word(&forms.out, b',"parts":[{"type":"text","content":')
    add_string(&forms.out, text, length)
    add_word(&forms.out, b"}]}]")


cdef void free_forms(Forms* forms) noexcept nogil:
    free(forms.out.data)
    free(forms.said.data)
    free(forms.inner.data)
