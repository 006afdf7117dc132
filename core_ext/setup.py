"""Builds the Cython modules of llm-obs-core-ext; all metadata is in pyproject.toml.

``LLM_OBS_EXT_BUILD=debug`` compiles with bounds checks and without optimisation, ``sanitize`` also with the address and
the undefined behaviour sanitizer; each in a build folder of its own, because distutils reuses object files when only
the flags change.
"""

import multiprocessing
import os
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

MODE = os.environ.get("LLM_OBS_EXT_BUILD", "release")
if MODE not in {"release", "debug", "sanitize"}:
    raise SystemExit(
        f"LLM_OBS_EXT_BUILD: expected release, debug or sanitize, got {MODE!r}; unset it for a release build"
    )
DEBUG = MODE != "release"
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"] if MODE == "sanitize" else []

SOURCES = sorted(str(path) for path in Path("src/llm_obs_core_ext").glob("*.pyx"))
FLAGS = ["-O0", "-g", "-UNDEBUG"] if DEBUG else ["-O3", "-g0", "-fno-semantic-interposition", "-D_FORTIFY_SOURCE=2"]
DIRECTIVES = {
    "language_level": 3,
    "embedsignature": True,
    "boundscheck": DEBUG,
    "wraparound": False,
    "initializedcheck": DEBUG,
    "cdivision": True,
}


def processes() -> int:
    """How many processes translate the sources: where there is no /dev/shm to write to, this one alone."""
    try:
        multiprocessing.Lock()
    except (ImportError, OSError):
        return 0
    return 2


setup(
    ext_modules=cythonize(
        [
            Extension(
                "llm_obs_core_ext." + Path(source).stem,
                [source],
                include_dirs=["src/llm_obs_core_ext"],
                extra_compile_args=FLAGS + SANITIZERS,
                extra_link_args=SANITIZERS,
            )
            for source in SOURCES
        ],
        build_dir=f"build/{MODE}/c",
        compiler_directives=DIRECTIVES,
        nthreads=processes(),
    ),
    options={"build": {"build_base": f"build/{MODE}"}},
)
