"""Load on a real collector process, from this machine, with an exact ledger; see `benchmarks/README.md`."""
