"""The programs in `examples/`, each against a server of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

if "IRON_BINARY" not in os.environ:
    pytest.skip("IRON_BINARY names no server; run `make package`", allow_module_level=True)

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("name", ["support", "lead_generation", "data_analysis"])
def test_an_example_meets_all_that_it_shows(name: str) -> None:
    ran = subprocess.run(
        [sys.executable, str(EXAMPLES / f"{name}.py")], capture_output=True, text=True, timeout=180
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    for shown in ("[REDACTED]", "iron cage   denies", "colleague   approves", "iron cage   stops"):
        assert shown in ran.stdout
