"""An imitation of the OpenAI HTTP API, deterministic, with its own account: chat completions, responses, embeddings.

`python -m llm_obs_testing.imitation` runs it by hand; `Imitation` is for tests and the demo.
"""

from llm_obs_testing.imitation.answer import Answer, ToolCall, Usage
from llm_obs_testing.imitation.ledger import Entry, Ledger
from llm_obs_testing.imitation.script import Call, Script, answer_from_header, scripted
from llm_obs_testing.imitation.server import Imitation

__all__ = [
    "Answer",
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
