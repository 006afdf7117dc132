"""Content taken apart into messages.

A span's content attributes (`CONTENT_SLOTS`) become messages in the order of their slots:

- In the slots of lists (`input`, `output`, `system`, `tools`, `documents`) each element of a JSON array is a message:
  exactly its bytes, without the white space around it. An empty array has none.
- An array of more than 16 elements of less than 16 bytes on average is one message: no list of messages looks so, and
  it would cost more than it holds. So is one with more than 1,024 levels.
- Any other string, and every string in `tool_arguments`, `tool_result` and `query`, is one message: the whole text.
- A value that came as an OTLP list, map, number, bool or bytes becomes compact JSON text; in the slots of lists each
  item of a list is a message. Bytes become Base64, NaN and infinities the words of protobuf's JSON. A value without a
  member is no message.

Content in span events stays in the payload.
"""

from llm_obs_core_ext.arrow import Arrow
from llm_obs_core_ext.batch import SpanBatch

class ContentBatch:
    """The messages of a batch; implements `llm_obs_core.interfaces.ContentBatch`."""

    def __len__(self) -> int: ...
    def columns(self) -> dict[str, Arrow]:
        """`row`, `slot`, `index`, `digest` and `body`, none of them null."""

def read_contents(batch: SpanBatch, key: bytes) -> ContentBatch:
    """As `SpanBatch.contents`."""
