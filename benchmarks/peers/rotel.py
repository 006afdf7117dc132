"""rotel, an OpenTelemetry collector compiled from Rust, as its wheel brings it: receives, decodes, and throws away."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

__all__ = ["VERSION", "Rotel", "agent"]

VERSION = "0.0.1a15"
START_TIMEOUT_S = 30.0


def agent(folder: Path) -> Path:
    """Installs the wheel into a folder of its own; where the program is."""
    uv = Path(sys.executable).with_name("uv")
    subprocess.run(
        [uv, "pip", "install", "--quiet", "--no-deps", "--target", folder, f"rotel=={VERSION}"],
        check=True,
        env=os.environ | {"UV_PYTHON": sys.executable},
    )
    return folder / "rotel" / "rotel-agent"


class Rotel:
    """Its process, with the exporter that drops what it gets.

    Args:
        program: What `agent` returned.
        folder: For its log.
    """

    def __init__(self, program: Path, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free, socket.create_server(("127.0.0.1", 0)) as other:
            http, grpc = free.getsockname()[1], other.getsockname()[1]
        self.address = f"127.0.0.1:{http}"
        command = [str(program), "start", "--exporter", "blackhole", "--otlp-http-endpoint", self.address]
        command += ["--otlp-grpc-endpoint", f"127.0.0.1:{grpc}", "--pid-file", str(folder / "rotel.pid")]
        self._log = (folder / "rotel.log").open("w")
        self._process = subprocess.Popen(command, stdout=self._log, stderr=self._log)
        self.pid = self._process.pid
        end = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", http), timeout=1).close()
                return
            except OSError:
                if time.monotonic() > end or self._process.poll() is not None:
                    self.close()
                    raise SystemExit(f"rotel did not start:\n{(folder / 'rotel.log').read_text()[-2000:]}") from None
                time.sleep(0.05)

    def close(self) -> None:
        """Ends it."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()
