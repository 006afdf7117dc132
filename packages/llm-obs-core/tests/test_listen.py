"""Addresses: what is loopback, what is refused, and that errors name the key."""

import pytest
from llm_obs_core import listen
from llm_obs_core.errors import ConfigError


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "[::1]", "::1", "localhost", "LocalHost."])
def test_loopback(host: str) -> None:
    assert listen.is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]", "10.0.0.1", "localhost.example", "127.0.0.1.example", "", "1"])
def test_not_loopback(host: str) -> None:
    assert not listen.is_loopback(host)
    with pytest.raises(ConfigError, match=r"at query\.listen\).*\[\[auth\.keys\]\]"):
        listen.must_be_loopback("query.listen", f"{host}:80")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_free_port_is_taken_and_shown(host: str) -> None:
    with listen.bind("query.listen", f"{host}:0") as bound:
        address = listen.shown(bound)
        assert int(address.rpartition(":")[2]) > 0
        with pytest.raises(ConfigError, match=r"at query\.listen.*port 0"):
            listen.bind("query.listen", address)


@pytest.mark.parametrize("address", ["192.0.2.1:4319", "127.0.0.1:99999", "no-such-host.invalid:1"])
def test_what_cannot_be_bound(address: str) -> None:
    with pytest.raises(ConfigError, match="a free address of this machine"):
        listen.bind("query.listen", address)
