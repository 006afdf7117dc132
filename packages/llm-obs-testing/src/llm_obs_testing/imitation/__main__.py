"""`python -m llm_obs_testing.imitation [PORT]`: the imitation by hand, until Ctrl-C; then its ledger."""

from __future__ import annotations

import sys
import threading

import msgspec

from llm_obs_testing.imitation import Imitation


def main() -> None:
    """Runs until Ctrl-C."""
    with Imitation().running(int(sys.argv[1]) if len(sys.argv) > 1 else 8010) as imitation:
        print(f"OPENAI_BASE_URL={imitation.url} OPENAI_API_KEY=any", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print(msgspec.json.format(msgspec.json.encode(imitation.ledger.as_dict()), indent=2).decode())


if __name__ == "__main__":
    main()
