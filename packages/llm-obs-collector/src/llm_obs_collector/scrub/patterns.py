"""The built-in patterns: an RE2 expression finds candidates, a check decides where the form proves too little."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

__all__ = ["BUILTIN", "DEFAULT", "Pattern", "iban_checks", "luhn_checks"]


class Pattern(NamedTuple):
    """One thing to look for.

    Attributes:
        expression: RE2, over bytes. A group, if there is one, is what is written over; else the whole match.
        check: Says whether a candidate is one; None when the form is proof enough.
    """

    expression: str
    check: Callable[[bytes], bool] | None = None


def _digits(text: bytes) -> list[int]:
    return [byte - 48 for byte in text if 48 <= byte <= 57]


def luhn_checks(text: bytes) -> bool:
    """Whether the digits' check digit is right (ISO/IEC 7812-1, annex B)."""
    digits = _digits(text)
    if not 13 <= len(digits) <= 19 or len(set(digits)) == 1:
        return False
    doubled = sum(sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return (sum(digits[-1::-2]) + doubled) % 10 == 0


def iban_checks(text: bytes) -> bool:
    """Whether the account number's check digits are right (ISO 13616, modulo 97)."""
    bare = text.replace(b" ", b"").decode("ascii").upper()
    if not 15 <= len(bare) <= 34:
        return False
    return int("".join(str(int(char, 36)) for char in bare[4:] + bare[:4])) % 97 == 1


def _ssn_checks(text: bytes) -> bool:
    area, group, serial = text.split(b"-")
    return area not in (b"000", b"666") and area < b"900" and group != b"00" and serial != b"0000"


BUILTIN: Final[dict[str, Pattern]] = {
    "email": Pattern(r"[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,24}\b"),
    "credit_card": Pattern(
        r"\b(?:[2-6]\d{3})[ -]?(?:\d{4}[ -]?){2}\d{1,7}\b|\b3[47]\d{2}[ -]?\d{6}[ -]?\d{5}\b", luhn_checks
    ),
    "us_ssn": Pattern(r"\b\d{3}-\d{2}-\d{4}\b", _ssn_checks),
    "phone": Pattern(r"\+[1-9]\d{0,2}[ .-]?\(?\d{1,4}\)?(?:[ .-]?\d{2,4}){2,4}\b"),
    "iban": Pattern(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b", iban_checks),
    "aws_access_key": Pattern(r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b"),
    "github_token": Pattern(r"\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255})"),
    "api_key": Pattern(r"\bsk-[A-Za-z0-9_-]{20,255}"),
    "google_api_key": Pattern(r"\bAIza[A-Za-z0-9_-]{35}"),
    "slack_token": Pattern(r"\bxox[abprs]-[A-Za-z0-9-]{10,255}"),
    "jwt": Pattern(r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"),
    "private_key": Pattern(r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?s:.*?)-----END [A-Z ]*PRIVATE KEY-----"),
    "authorization": Pattern(r"(?i:\b(?:bearer|basic))[ ]+([A-Za-z0-9._~+/=-]{16,})"),
    "url_password": Pattern(r"[a-z][a-z0-9+.-]{1,20}://[^\s:/@\"]{1,64}:([^\s:/@\"]{1,128})@"),
    "ipv4": Pattern(r"\b(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)\b"),
    "mac_address": Pattern(r"\b(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}\b"),
}
"""Pattern name to pattern; the names are what users write and read in `[REDACTED:<name>]`."""

DEFAULT: Final = tuple(name for name in BUILTIN if name not in ("ipv4", "mac_address"))
"""What the scrubber `pii` looks for unless told otherwise: addresses of machines are rarely a person's."""
