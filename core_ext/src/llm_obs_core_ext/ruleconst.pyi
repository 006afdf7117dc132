"""The numbers that `rulebuild` writes and `ruletable` reads, and the two hashes, for Python."""

KINDS: dict[type, int]
FORMS: dict[str, int]
JSON_MODES: dict[str, int]
ONLY_IF_ABSENT: int
ONLY_ROOTS: int
AS_LIST: int
AS_INT: int
REPLACE: int
TAKE: int
NO_NAME: int
NO_LIST: int
WHOLE_ITEM: int
MAX_PREFIXES: int
VALUE_STRING: int
VALUE_BOOL: int

def key_hash(text: str) -> int:
    """The hash of `KeyTable`."""

def json_name_hash(text: str) -> int:
    """The hash of a JSON string that says this."""
