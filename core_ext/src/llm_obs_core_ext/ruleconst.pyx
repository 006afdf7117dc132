"""The numbers that `rulebuild` writes and `ruletable` reads, and the two hashes, for Python."""

from cpython.bytes cimport PyBytes_AS_STRING
from libc.stdint cimport uint8_t, uint32_t

from llm_obs_core_ext.batch cimport VALUE_BOOL as BOOL, VALUE_STRING as STRING
from llm_obs_core_ext.forms cimport FORM_MESSAGES, FORM_TEXTS, FORM_TOOLS, FORM_VALUE
from llm_obs_core_ext.jsonobject cimport json_hash
from llm_obs_core_ext.ruletable cimport (
    JSON_NEVER, JSON_PARTS, JSON_VALUE, RULE_COLLECT, RULE_DROP, RULE_ENUM, RULE_ELAPSED, RULE_EXTRACT, RULE_RENAME, RULE_SCALE,
    RULE_SUM, AS_INT as C_AS_INT, AS_LIST as C_AS_LIST, MAX_PREFIXES as C_MAX_PREFIXES, NO_LIST as C_NO_LIST,
    NO_NAME as C_NO_NAME, ONLY_IF_ABSENT as C_ONLY_IF_ABSENT, ONLY_ROOTS as C_ONLY_ROOTS, REPLACE as C_REPLACE,
    TAKE as C_TAKE, WHOLE_ITEM as C_WHOLE_ITEM,
)
from llm_obs_core_ext.wire cimport otlp_hash

from llm_obs_core.interfaces.operations import Collect, Drop, Elapsed, EnumMap, Extract, Rename, Scale, Sum

KINDS = {
    Rename: <int> RULE_RENAME,
    EnumMap: <int> RULE_ENUM,
    Scale: <int> RULE_SCALE,
    Sum: <int> RULE_SUM,
    Collect: <int> RULE_COLLECT,
    Extract: <int> RULE_EXTRACT,
    Drop: <int> RULE_DROP,
    Elapsed: <int> RULE_ELAPSED,
}
FORMS = {
    "value": <int> FORM_VALUE,
    "texts": <int> FORM_TEXTS,
    "messages": <int> FORM_MESSAGES,
    "tools": <int> FORM_TOOLS,
}
JSON_MODES = {
    "": <int> JSON_NEVER,
    "value": <int> JSON_VALUE,
    "parts": <int> JSON_PARTS,
}
ONLY_IF_ABSENT = <int> C_ONLY_IF_ABSENT
ONLY_ROOTS = <int> C_ONLY_ROOTS
AS_LIST = <int> C_AS_LIST
AS_INT = <int> C_AS_INT
REPLACE = <int> C_REPLACE
TAKE = <int> C_TAKE
NO_NAME = <uint32_t> C_NO_NAME
NO_LIST = <int> C_NO_LIST
WHOLE_ITEM = <int> C_WHOLE_ITEM
MAX_PREFIXES = <int> C_MAX_PREFIXES
VALUE_STRING = <int> STRING
VALUE_BOOL = <int> BOOL


def key_hash(str text not None):
    """The hash of `KeyTable`."""
    cdef bytes raw = text.encode()
    return otlp_hash(<const uint8_t*> PyBytes_AS_STRING(raw), <uint32_t> len(raw))


def json_name_hash(str text not None):
    """The hash of a JSON string that says this."""
    cdef bytes token = b'"' + text.encode().replace(b"\\", b"\\\\") + b'"'
    return json_hash(<const uint8_t*> PyBytes_AS_STRING(token), 0, <size_t> len(token))
