"""`python -m llm_obs_testing.imitation [PORT]`: the imitation by hand, until Ctrl-C; then its ledger."""

from __future__ import annotations

import argparse
import threading

import msgspec

from llm_obs_testing.imitation import APIS, Imitation


def main() -> None:
    """Reads the port and serves."""
    reading = argparse.ArgumentParser("python -m llm_obs_testing.imitation", description="The imitation, until Ctrl-C.")
    reading.add_argument("port", nargs="?", type=int, default=8010, help="on 127.0.0.1; 8010, or 0 for a free one")
    port = reading.parse_args().port
    try:
        serve(port)
    except OSError as error:
        reading.error(f"port {port} cannot be listened on: {error.strerror}; give another")


def serve(port: int) -> None:
    """Serves until Ctrl-C."""
    with Imitation(apis=tuple(APIS.values())).running(port) as imitation:
        print(f"OPENAI_BASE_URL={imitation.url} OPENAI_API_KEY=any", flush=True)
        for name in APIS:
            if name != "openai":
                print(f"{name} {imitation.url_of(name)}", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print(msgspec.json.format(msgspec.json.encode(imitation.ledger.as_dict()), indent=2).decode())


if __name__ == "__main__":
    main()
