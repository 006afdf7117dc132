"""`import llm_obs` is the SDK, and costs nothing until it is used."""

import subprocess
import sys

import llm_obs
import llm_obs_sdk


def test_the_facade_is_the_sdk() -> None:
    assert set(llm_obs.__all__) == set(llm_obs_sdk.__all__)
    for name in llm_obs.__all__:
        assert getattr(llm_obs, name) is getattr(llm_obs_sdk, name)


def test_importing_it_loads_nothing_heavy() -> None:
    heavy = "{'opentelemetry', 'grpc', 'click', 'typing'}"
    code = f"import llm_obs, sys; print({heavy} & {{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
