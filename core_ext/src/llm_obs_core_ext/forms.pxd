# Messages, tool definitions and lists of texts out of JSON in other dialects: llm_obs_core/normalizer/forms.py, compiled.
from libc.stdint cimport uint8_t, uint32_t

from llm_obs_core_ext.jsontext cimport Bytes


cdef enum FormKind:
    FORM_VALUE = 0
    FORM_TEXTS = 1
    FORM_MESSAGES = 2
    FORM_TOOLS = 3


cdef struct Forms:    # room that is used again; zero it first, free it last
    Bytes out         # what was made: JSON text, or of FORM_TEXTS the payload of an ArrayValue
    Bytes said        # strings that are JSON text themselves
    Bytes inner


# The valid JSON value p[at:end] in a form (not FORM_VALUE): True and `forms.out`, or False when it has not got it.
cdef bint make_form(
    Forms* forms, int kind, const uint8_t* p, uint32_t at, uint32_t end, const uint8_t* role, uint32_t role_length
) noexcept nogil
# One message with one text, which is no JSON.
cdef void make_message(
    Forms* forms, const uint8_t* text, uint32_t length, const uint8_t* role, uint32_t role_length
) noexcept nogil
# The value of a string token, appended.
cdef void add_said(Bytes* out, const uint8_t* p, uint32_t at, uint32_t end) noexcept nogil
cdef void free_forms(Forms* forms) noexcept nogil
