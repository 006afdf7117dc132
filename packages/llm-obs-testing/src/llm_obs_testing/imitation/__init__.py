"""An imitation of providers' HTTP APIs, deterministic, with its own account.

`python -m llm_obs_testing.imitation` runs it by hand; `Imitation` is for tests and the demo.
"""

from llm_obs_testing.imitation.answer import Answer, ToolCall, Usage
from llm_obs_testing.imitation.api import Api
from llm_obs_testing.imitation.apis import APIS
from llm_obs_testing.imitation.ledger import Entry, Ledger
from llm_obs_testing.imitation.script import Call, Script, answer_from_header, scripted
from llm_obs_testing.imitation.server import Imitation

__all__ = [
    "APIS",
    "Answer",
    "Api",
    "Call",
    "Entry",
    "Imitation",
    "Ledger",
    "Script",
    "ToolCall",
    "Usage",
    "answer_from_header",
    "scripted",
]
