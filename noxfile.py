"""Every check of llm-obs, each in its own environment, from the frozen lock file.

`nox -s tests` is what the README names; `.ci/run` runs the rest as well.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import nox

nox.options.default_venv_backend = "uv"
nox.options.sessions = ["lint", "typing", "arch", "tests"]
nox.options.error_on_missing_interpreters = False

ROOT = Path(__file__).parent
DISTRIBUTIONS = [
    "core_ext",
    *sorted(
        f"{house}/{path.name}"
        for house in ("packages", "plugins")
        for path in (ROOT / house).iterdir()
        if path.is_dir() and path.name != "_template"
    ),
]
SOURCES = ["conftest.py", "core_ext", "packages", "plugins", "tests", "benchmarks", "docs/generate.py", "noxfile.py"]


def sync(session: nox.Session, *extra: str) -> None:
    """Installs the workspace as locked into the session's environment."""
    uv = shutil.which("uv") or str(Path(session.bin) / "uv")
    session.run_install(
        uv,
        "sync",
        "--frozen",
        "--quiet",
        *extra,
        env={"UV_PROJECT_ENVIRONMENT": session.virtualenv.location, "VIRTUAL_ENV": session.virtualenv.location},
        external=True,
    )


def existing(*paths: str) -> list[str]:
    """Those of the paths that are there."""
    return [path for path in paths if (ROOT / path).exists()]


@nox.session
def tests(session: nox.Session) -> None:
    """Every test that needs neither root nor a browser."""
    sync(session)
    session.run("pytest", "-q", "-m", "not e2e", *session.posargs)


@nox.session(python=["3.13", "3.14"])
def smoke(session: nox.Session) -> None:
    """The compiled parts and what stands right on them, on newer interpreters where there are some."""
    sync(session, "--python", session.virtualenv.interpreter)
    session.run("llm-obs", "price", "openai", "gpt-4o")
    session.run(
        "pytest", "-q", "-x", "core_ext", "packages/llm-obs-core", "packages/llm-obs-enrich", "packages/llm-obs-sdk"
    )


@nox.session
@nox.parametrize("client", ["openai==1.40.0 httpx<0.28", "openai==1.109.1", "openai==2.54.0"])
def clients(session: nox.Session, client: str) -> None:
    """The instrumentor's tests with older clients; `tests` runs them with the newest."""
    sync(session)
    target = str(Path(session.create_tmp()).resolve())
    uv = shutil.which("uv") or str(Path(session.bin) / "uv")
    session.run_install(uv, "pip", "install", "--quiet", "--target", target, *client.split(), external=True)
    session.run("pytest", "-q", "plugins/llm-obs-openai", *session.posargs, env={"PYTHONPATH": target})


@nox.session
def lint(session: nox.Session) -> None:
    """Ruff's rules and format, and spelling."""
    sync(session)
    sources = existing(*SOURCES)
    session.run("ruff", "check", *sources)
    session.run("ruff", "format", "--check", *sources)
    session.run("codespell", *sources, *existing("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "docs"))


@nox.session
def typing(session: nox.Session) -> None:
    """Mypy, strict, distribution by distribution; TypeScript, strict, and form of the page."""
    sync(session)
    for folder in DISTRIBUTIONS:
        if (ROOT / folder / "src").is_dir():
            session.run("mypy", "--strict", f"{folder}/src")
    session.run("python", "packages/llm-obs-ui/tools/web.py", "check")


@nox.session
def arch(session: nox.Session) -> None:
    """Imports go down only."""
    sync(session)
    session.run("lint-imports")


@nox.session
def bench(session: nox.Session) -> None:
    """Tests what is measured, measures, prints the tables, fails below a gate."""
    sync(session)
    session.run("pytest", "-q", "benchmarks")
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session
def sanitize(session: nox.Session) -> None:
    """The tests of core_ext on a build that watches memory; core_ext/README.md says more."""
    sync(session)
    target = str(Path(session.create_tmp()).resolve())
    uv = shutil.which("uv") or str(Path(session.bin) / "uv")
    session.run_install(
        uv, "pip", "install", "--quiet", "--no-deps", "--no-cache", "--target", target, "./core_ext",
        env={"LLM_OBS_EXT_BUILD": "sanitize", "VIRTUAL_ENV": session.virtualenv.location}, external=True,
    )  # fmt: skip
    libraries = [
        str(session.run("gcc", f"-print-file-name=lib{name}.so", external=True, silent=True)).strip()
        for name in ("asan", "ubsan")
    ]
    session.run(
        "python", "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", "core_ext/tests", *session.posargs,
        env={
            "LD_PRELOAD": " ".join(libraries), "PYTHONPATH": target, "PYTHONMALLOC": "malloc",
            "ASAN_OPTIONS": "detect_leaks=0", "UBSAN_OPTIONS": "print_stacktrace=1",
        },
    )  # fmt: skip


@nox.session
def e2e(session: nox.Session) -> None:
    """Real servers, the recordings and a browser; what cannot be had is skipped by name."""
    sync(session)
    if os.geteuid() == 0 and not shutil.which("chromium") and shutil.which("apt-get"):
        session.run_install("apt-get", "update", "-qq", external=True, success_codes=[0, 100])
        session.run_install("apt-get", "install", "-y", "-qq", "chromium", external=True, success_codes=[0, 100])
    session.run("pytest", "-q", "-m", "e2e", "tests/e2e", *session.posargs, success_codes=[0, 5])


@nox.session
def docs(session: nox.Session) -> None:
    """Writes the reference from the code, builds the site, and shows what the next changelog will say."""
    sync(session)
    session.run("python", "docs/generate.py")
    session.run("mkdocs", "build", "--quiet", "--strict", env={"NO_MKDOCS_2_WARNING": "1"})
    session.run("towncrier", "build", "--draft", "--version", "next")


@nox.session(name="sdist-check")
def sdist_check(session: nox.Session) -> None:
    """Builds each wheel from its own source distribution."""
    out = session.create_tmp()
    uv = shutil.which("uv") or "uv"
    for folder in DISTRIBUTIONS:
        session.run(uv, "build", "--quiet", "--out-dir", out, folder, external=True)


@nox.session
def prices(session: nox.Session) -> None:
    """Compiles the newest genai-prices data set into the bundled price table."""
    sync(session)
    session.run("python", "packages/llm-obs-enrich/tools/build_prices.py")


@nox.session
def bump(session: nox.Session) -> None:
    """`nox -s bump -- 0.2.0`: one version in every distribution."""
    (new,) = session.posargs
    import re
    import tomllib

    old = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    for folder in [".", *DISTRIBUTIONS]:
        path = ROOT / folder / "pyproject.toml"
        text = path.read_text()
        text = re.sub(rf'^version = "{re.escape(old)}"', f'version = "{new}"', text, flags=re.MULTILINE)
        path.write_text(re.sub(rf'("llm-obs[a-z\[\],-]*==){re.escape(old)}"', rf'\g<1>{new}"', text))
    session.run(shutil.which("uv") or "uv", "lock", external=True)
