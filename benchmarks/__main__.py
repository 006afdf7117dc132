"""`nox -s bench`: runs every module of `gates.toml`, prints its figures, fails below an enforced gate.

A figure is the least of many rounds; a ratio is made of two figures of the same run. The calibration loop beside them
says how quick the machine was while they were taken.
"""

from __future__ import annotations

import importlib
import platform
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

from benchmarks import stages

ROUNDS = 60
HERE = Path(__file__).parent


def calibration_ns() -> float:
    """One step of a fixed Python loop, nanoseconds."""
    least = float("inf")
    for _ in range(20):
        start = time.perf_counter_ns()
        total = 0
        for number in range(100_000):
            total += number
        least = min(least, (time.perf_counter_ns() - start) / 100_000)
    return least


def main() -> int:
    """Prints the table; 1 when a gate is missed or a reading is zero."""
    tables: dict[str, dict[str, dict[str, Any]]] = tomllib.loads((HERE / "gates.toml").read_text())
    print(f"Python {platform.python_version()}, {platform.machine()}, calibration {calibration_ns():.1f} ns a step")
    print(f"{'gate':20} {'ours ns':>10} {'peer ns':>10} {'ratio':>8} {'at least':>9}")
    failed = False
    for name, gate in tables["gate"].items():
        measured = importlib.import_module(f"benchmarks.{gate['module']}").measure(ROUNDS)
        ours, peer = measured[gate["ours"]], measured[gate["peer"]]
        ratio = peer / ours if ours > 0 else 0.0
        reached = ours > 0 and peer > 0 and ratio >= gate["at_least"]
        failed |= gate["enforced"] and not reached
        word = "" if reached else "MISSED" if gate["enforced"] else "open"
        print(f"{name:20} {ours:10.0f} {peer:10.0f} {ratio:7.1f}x {gate['at_least']:8}x {word}")
    for name, item in tables["shown"].items():
        measured = importlib.import_module(f"benchmarks.{item['module']}").measure(ROUNDS)
        failed |= min(measured.values()) <= 0
        print(f"{name:20} " + ", ".join(f"{figure} {value:.0f} ns" for figure, value in measured.items()))
    print()
    stages.main()
    print(f"calibration {calibration_ns():.1f} ns a step")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
