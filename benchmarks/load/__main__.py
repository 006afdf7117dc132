"""`python -m benchmarks.load --seconds 60 --rate 100000`: load on a real collector process, and its ledger."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.__main__ import calibration_ns
from benchmarks.load.collector import CollectorProcess, Usage
from benchmarks.load.generator import percentiles
from benchmarks.load.store import Probe, Stored, count

DRAIN_S = 300.0
"""How long the sinks may take for what the log still holds after the load."""


def main() -> int:
    """Runs it; 1 when the ledger is not exact."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rate", type=float, default=100_000.0, help="spans a second; 0: as fast as they are answered")
    parser.add_argument("--spans", type=int, default=512, help="spans a request")
    parser.add_argument("--span-bytes", type=int, default=1024)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--warm-up", type=float, default=2.0, help="seconds of load before the figures")
    parser.add_argument("--probe", type=float, default=5.0, help="seconds between looks for a new trace; 0: none")
    parser.add_argument("--command", choices=("up", "collect"), default="up")
    parser.add_argument("--no-lake", action="store_true", help="without a sink: receiving and log alone")
    parser.add_argument("--set", action="append", default=[], metavar="LLM_OBS_X__Y=VALUE", help="configuration")
    parser.add_argument("--data-dir", type=Path, help="where the data goes and stays; else a temporary folder")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    folder = args.data_dir or Path(tempfile.mkdtemp(prefix="llm-obs-load-"))
    try:
        found = run(args, folder)
    finally:
        if args.data_dir is None:
            shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(found, indent=2) if args.json else report(found))
    return 0 if found["exact"] else 1


