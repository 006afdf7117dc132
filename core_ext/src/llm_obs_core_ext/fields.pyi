from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

class Part:
    there: Any
    missing: Any
    def __init__(self, table: Fields, there: Any = None, missing: Any = None) -> None: ...

class Always:
    value: Any
    def __init__(self, value: Any) -> None: ...

class Each:
    def __init__(self, field: str, words: Mapping[str, str]) -> None: ...

Kind = Literal["text", "count", "part", "real"] | Part | Each | Always | Callable[[Any], Any]

class Fields:
    def __init__(self, table: Iterable[tuple[str, str, Kind]]) -> None: ...
    def into(self, found: dict[str, Any], item: Any) -> None: ...
    def record(self, span: Any, item: Any) -> None: ...
