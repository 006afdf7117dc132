"""What a normaliser can do: a closed set of declared operations, applied in order, each seeing what earlier ones set.

`llm_obs_enrich.normalizer.reference` says in Python what each does; core_ext applies the same without Python per span.
An attribute is there when it has a value, be it an empty one; a place is there when it leads to more than null.
JSON text is what RFC 8259 says, with at most `MAX_DEPTH` levels; anything else is a text without places inside.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, Protocol

import msgspec

__all__ = [
    "MAX_DEPTH",
    "Collect",
    "Drop",
    "Elapsed",
    "EnumMap",
    "Extract",
    "Form",
    "Member",
    "Normalizer",
    "NormalizerRules",
    "Operation",
    "Place",
    "Rename",
    "Scale",
    "Sum",
    "When",
]

MAX_DEPTH: Final = 256
"""Arrays and objects inside each other; a text with more is not looked into."""


class Place(msgspec.Struct, frozen=True):
    """An attribute, or a place inside the JSON text that is its value.

    Attributes:
        attribute: The attribute's name.
        keys: Names of an object's members and numbers of an array's elements (from 0), from the outside to the inside.
            Of members with one name the last counts. Empty: the attribute itself.
    """

    attribute: str
    keys: tuple[str | int, ...] = ()


class When(msgspec.Struct, frozen=True):
    """A condition on a span.

    Attributes:
        place: Must be there.
        values: The string there must be one of these; when empty, any value will do.
        absent: The other way round: holds where it would not.
    """

    place: Place
    values: tuple[str, ...] = ()
    absent: bool = False


Form = Literal["value", "texts", "messages", "tools"]
"""What becomes of a value that was found; see `llm_obs_enrich.normalizer.forms`.

- `value`: a JSON string, number, true or false is that value; an array or an object stays JSON text.
- `texts`: a JSON array of strings becomes a list of them.
- `messages`: chat messages in any of the dialects in use become the conventions' messages with parts.
- `tools`: definitions of tools lose the wrapping that some APIs give them.

