"""The built-in patterns as RE2 expressions and checks: what the native text scan must find, no more and no less."""

from __future__ import annotations

import base64
from collections.abc import Callable
from functools import cache
from typing import Any, Final, NamedTuple

import re2
from llm_obs_collector.scrub.escapes import Decoded, Found, neutral, settled

__all__ = ["PATTERNS", "Pattern", "search"]


class Pattern(NamedTuple):
    """One thing to look for.

    Attributes:
        expression: RE2, over bytes. A group, if there is one, is what is written over; else the whole match.
        check: How many bytes of a candidate are the thing itself, 0 when none; None when the form is proof enough.
    """

    expression: str
    check: Callable[[bytes], int] | None = None


def luhn_checks(text: bytes) -> int:
    """Whether the digits' check digit is right (ISO/IEC 7812-1, annex B)."""
    digits = [byte - 48 for byte in text if 48 <= byte <= 57]
    if len(set(digits)) == 1:
        return 0
    doubled = sum(sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return len(text) if (sum(digits[-1::-2]) + doubled) % 10 == 0 else 0


def iban_checks(text: bytes) -> int:
    """Whether the account number's check digits are right (ISO 13616, modulo 97); what follows it is left."""
    length = IBAN_LENGTHS.get(text[:2].decode("ascii"))
    if length is None:
        return 0
    end = seen = 0
    while end < len(text) and seen < length:
        seen += text[end] != 32
        end += 1
    bare = text[:end].replace(b" ", b"").decode("ascii")
    if len(bare) != length or text[end : end + 1].isalnum():
        return 0
    return end if int("".join(str(int(char, 36)) for char in bare[4:] + bare[:4])) % 97 == 1 else 0


def _ssn_checks(text: bytes) -> int:
    area, group, serial = text.split(b"-")
    return len(text) if area not in (b"000", b"666") and area < b"900" and group != b"00" and serial != b"0000" else 0


def _basic_checks(text: bytes) -> int:
    data = text.rstrip(b"=")
    if len(data) % 4 == 1:
        return 0
    plain = base64.b64decode(data + b"=" * (-len(data) % 4))
    return len(text) if b":" in plain and plain.isascii() and plain.decode().isprintable() else 0


def _has_a_digit(text: bytes) -> int:
    return len(text) if any(48 <= byte <= 57 for byte in text) else 0


IBAN_LENGTHS: Final[dict[str, int]] = {
    country: length
    for length, countries in (
        (15, "NO"),
        (16, "BE"),
        (18, "DK FI NL"),
        (19, "SI"),
        (20, "AT EE LT LU"),
        (21, "CH HR LI LV"),
        (22, "BG DE GB IE RS"),
        (23, "AE IL"),
        (24, "AD CZ ES RO SA SE SK"),
        (25, "PT"),
        (26, "IS TR"),
        (27, "FR GR IT MC SM"),
        (28, "CY HU PL"),
        (29, "BR QA UA"),
        (31, "MT"),
    )
    for country in countries.split()
}
"""Lengths by country (ISO 13616 registry)."""

_LEFT = r"(?:^|[^\w.\-])"
"""A number may not go on to the left: parts of longer numbers, fractions and identifiers are not meant."""

_BRANDS = (
    r"(?:4\d{3}|5[1-5]\d{2}|2[2-7]\d{2}|6011|65\d{2})(?:[ -]?\d{4}){3}"
    r"|3[47]\d{2}[ -]?\d{6}[ -]?\d{5}|3(?:0[0-5]|[68]\d)\d[ -]?\d{6}[ -]?\d{4}"
)
_PEM = r"-----BEGIN [A-Z ]*PRIVATE KEY-----"

PATTERNS: Final[dict[str, Pattern]] = {
    "email": Pattern(r"[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,24}\b"),
    "credit_card": Pattern(rf"{_LEFT}({_BRANDS})\b", luhn_checks),
    "us_ssn": Pattern(rf"{_LEFT}(\d{{3}}-\d{{2}}-\d{{4}})\b", _ssn_checks),
    "phone": Pattern(r"\+[1-9]\d{0,2}[ .-]?\(?\d{1,4}\)?(?:[ .-]?\d{2,4}){2,4}\b"),
    "iban": Pattern(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,40}", iban_checks),
    "aws_access_key": Pattern(r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b"),
    "aws_secret_key": Pattern(
        r"(?i:secret[_ -]?(?:access[_ -]?)?key)[\"' ]*[:=]?[\"' ]*([A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+=]|$)"
    ),
    "github_token": Pattern(r"\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255})"),
    "api_key": Pattern(r"\bsk-[A-Za-z0-9_-]{20,255}"),
    "google_api_key": Pattern(r"\bAIza[A-Za-z0-9_-]{35}"),
    "slack_token": Pattern(r"\bxox[abprs]-[A-Za-z0-9-]{10,255}"),
    "jwt": Pattern(r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"),
    "private_key": Pattern(rf"{_PEM}(?:[A-Za-z0-9+/=\s:,-]*?-----END [A-Z ]*PRIVATE KEY-----|[A-Za-z0-9+/=\s]*)"),
    "bearer_token": Pattern(r"(?i:\bbearer)[ ]+([A-Za-z0-9._~+/=-]{16,})", _has_a_digit),
    "basic_credentials": Pattern(r"(?i:\bbasic)[ ]+([A-Za-z0-9+/]{4,}={0,2})", _basic_checks),
    "url_password": Pattern(r"[a-z][a-z0-9+.-]{1,20}://[^\s:/@\"]{1,64}:([^\s:/@\"]{1,128})@"),
    "ipv4": Pattern(r"\b(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)\b"),
    "mac_address": Pattern(r"\b(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}\b"),
}


@cache
def _compiled(name: str) -> Any:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    return re2.compile(PATTERNS[name].expression.encode(), options)


def _matches(name: str, view: bytes) -> list[tuple[int, int]]:
    """Sound matches, none within another; after one that the check turns away the search goes on one byte further."""
    found = []
    at = 0
    while (match := _compiled(name).search(view, at)) is not None:
        start, end = match.span(1) if match.re.groups else match.span()
        check = PATTERNS[name].check
        sound = end - start if check is None else check(view[start:end])
        if sound:
            found.append((start, start + sound))
        at = match.end() - (end - start - sound if check is iban_checks else 0) if sound else match.start() + 1
    return found


def search(text: bytes, names: tuple[str, ...] = tuple(PATTERNS)) -> list[tuple[int, int, str]]:
    """All hits in one text: start, end, pattern name."""
    plain, decoded = neutral(text), Decoded(text)
    hits = []
    for name in names:
        found = [decoded.widened(Found(start, end, plain[start:end])) for start, end in _matches(name, plain)]
        found += [decoded.found(start, end) for start, end in _matches(name, decoded.text)]
        hits += [(hit.start, hit.end, name) for hit in settled(found)]
    return sorted(hits)
