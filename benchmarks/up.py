"""How soon `llm-obs up` is ready, what it takes when idle, and how long it takes to end: `python -m benchmarks.up`."""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROUNDS = 5
IDLE_S = 2.0
COMMAND = [sys.executable, "-c", "from llm_obs.cli import main; main()", "up", "--json", "--data-dir"]
FREE = {
    f"LLM_OBS_{key}": "127.0.0.1:0" for key in ("RECEIVER__HTTP__LISTEN", "RECEIVER__GRPC__LISTEN", "QUERY__LISTEN")
}


def measure(folder: Path) -> tuple[float, float, float]:
    """One run: seconds until `/readyz` says so, MB resident, seconds from SIGINT to the end."""
    started = time.perf_counter()
    with subprocess.Popen(
        [*COMMAND, str(folder / "data")], stdout=subprocess.PIPE, text=True, cwd=folder, env={**os.environ, **FREE}
    ) as child:
        assert child.stdout is not None
        addresses = json.loads(child.stdout.readline())
        urllib.request.urlopen(f"http://{addresses['http']}/readyz").close()
        ready_s = time.perf_counter() - started
        time.sleep(IDLE_S)
        status = Path(f"/proc/{child.pid}/status").read_text()
        resident_mb = int(status.split("VmRSS:")[1].split()[0]) / 1024
        asked = time.perf_counter()
        child.send_signal(signal.SIGINT)
        child.wait(60)
        return ready_s, resident_mb, time.perf_counter() - asked


def main() -> None:
    """Prints the median and the worst of some runs."""
    with tempfile.TemporaryDirectory() as folder:
        runs = [measure(Path(folder)) for _ in range(ROUNDS)]
    for name, unit, values in zip(
        ("ready", "resident", "ended"), ("s", "MB", "s"), zip(*runs, strict=True), strict=True
    ):
        print(f"{name:9} median {statistics.median(values):7.2f} {unit}   worst {max(values):7.2f} {unit}")


if __name__ == "__main__":
    main()
