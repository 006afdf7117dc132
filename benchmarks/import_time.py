"""What importing the SDK costs beside `opentelemetry.sdk.trace`: `python -m benchmarks.import_time`.

Least CPU time of fresh interpreters, milliseconds, the bare interpreter's own taken off.
"""

from __future__ import annotations

import resource
import subprocess
import sys

ROUNDS = 15
CASES = {
    "import opentelemetry.sdk.trace": "import opentelemetry.sdk.trace",
    "import llm_obs": "import llm_obs",
    "… and everything it offers": "import llm_obs; [getattr(llm_obs, name) for name in llm_obs.__all__]",
    "… and llm_obs.init()": "import llm_obs; llm_obs.init('x', endpoint='http://127.0.0.1:9', exit_timeout_s=0.1)",
}


def least_ms(code: str, rounds: int = ROUNDS) -> float:
    """Of that many fresh interpreters."""
    least = float("inf")
    for _ in range(rounds):
        before = cpu_s()
        subprocess.run([sys.executable, "-c", code], check=True)
        least = min(least, cpu_s() - before)
    return least * 1000


def cpu_s() -> float:
    """User and system time of the children so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Prints the table."""
    bare = least_ms("pass")
    found = {name: least_ms(code) - bare for name, code in CASES.items()}
    peer = found["import opentelemetry.sdk.trace"]
    for name, value in found.items():
        print(f"{name:34} {value:6.0f} ms {value - peer:+6.0f} ms")


if __name__ == "__main__":
    main()
