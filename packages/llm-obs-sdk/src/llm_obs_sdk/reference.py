"""The settings as a table for the documentation."""

from __future__ import annotations

from llm_obs_sdk.options import OPTIONS

__all__ = ["settings_table"]


def settings_table() -> str:
    """A Markdown table of every option: key, type, default, unit, environment, meaning."""
    lines = ["| key | type | default | unit | environment | meaning |", "|---|---|---|---|---|---|"]
    for option in OPTIONS:
        default = (
            {None: "unset", "": "empty"}.get(option.default) if not isinstance(option.default, dict | tuple) else None
        )
        shown = default or f"`{option.default!r}`"
        env = ", ".join(f"`{name}`" for name in option.env) or "–"
        lines.append(f"| `{option.name}` | {option.type} | {shown} | {option.unit or '–'} | {env} | {option.doc} |")
    return "\n".join(lines)
