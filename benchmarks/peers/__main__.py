"""`python -m benchmarks.peers`: CPU a span of llm-obs and of a compiled collector, one after the other, round by round.

Both get the same requests over HTTP from the same generator. llm-obs scans, normalises, prices, scrubs, writes, and
answers when the log is synced; the peer answers once it has decoded the request, and throws it away.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.__main__ import calibration_ns
from benchmarks.load.collector import CollectorProcess, Usage
from benchmarks.peers.rotel import VERSION, Rotel, agent

NO_STORE = {"LLM_OBS_SINKS__LAKE__ENABLED": "false"}


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8.0, help="of load, a collector and round")
    parser.add_argument("--rate", type=float, default=50_000.0, help="spans a second; 0: as fast as they are answered")
    parser.add_argument("--spans", type=int, default=512, help="spans a request")
    parser.add_argument("--span-bytes", type=int, default=1024)
    args = parser.parse_args()
    ours, peer = "llm-obs, durable log", f"rotel {VERSION}, drops"
    found: dict[str, list[dict[str, float]]] = {ours: [], peer: []}
    with tempfile.TemporaryDirectory(prefix="llm-obs-peers-") as temporary:
        folder = Path(temporary)
        program = agent(folder / "wheel")
        print(f"calibration {calibration_ns():.1f} ns a step")
        for number in range(args.rounds):
            home = folder / str(number)
            home.mkdir()
            collector = CollectorProcess(home / "data", "collect", NO_STORE)
            try:
                found[ours].append(measured(args, collector.pid, collector.addresses["http"]))
            finally:
                collector.close()
            rotel = Rotel(program, home)
            try:
                found[peer].append(measured(args, rotel.pid, rotel.address))
            finally:
                rotel.close()
    print(f"{'':<28} {'CPU us/span':>12} {'kernel':>8} {'spans/s':>10} {'P50 ms':>8} {'P99 ms':>8} {'MiB':>6}")
    for name, rounds in found.items():
        best = min(rounds, key=lambda item: item["cpu_us"])
        print(
            f"{name:<28} {best['cpu_us']:>12.2f} {best['kernel_us']:>8.2f} {best['spans_per_s']:>10,.0f} "
            f"{best['p50_ms']:>8.1f} {best['p99_ms']:>8.1f} {best['resident_mib']:>6.0f}"
        )
    least = {name: min(item["cpu_us"] for item in rounds) for name, rounds in found.items()}
    print(f"CPU of the peer / CPU of llm-obs: {least[peer] / least[ours]:.2f}")


def measured(args: argparse.Namespace, pid: int, address: str) -> dict[str, float]:
    """One load, after a short one that warms up."""
    send(args, address, 1.0, 0)
    first = Usage(pid)
    sent = send(args, address, args.seconds, 10_000)
    last = Usage(pid)
    if sent["acked_spans"] != sent["spans"]:
        raise SystemExit(f"{address} refused spans: {sent['refused']}")
    cpu_s, user_s = last.cpu_s - first.cpu_s, last.user_s - first.user_s
    return {
        "cpu_us": cpu_s / sent["spans"] * 1e6,
        "kernel_us": (cpu_s - user_s) / sent["spans"] * 1e6,
        "spans_per_s": sent["acked_spans"] / sent["seconds"],
        "p50_ms": sent["wire_ms"]["p50"],
        "p99_ms": sent["wire_ms"]["p99"],
        "resident_mib": last.resident_bytes / 2**20,
    }


def send(args: argparse.Namespace, address: str, seconds: float, offset: int) -> dict[str, Any]:
    """One run of the generator, in its own process."""
    command = [sys.executable, "-m", "benchmarks.load.generator", address, "--connections", "8"]
    command += ["--seconds", str(seconds), "--rate", str(args.rate), "--spans", str(args.spans)]
    command += ["--span-bytes", str(args.span_bytes), "--offset", str(offset)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + 120)
    if done.returncode:
        raise SystemExit(f"the generator failed:\n{done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    main()
