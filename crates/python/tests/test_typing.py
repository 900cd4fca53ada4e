"""The stub is as the module is, and users' programs and the package itself pass a type checker."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PACKAGE

pytest.importorskip("mypy", reason="mypy is not installed")
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder without a configuration of anybody's; what the type checker learns is kept there for the next test."""
    return tmp_path_factory.mktemp("mypy")


def check(elsewhere: Path, *arguments: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE), "MYPY_CACHE_DIR": str(elsewhere)}
    # An installed package is found without; where the sources are used they must be named.
    if PACKAGE.name != "site-packages":
        environment["MYPYPATH"] = str(PACKAGE)
    run = subprocess.run(
        [sys.executable, "-m", *arguments], env=environment, cwd=elsewhere, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_stub_is_as_the_module_is(elsewhere: Path) -> None:
    help = subprocess.run([sys.executable, "-m", "mypy.stubtest", "--help"], capture_output=True, text=True, check=False)
    # Disjoint bases are a matter of how Python lays out objects, of which users need to know nothing.
    options = ["--ignore-disjoint-bases"] if "--ignore-disjoint-bases" in help.stdout else []
    check(elsewhere, "mypy.stubtest", "tconv._tconv", "--concise", *options)


def test_a_program_of_a_user_passes(elsewhere: Path) -> None:
    check(elsewhere, "mypy", "--strict", str(HERE / "typed_sample.py"))


def test_the_package_passes(elsewhere: Path) -> None:
    check(elsewhere, "mypy", "--strict", "-p", "tconv")


def test_the_program_runs() -> None:
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE)}
    program = [sys.executable, str(HERE / "typed_sample.py")]
    run = subprocess.run(program, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0 and "('N', 'H', 'W', 4)" in run.stdout, run.stdout + run.stderr
