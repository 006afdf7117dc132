"""`llm-obs` as a process of its own, as a user starts it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

__all__ = ["COMMAND", "FREE", "serving"]

COMMAND: Final = [sys.executable, "-c", "from llm_obs.cli import main; main()"]
FREE: Final = {
    "LLM_OBS_RECEIVER__HTTP__LISTEN": "127.0.0.1:0",
    "LLM_OBS_RECEIVER__GRPC__LISTEN": "127.0.0.1:0",
    "LLM_OBS_QUERY__LISTEN": "127.0.0.1:0",
}
"""Variables that let every server take a free port."""


@contextmanager
def serving(
    *arguments: str, cwd: Path, environ: Mapping[str, str] | None = None
) -> Iterator[tuple[dict[str, str], subprocess.Popen[str]]]:
    """A command that serves, ended at the end.

    Args:
        arguments: The command and its flags; `--json` is added.
        cwd: Where it runs.
        environ: Variables, next to PATH and those of free ports.

    Yields:
        What listens where, by name, empty when it did not start; the process, its streams as pipes.
    """
    with subprocess.Popen(
        [*COMMAND, *arguments, "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env={"PATH": os.environ["PATH"], **FREE, **(environ or {})},
    ) as child:
        assert child.stdout is not None
        line = child.stdout.readline()
        try:
            yield (json.loads(line) if line else {}), child
        finally:
            child.send_signal(signal.SIGINT)
            child.wait(60)
