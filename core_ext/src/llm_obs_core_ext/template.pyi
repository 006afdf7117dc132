from collections.abc import Mapping
from typing import Any

from llm_obs_core_ext.fields import Fields

class CallTemplate:
    operation: str
    attributes: dict[str, Any]
    def __init__(self, operation: str, provider: str, attributes: Mapping[str, Any], fields: Fields) -> None: ...
    def name(self, model: str | None) -> str: ...
    def first(self, model: str | None, body: dict[str, Any]) -> dict[str, Any]: ...
