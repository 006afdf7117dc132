"""Which calls of one request were reported more than once: the reference of `llm_obs_core_ext.roles`.

An application that is instrumented twice (a framework and the client below it, a gateway and its callers) sends one
call as several spans, each with the call's usage. Only leaves are added up, so all but one must not be leaves. What can
be told from the spans of one request, after each has its own role:

1. A model call inside a model call of the same kind (at most `MAX_LEVELS` levels above, other spans between) is the
   same call once more. Where an inner one has usage, or the outer one has none, the outer one becomes a `rollup`. Where
   only the outer one has usage, the inner ones become a `duplicate`, but for those that failed: they are attempts.
2. Model calls of the same kind with one `gen_ai.response.id`, at overlapping times, in whatever traces, are one answer
   of the provider. One stays: a role that the sender gave, else usage, else what starts last, else what ends first,
   else what comes first; the others become `duplicate`. An id that more than `MAX_COPIES` calls of a request have is
   none.

Kinds are embeddings, and all other model calls. A role that the sender gave is never changed. Spans of one call that
come in different requests, streams that nobody gave an id and clocks that differ are not found: they count twice.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from llm_obs_core.normalizer.roles import MAX_COPIES, MAX_LEVELS

__all__ = ["Call", "settle"]


class Call(msgspec.Struct, frozen=True):
    """A span of a request, as far as roles depend on it.

    Attributes:
        trace_id: 16 bytes.
        span_id: 8 bytes.
        parent_id: 8 bytes, or None for a root.
        start_ns: Unix nanoseconds.
        end_ns: Unix nanoseconds.
        is_leaf: Whether its own role is `leaf`.
        is_given: Whether the sender gave the role.
        embeds: Whether the operation is `embeddings`.
        has_usage: Whether it carries usage.
        failed: OTLP status error, or an error type.
        response_id: `gen_ai.response.id`, empty when there is none.
    """

    trace_id: bytes
    span_id: bytes
    parent_id: bytes | None
    start_ns: int = 0
    end_ns: int = 0
    is_leaf: bool = False
    is_given: bool = False
    embeds: bool = False
    has_usage: bool = False
    failed: bool = False
    response_id: str = ""


def settle(calls: Sequence[Call]) -> dict[int, str]:
    """The roles that change: number of the span to role."""
    roles = _nested(calls)
    groups: dict[tuple[str, bool], list[int]] = {}
    for number, call in enumerate(calls):
        if call.is_leaf and number not in roles and call.response_id:
            groups.setdefault((call.response_id, call.embeds), []).append(number)
    for group in groups.values():
        if 1 < len(group) <= MAX_COPIES:
            roles |= dict.fromkeys(_copies(calls, group), "duplicate")
    return roles


def _nested(calls: Sequence[Call]) -> dict[int, str]:
    first: dict[tuple[bytes, bytes], int] = {}
    for number, call in enumerate(calls):
        first.setdefault((call.trace_id, call.span_id), number)

    def around(number: int) -> list[int]:
        # The leaves of its kind above a leaf, from the inside to the outside.
        found = []
        call = calls[number]
        for _ in range(MAX_LEVELS):
            parent = None if call.parent_id is None else first.get((call.trace_id, call.parent_id))
            if parent is None or parent == number:
                break
            call = calls[parent]
            if call.is_leaf and call.embeds == calls[number].embeds:
                found.append(parent)
        return found

    leaves = [number for number, call in enumerate(calls) if call.is_leaf]
    outer = {number: around(number) for number in leaves}
    has_inner = {parent for parents in outer.values() for parent in parents}
    has_used = {parent for number, parents in outer.items() if calls[number].has_usage for parent in parents}
    roles: dict[int, str] = {}
    for number in leaves:
        call = calls[number]
        repeats = (
            not call.has_usage
            and not call.failed
            and any(calls[parent].has_usage and parent not in has_used for parent in outer[number])
        )
        if call.is_given:
            continue
        if repeats:
            roles[number] = "duplicate"
        elif number in has_used or (number in has_inner and not call.has_usage):
            roles[number] = "rollup"
    return roles


def _copies(calls: Sequence[Call], group: list[int]) -> list[int]:
    def preferred(number: int) -> tuple[bool, bool, int, int, int]:
        call = calls[number]
        return not call.is_given, not call.has_usage, -call.start_ns, call.end_ns, number

    left = sorted(group, key=preferred)
    copies: list[int] = []
    while left:
        kept, *rest = left
        overlapping = {
            number
            for number in rest
            if calls[number].start_ns <= calls[kept].end_ns and calls[kept].start_ns <= calls[number].end_ns
        }
        copies += [number for number in overlapping if not calls[number].is_given]
        left = [number for number in rest if number not in overlapping]
    return copies
