"""API keys: who sends, and into which tenant. The key alone decides; no header can."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from llm_obs_core.config import ApiKey
from llm_obs_core.errors import ConfigError
from llm_obs_core.interfaces import Principal

__all__ = ["Authorizer"]


class Authorizer:
    """Recognises keys by their SHA-256, in constant time for each key that is configured.

    Args:
        keys: The configured keys. Without any, everybody is the default tenant, and the server listens
            on loopback only.

    Raises:
        ConfigError: Two of them have the same id or the same SHA-256, so that it would not be clear whose a request is.
    """

    def __init__(self, keys: Sequence[ApiKey]) -> None:
        for place, key in enumerate(keys):
            for name in ("id", "sha256"):
                if any(getattr(key, name) == getattr(before, name) for before in keys[:place]):
                    raise ConfigError(
                        f"keys with an {name} of their own",
                        got=f"the {name} of key {key.id!r} twice",
                        where=f"auth.keys[{place}].{name}",
                        fix="give it another, or remove one of the two",
                    )
        self._keys = [(bytes.fromhex(key.sha256), Principal(key.tenant, key.id, frozenset(key.scopes))) for key in keys]

    @property
    def open(self) -> bool:
        """Whether no key is asked for."""
        return not self._keys

    def principal(self, authorization: str | None, api_key: str | None = None) -> Principal | None:
        """The sender, or None when the key is missing or unknown.

        Args:
            authorization: Value of the `Authorization` header: ``Bearer <key>``.
            api_key: Value of the `x-api-key` header; read when there is no `Authorization`.
        """
        if not self._keys:
            return Principal()
        key = api_key
        if authorization is not None:
            scheme, _, credentials = authorization.partition(" ")
            key = credentials.strip() if scheme.lower() == "bearer" else None
        if not key:
            return None
        digest = hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
        found: Principal | None = None
        for known, principal in self._keys:
            if hmac.compare_digest(known, digest):
                found = principal
        return found