A value that has not the form that is asked for is taken as `value`; where the place is a whole attribute, as it is.
"""


class Rename(msgspec.Struct, frozen=True, tag="rename"):
    """Gives `target`, unless it is there, the value of the first of `sources` that is there; the sources stay.

    Attributes:
        target: The attribute that is set.
        sources: Looked at in this order.
        as_list: A string becomes a list of one; other values stay what they are.
        when: All must hold.
    """

    target: str
    sources: tuple[str, ...]
    as_list: bool = False
    when: tuple[When, ...] = ()


class EnumMap(msgspec.Struct, frozen=True, tag="enum"):
    """Sets `target` to the word that `mapping` has for `source`'s value; values it does not name are left alone.

    The value is a string, or the first item of a list when that is a string. Where `target` is `source` and the value
    is a list, the list stays one: each of its strings that the mapping names is replaced.

    Attributes:
        target: The attribute that is set; may be `source`.
        source: The attribute that is looked at.
        mapping: Value to word, or to true or false. Values are compared byte for byte.
        only_if_absent: Never changes a target that is there.
        only_roots: Only on spans without a parent.
        when: All must hold.
    """

    target: str
    source: str
    mapping: Mapping[str, str | bool]
    only_if_absent: bool = False
    only_roots: bool = False
    when: tuple[When, ...] = ()


class Scale(msgspec.Struct, frozen=True, tag="scale"):
    """Sets `target`, unless it is there, to `source` × `numerator` / `denominator`.

    Only an int or a double is a number here, not a text of digits. The result is a double, not set unless finite; with
    `integer` an int, rounded half up (exactly when the source is one), not set unless it has 64 bits.

    Attributes:
        target: The attribute that is set.
        source: Where the number is.
        numerator: From 1 to 2⁵³.
        denominator: From 1 to 2⁵³.
        integer: Whether the target is an int.
        when: All must hold.
    """

    target: str
    source: Place
    numerator: int
    denominator: int
    integer: bool = False
    when: tuple[When, ...] = ()


class Sum(msgspec.Struct, frozen=True, tag="sum"):
    """Sets `target`, unless it is there, to `first` + all of `plus` − all of `minus`.

    Ints by the rules of `llm_obs_core.typed.as_int`. Nothing is set unless `first` is one; others that are none count
    as 0. Not set when the result is negative or has more than 64 bits.

    Attributes:
        target: The attribute that is set.
        first: What must be there.
        plus: Added.
        minus: Subtracted.
        replace: A target that is there is set too.
        when: All must hold.
    """

    target: str
    first: Place
    plus: tuple[Place, ...] = ()
    minus: tuple[Place, ...] = ()
    replace: bool = False
    when: tuple[When, ...] = ()


class Member(msgspec.Struct, frozen=True):
    """Where a member of a collected object comes from.

    Attributes:
        path: What follows the item's number in the attribute's name. One `*` stands for a number inside it.
        name: The member's name. With a `*` in the path, `list.member`: member of the items of a list. Empty: the value
            is the whole item.
        json: `value`: a string that is JSON text is written as the value it is. `parts`: only one that is the text of
            an array of objects with a string `type` each is. Empty: no string is.
    """

    path: str
    name: str
    json: Literal["", "value", "parts"] = ""


class Collect(msgspec.Struct, frozen=True, tag="collect"):
    """Sets `target`, unless it is there, to JSON text: an array of objects whose members came as attributes.

    `llm.input_messages.0.message.role`, `llm.input_messages.1.message.role` … have the prefix `llm.input_messages.`,
    the item's number, and the member's path. Items are in the order of their numbers; gaps close. A number has at most
    nine digits and no leading zero. Only strings, ints, doubles and bools are taken (NaN and infinities are
    not); all others stay what they are. What was taken goes away: the target holds it.

    Attributes:
        target: The attribute that is set.
        prefix: What the names begin with. Empty: there is one item, and the paths are whole names of attributes.
        members: By path; where two paths give one member, the first that is there is taken.
        form: What becomes of the array; `value` leaves it as it is.
        role: Of messages that have none; empty: they are no messages then.
        when: All must hold.
    """

    target: str
    prefix: str
    members: tuple[Member, ...]
    form: Form = "value"
    role: str = ""
    when: tuple[When, ...] = ()


class Extract(msgspec.Struct, frozen=True, tag="extract"):
    """Sets `target`, unless it is there, to the value of the first of `sources` that is there: a JSON path.

    Attributes:
        target: The attribute that is set.
        sources: Looked at in this order.
        form: What becomes of the value. For `messages` and `tools` a list of strings is read as the JSON array of what
            they hold.
        role: Of messages that have none; empty: they are no messages then.
        take: What was taken goes away: a whole attribute is removed, a place inside one becomes null there.
        replace: A target that is there is set too, but only to a value of the form.
        when: All must hold.
    """

    target: str
    sources: tuple[Place, ...]
    form: Form = "value"
    role: str = ""
    take: bool = False
    replace: bool = False
    when: tuple[When, ...] = ()


class Drop(msgspec.Struct, frozen=True, tag="drop"):
    """Takes away what canonical attributes say already: a whole attribute, or a place inside one, which becomes null.

    Attributes:
        places: Each that is there.
        when: All must hold.
    """

    places: tuple[Place, ...]
    when: tuple[When, ...] = ()


class Elapsed(msgspec.Struct, frozen=True, tag="elapsed"):
    """Sets `target`, unless it is there, to the seconds from the span's start to an event or an instant, as a double.

    Nothing is set when that is before the start, and on spans without a start.

    Attributes:
        target: The attribute that is set.
        event: An event's name; of several the earliest counts. Empty: `instant` says when.
        instant: An attribute that is a time of RFC 3339 with a zone, or the JSON text of one; digits of a second beyond
            the ninth are left out.
        when: All must hold.
    """

    target: str
    event: str = ""
    instant: str = ""
    when: tuple[When, ...] = ()


Operation = Rename | EnumMap | Scale | Sum | Collect | Extract | Drop | Elapsed
"""The closed set of things a normaliser can do."""


class NormalizerRules(msgspec.Struct, frozen=True):
    """A normaliser's operations; `version` is stamped on log records."""

    version: int
    operations: tuple[Operation, ...]


class Normalizer(Protocol):
    """Turns foreign names and values into the canonical ones of `llm_obs_core.semconv`."""

    def rules(self) -> NormalizerRules:
        """Read once at start-up; compiled by `llm_obs_core_ext.normalise`."""
