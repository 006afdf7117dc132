"""Which rows: the small language that queries, command line and page share.

A filter is a tree of `And`, `Or`, `Not` and `Condition`. It is one data type: GraphQL inputs, flags and the filter box
of the page are read into it, readers evaluate it or say that they cannot. `checked` says what is wrong with one,
`parse` and `text` are its written form, `evaluate.py` is what it means.

Fields (`fields.py` has the table: types, and which operators fit):

- a name out of `SPAN_COLUMNS`; `model`: the model that answered, else the one asked for; `error`: whether it failed;
- `attributes.<name>`, `resource.<name>`: an attribute, by its canonical name;
- `tags`, `metadata.<name>`: an application's own, the attributes `llm_obs.tags` and `llm_obs.metadata.<name>`;
- `content`, `content.<slot>`: the text of messages (any slot, or one of `CONTENT_SLOTS`);
- `annotations.<key>`: a value that was said about the span or its trace;
- `trace.<name>`: a field of the trace's summary.

Where traces are looked for, a condition on anything but `trace.` holds when any span of the trace meets it, each by
itself. Where spans are looked for, it is the span itself. Where sessions are looked for, the whole filter holds for one
of its traces. A condition on a null never holds (also `ne`); only `exists` sees nulls. `Not` is the plain opposite of
what it holds: `Not(Condition("user_id", "eq", "a"))` holds without a user too, and where traces are looked for, when no
span has that user.

Attributes, tags, metadata and annotations have no fixed type: one meets a condition when its value is of the
condition's type (text, number, boolean), else only `exists`. A field with several values (an array, one element deep;
the messages of `content`; the annotations of a span and of its trace) meets a condition when one of them does, and
exists when one of them is not null.
"""

from llm_obs_core.filter.check import MAX_VALUES, checked
from llm_obs_core.filter.evaluate import Facts, fold_case, meets, meets_any
from llm_obs_core.filter.fields import FIELDS, OPERATORS_OF, PREFIXES, Field, FieldType, Source, field_of
from llm_obs_core.filter.parse import parse
from llm_obs_core.filter.printing import text
from llm_obs_core.filter.tree import (
    OPERATORS,
    And,
    Condition,
    Filter,
    Not,
    Operator,
    Or,
    Scalar,
    conditions,
    simplified,
)

__all__ = [
    "FIELDS",
    "MAX_VALUES",
    "OPERATORS",
    "OPERATORS_OF",
    "PREFIXES",
    "And",
    "Condition",
    "Facts",
    "Field",
    "FieldType",
    "Filter",
    "Not",
    "Operator",
    "Or",
    "Scalar",
    "Source",
    "checked",
    "conditions",
    "field_of",
    "fold_case",
    "meets",
    "meets_any",
    "parse",
    "simplified",
    "text",
]
