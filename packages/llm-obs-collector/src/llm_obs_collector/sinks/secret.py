"""The secret behind the digests of contents. It is made once and never leaves the collector.

Without it the text behind a digest could be guessed; with one key a tenant, digests of different tenants cannot be
compared.
"""

from __future__ import annotations

import functools
import hashlib
import os
import secrets
from pathlib import Path
from typing import Final

from llm_obs_core.errors import StoreError
from llm_obs_core.owned import sync_directory

__all__ = ["TenantKeys"]

SECRET_BYTES: Final = 32
MAX_TENANTS: Final = 4096


class TenantKeys:
    """The key of each tenant: BLAKE2b-256 of its name under the secret in `<data_dir>/secret.key`.

    Args:
        data_dir: `server.data_dir`.
    """

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / "secret.key"
        self._secret = b""
        self.of = functools.lru_cache(maxsize=MAX_TENANTS)(self._make)

    def open(self) -> None:
        """Reads the secret, or makes it.

        Raises:
            StoreError: The file is not as it was written, or cannot be made.
        """
        self._secret = _secret(self._path)

    def _make(self, tenant: str) -> bytes:
        if not self._secret:
            self.open()
        return hashlib.blake2b(tenant.encode(), key=self._secret, digest_size=32).digest()


def _secret(path: Path) -> bytes:
    try:
        if not path.exists():
            _make(path)
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        with open(fd, "rb") as file:
            found = file.read(SECRET_BYTES + 1)
    except OSError as error:
        raise StoreError(
            "a file for the secret key",
            got=error.strerror or str(error),
            where=str(path),
            fix="correct the owner and mode of its folder, or free space on its disk",
        ) from None
    if len(found) != SECRET_BYTES:
        raise StoreError(
            f"a secret of {SECRET_BYTES} bytes",
            got=f"{len(found)}" if len(found) < SECRET_BYTES else "more",
            where=str(path),
            fix="restore it from a backup; removing it makes a new one, and old digests match no new content",
        )
    return found


def _make(path: Path) -> None:
    if not path.parent.exists():  # no log has made it: another one is in use
        path.parent.mkdir(mode=0o700, parents=True)
        sync_directory(path.parent.parent)
    temporary = path.with_suffix(".tmp")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with open(fd, "wb") as file:
        file.write(secrets.token_bytes(SECRET_BYTES))
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    sync_directory(path.parent)