def run(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """The run's figures."""
    settings = dict(item.split("=", 1) for item in args.set)
    if args.no_lake:
        settings["LLM_OBS_SINKS__LAKE__ENABLED"] = "false"
        args.command = "collect"  # there is nothing to query
    before_ns = calibration_ns()
    collector = CollectorProcess(folder / "data", args.command, settings)
    try:
        idle_bytes = collector.usage().resident_bytes
        warm = send(args, collector, args.warm_up, 0)
        probe = Probe(collector, args.probe) if args.probe and args.command == "up" and not args.no_lake else None
        if probe is not None:
            probe.start()
        first = collector.usage()
        started = time.monotonic()
        sent = send(args, collector, args.seconds, warm["requests"])
        last = collector.usage()
        wall_s = time.monotonic() - started
        if probe is not None:
            probe.end()
        total = warm["spans"] + sent["spans"] + (probe.spans if probe is not None else 0)
        acked = warm["acked_spans"] + sent["acked_spans"] + (probe.spans if probe is not None else 0)
        drained = time.monotonic()
        ledger = collector.ledger()
        behind_spans = waiting(ledger)
        while time.monotonic() - drained < DRAIN_S and any(waiting(ledger).values()):
            time.sleep(0.1)
            ledger = collector.ledger()
        drain_s = time.monotonic() - drained
        drain_cpu_s = collector.usage().cpu_s - last.cpu_s
        metrics = collector.metrics()
        peak_bytes = collector.peak_bytes
        stop_s = collector.stop()
        errors = collector.errors()
    finally:
        collector.close()
    stored = Stored(0, 0, 0, 0) if args.no_lake else count(folder / "data" / "lake")
    counts = {
        "sent": total,
        "acked": acked,
        "received": ledger["collector"]["received"],
        "logged": ledger["collector"]["logged"],
        **{f"{name} says stored": item["counts"]["stored"] for name, item in ledger["sinks"].items()},
    }
    if not args.no_lake:
        counts |= {"rows in the lake": stored.spans, "of them distinct": stored.distinct}
    return {
        "exact": ledger["exact"] and len(set(counts.values())) == 1,
        "counts": counts,
        "spans_per_s": sent["spans"] / sent["sending_s"] if sent["sending_s"] else 0.0,
        "acked_per_s": sent["acked_spans"] / sent["seconds"],
        "sent": sent,
        "cpu_us_per_span": {
            "generator": sent["cpu_s"] / sent["spans"] * 1e6,
            "collector": (last.cpu_s - first.cpu_s) / sent["spans"] * 1e6,
            "collector, kernel": (last.cpu_s - last.user_s - first.cpu_s + first.user_s) / sent["spans"] * 1e6,
        },
        "threads_us_per_span": threads(first, last, sent["spans"]),
        "drain": {"spans": behind_spans, "seconds": drain_s, "cpu_s": drain_cpu_s},
        "start_s": collector.start_s,
        "stop_s": stop_s,
        "wall_s": wall_s,
        "resident_bytes": {"idle": idle_bytes, "peak": peak_bytes, "end": last.resident_bytes},
        "log": {
            "appended_bytes": metrics["llm_obs_log_appended_bytes_total"],
            "on_disk_bytes": metrics["llm_obs_log_size_bytes"],
            "commits": metrics["llm_obs_log_commits_total"],
            "commit_ms": metrics["llm_obs_log_commit_seconds_total"] / metrics["llm_obs_log_commits_total"] * 1e3,
        },
        "lake": stored._asdict(),
        "derived_s": {
            f"p{share * 100:g}": at_most(metrics, "llm_obs_derived_delay_seconds", share)
            for share in (0.5, 0.95, 0.99, 0.999)
        },
        "visible_s": {} if probe is None else percentiles(probe.seen_s) | {"traces": len(probe.seen_s)},
        "trouble": probe.trouble if probe is not None else "",
        "errors": errors[-2000:],
        "calibration_ns": [before_ns, calibration_ns()],
        "machine": f"{os.cpu_count()} cores, Python {sys.version.split()[0]}",
        "request": {"spans": args.spans, "bytes": sent["bytes"] // max(sent["requests"], 1)},
    }


def send(args: argparse.Namespace, collector: CollectorProcess, seconds: float, offset: int) -> dict[str, Any]:
    """One run of the generator, in its own process."""
    command = [sys.executable, "-m", "benchmarks.load.generator", collector.addresses["http"]]
    for name, value in (
        ("seconds", seconds),
        ("rate", args.rate),
        ("spans", args.spans),
        ("span-bytes", args.span_bytes),
        ("connections", args.connections),
        ("offset", offset),
    ):
        command += [f"--{name}", str(value)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + 120)
    if done.returncode:
        raise SystemExit(f"the generator failed:\n{done.stderr}\n{collector.errors()}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def waiting(ledger: dict[str, Any]) -> dict[str, int]:
    """What each sink does not hold yet, spans."""
    counts = {name: item["counts"] for name, item in ledger["sinks"].items()}
    return {name: item["queued"] + item["undecided"] for name, item in counts.items()}


def at_most(metrics: dict[str, float], name: str, share: float) -> float:
    """The least bound of a histogram's bucket that this share of its values is within."""
    bounds = {
        float(key.partition('le="')[2].partition('"')[0]): value
        for key, value in metrics.items()
        if key.startswith(f"{name}_bucket")
    }
    return min(bound for bound, count in bounds.items() if count >= share * metrics[f"{name}_count"])


def threads(first: Usage, last: Usage, spans: int) -> list[float]:
    """CPU of the busiest threads, microseconds a span, most first."""
    used = sorted((cpu - first.threads.get(thread, 0.0) for thread, cpu in last.threads.items()), reverse=True)
    return [cpu / spans * 1e6 for cpu in used[:8] if cpu > 0.01]


def report(found: dict[str, Any]) -> str:
    """The figures for people."""
    sent, mebibyte = found["sent"], 1024**2
    cpu = found["cpu_us_per_span"]
    resident, log, lake = found["resident_bytes"], found["log"], found["lake"]
    lines = [
        f"{found['machine']}, calibration {' and '.join(f'{ns:.1f}' for ns in found['calibration_ns'])} ns a step",
        f"sent        {sent['spans']:,} spans in {sent['sending_s']:.1f} s: {found['spans_per_s']:,.0f} spans/s, "
        f"{found['request']['spans']} a request of {found['request']['bytes']:,} bytes",
        f"acked       {found['acked_per_s']:,.0f} spans/s, refused {sent['refused'] or 'none'}, "
        f"{sent['late']} of {sent['requests']} requests waited for a connection",
        f"ack, ms     from due   {_marks(sent['due_ms'])}",
        f"            from sent  {_marks(sent['wire_ms'])}",
        f"ledger      {'exact' if found['exact'] else 'NOT EXACT'}: "
        + ", ".join(f"{name} {value:,}" for name, value in found["counts"].items()),
        f"CPU, us     a span: collector {cpu['collector']:.2f} (kernel {cpu['collector, kernel']:.2f}), "
        f"generator {cpu['generator']:.2f}; threads "
        + " ".join(f"{value:.2f}" for value in found["threads_us_per_span"]),
        f"resident    idle {resident['idle'] / mebibyte:.0f} MiB, peak {resident['peak'] / mebibyte:.0f} MiB",
        f"log         {log['appended_bytes'] / 1e6:,.0f} MB appended, {log['commits']:,.0f} commits of "
        f"{log['commit_ms']:.1f} ms, {log['on_disk_bytes'] / 1e6:,.0f} MB on disk at the end",
        f"lake        {lake['spans']:,} rows, {lake['files']} files, {lake['bytes'] / 1e6:,.0f} MB; behind at the end "
        f"of the load {found['drain']['spans']}, caught up in {found['drain']['seconds']:.1f} s",
        "derived, s  after the request came, at most: "
        + " ".join(f"{name} {bound:g}" for name, bound in found["derived_s"].items()),
        f"visible, s  {_marks({name: value / 1e3 for name, value in found['visible_s'].items()})}",
        f"process     up in {found['start_s']:.1f} s, stopped in {found['stop_s']:.1f} s",
    ]
    if found["trouble"] or found["errors"]:
        lines.append(f"trouble     {found['trouble']} {found['errors']}")
    return "\n".join(lines)


def _marks(values: dict[str, float]) -> str:
    return " ".join(f"{name} {value:,.2f}" for name, value in values.items() if name != "traces")


if __name__ == "__main__":
    sys.exit(main())
