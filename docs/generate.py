"""Writes `docs/reference/` from the tables in the code; `nox -s docs` runs it before it builds the site."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import click
import msgspec
from llm_obs.cli import cli
from llm_obs_core import hookspecs, metrics, model, plugins, semconv
from llm_obs_core.config import ApiKey, ConfigKey, Reader, ReceiverSettings, Sink, keys
from llm_obs_enrich.pricing.config import PricingOptions, PricingRule

DOCS: Final = Path(__file__).parent
ROOT: Final = DOCS.parent


def table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A Markdown table; bars in cells are escaped, and what would be HTML outside of code."""

    def escaped(cell: str) -> str:
        cell = re.sub(r"<(?=[^`]*(?:`[^`]*`[^`]*)*$)", "&lt;", cell)
        return cell.replace("|", "\\|").replace("\n", " ")

    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(escaped(str(cell)) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def default(value: Any) -> str:
    """A default as it stands in TOML."""
    value = msgspec.to_builtins(value)
    if isinstance(value, dict) and value:
        return ", ".join(f"`{name}`" for name in value)
    return "–" if value is None or value in ({}, ()) else f"`{msgspec.json.encode(value).decode()}`"


def configuration() -> str:
    """Every key of `llm-obs.toml`."""
    text = (
        "# Configuration\n\nOne TOML file, `llm-obs.toml` in the working directory or `--config PATH`; environment "
        "variables over it (`LLM_OBS_SECTION__KEY`, the path in capitals with `__` for dots); flags over both. "
        "`llm-obs config check` reads it as a start would.\n\n"
    )
    heads = ("key", "type", "default", "meaning")

    def rows(found: Iterable[ConfigKey], without: str = "") -> Iterable[Sequence[str]]:
        return ((f"`{key.path.removeprefix(without)}`", key.type, default(key.default), key.doc) for key in found)

    text += table(heads, rows(key for key in keys() if "<name>" not in key.path))
    for head, struct, prefix in (
        ("`[[auth.keys]]`", ApiKey, "auth.keys."),
        ("`[sinks.<name>]`", Sink, "sinks.<name>."),
        ("`[readers.<name>]`", Reader, "readers.<name>."),
        ("`[receivers.<name>]`", ReceiverSettings, "receivers.<name>."),
        ("`[[pricing.rules]]`", PricingRule, "pricing.rules."),
    ):
        text += f"\n## {head}\n\n{first_line(struct)}\n\n{table(heads, rows(keys(struct, prefix), prefix))}"
    text += "\n## Options of what comes with llm-obs\n"
    places = {
        "sink": "[sinks.<name>.options]",
        "reader": "[readers.<name>.options]",
        "scrubber": "[scrub.options.{}]",
        "normalizer": "[normalize.options.{}]",
        "pricer": "[pricing.options.{}]",
        "instrumentor": "init(instrument_options=)",
    }
    for item in plugins.load().registrations:
        found = list(keys(item.options, "."))
        if item.role in places and found and item.options is not PricingOptions:  # rules have a section above
            text += f"\n### The {item.role} `{item.name}`: `{places[item.role].format(item.name)}`\n\n"
            text += f"{item.doc}\n\n{table(heads, rows(found, '.'))}"
    return text


def first_line(thing: object) -> str:
    """What a docstring says first."""
    return (inspect.getdoc(thing) or "").partition("\n\n")[0]


def metric_table() -> str:
    """What `GET /metrics` says."""
    text = (
        "# Metrics\n\n`GET /metrics` on the HTTP receiver's port, in the Prometheus text format; counters end in "
        "`_total`.\n\n"
    )
    rows = ((f"`{item.name}`", item.kind, ", ".join(item.labels) or "–", item.doc) for item in metrics.METRICS)
    return text + table(("metric", "kind", "labels", "meaning"), rows)


def spans() -> str:
    """Columns, content, measures, names that are understood."""
    text = (
        "# Spans and measures\n\n## Columns of a span\n\nIn every store, in this order. Times are Unix "
        "nanoseconds, money is nano-dollars.\n\n"
    )
    heads = ("column", "type", "null", "read from", "meaning")

    def rows(columns: Iterable[model.Column]) -> Iterable[Sequence[str]]:
        for item in columns:
            yield f"`{item.name}`", item.type, "yes" if item.nullable else "", f"`{item.source}`", item.doc

    text += table(heads, rows(model.SPAN_COLUMNS))
    text += "\n## Content\n\nStored apart from the span, one message at a time.\n\n"
    text += table(("slot", "attribute"), ((f"`{slot}`", f"`{name}`") for slot, name in model.CONTENT_SLOTS))
    text += "\n## Measures\n\nExact sums over model calls, a row for each combination of these keys:\n\n"
    text += table(heads, rows(model.MEASURE_KEYS)) + "\nand these values:\n\n"
    text += table(heads, rows(model.MEASURE_VALUES))
    text += (
        "\n## Names that are understood\n\nOlder and foreign names and what they become; the raw attribute is "
        "kept, and a canonical name that is there already wins. Messages and tool definitions in "
        "other forms become the conventions' own content, and what it was made of goes away.\n\n"
    )
    rows_of_names = (
        (f"`{name}`", ", ".join(f"`{alias}`" for alias in names)) for name, names in semconv.ALIASES.items()
    )
    return text + table(("canonical", "also read"), rows_of_names)


def hooks() -> str:
    """The hook specification."""
    text = f"# Hooks\n\n{inspect.getdoc(hookspecs)}\n"
    for name, function in vars(hookspecs).items():
        if name.startswith("register_"):
            text += f"\n## `{name}(register)`\n\n{inspect.getdoc(function)}\n"
    return text


def commands() -> str:
    """`--help` of every command, those of plugins included."""
    text = "# Commands\n"

    def add(command: click.Command, path: str, parent: click.Context | None) -> None:
        nonlocal text
        context = click.Context(
            command, info_name=path.split()[-1], parent=parent, terminal_width=100, max_content_width=100
        )
        text += (
            f"\n{'#' * min(len(path.split()) + (parent is None), 4)} `{path}`\n\n```text\n{context.get_help()}\n```\n"
        )
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                child = command.get_command(context, name)
                if child is not None and not child.hidden:
                    add(child, f"{path} {name}", context)

    add(cli, "llm-obs", None)
    return text


def graphql() -> str:
    """The schema."""
    schema = (ROOT / "packages/llm-obs-query/schema.graphql").read_text(encoding="utf-8")
    return (
        "# GraphQL\n\n`POST /graphql` on the address of `query.listen`, with a JSON body of `query` "
        "and `variables`.\n\n"
        f"```graphql\n{schema}```\n"
    )


def python() -> str:
    """Pages that mkdocstrings fills."""
    import llm_obs_sdk

    names = "\n".join(f"::: llm_obs_sdk.{llm_obs_sdk._HOMES[name]}.{name}\n" for name in llm_obs_sdk.__all__)
    interfaces = "\n".join(
        f"::: llm_obs_core.interfaces.{name}\n"
        for name in ("host", "sink", "read", "batch", "process", "ingest", "log", "instrument")
    )
    return (
        "# Python\n\n## In an application\n\n`import llm_obs` has these names.\n\n"
        f"{names}\n## In a plugin\n\n{interfaces}\n::: llm_obs_core.errors\n"
    )


PAGES: Final[dict[str, Callable[[], str]]] = {
    "commands": commands,
    "configuration": configuration,
    "graphql": graphql,
    "hooks": hooks,
    "metrics": metric_table,
    "python": python,
    "spans": spans,
}


def main() -> None:
    """Writes every page."""
    folder = DOCS / "reference"
    folder.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (folder / f"{name}.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
