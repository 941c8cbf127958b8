from __future__ import annotations

from collections.abc import Iterator

import pytest
from authority import Authority

from iron_cage import Cage


@pytest.fixture
def authority() -> Iterator[Authority]:
    running = Authority()
    yield running
    running.close()


@pytest.fixture
def cage(authority: Authority) -> Iterator[Cage]:
    with Cage(authority.url, "token", timeout=5) as cage:
        yield cage
