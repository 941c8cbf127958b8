"""The wheel in an empty environment."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest


@pytest.mark.skipif("IRON_WHEEL" not in os.environ, reason="IRON_WHEEL names no wheel; run `make package`")
def test_the_wheel_installs_where_nothing_is(tmp_path: Path) -> None:
    venv.create(tmp_path, with_pip=True)
    python = str(tmp_path / "bin" / "python")
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", os.environ["IRON_WHEEL"]]
    subprocess.run(install, check=True)
    code = (
        "import iron_cage, pathlib;"
        "assert iron_cage.Guard({'pii': {'action': 'redact'}}).redact('to ada@example.com') == 'to [REDACTED]';"
        "assert iron_cage.Policies('- {name: all, effect: allow}', [{'name': 't'}]);"
        "iron_cage.Cage('http://127.0.0.1:9', 't').protect(len);"
        "assert (pathlib.Path(iron_cage.__file__).parent / 'py.typed').exists()"
    )
    subprocess.run([python, "-I", "-c", code], check=True, cwd=tmp_path)


@pytest.mark.parametrize("name", ["IronCageToolWrapper", "IronCageCrewAI"])
def test_a_framework_that_is_missing_says_what_to_install(name: str) -> None:
    code = f"import iron_cage\ntry: iron_cage.{name}\nexcept iron_cage.ConfigurationError as e: print(e)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install" in ran.stdout
