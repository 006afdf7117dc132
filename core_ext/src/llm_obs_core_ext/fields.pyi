from collections.abc import Callable, Iterable
from typing import Any, Literal

Kind = Literal["text", "count", "part", "real"] | Callable[[Any], Any]

class Fields:
    def __init__(self, table: Iterable[tuple[str, str, Kind]]) -> None: ...
    def into(self, found: dict[str, Any], item: Any) -> None: ...
