"""A real server on a folder (and, for half of the tests, a database) of its own, with fake providers beside it."""

from __future__ import annotations

import os

import pytest

from ironcage import Fake, Server, fresh_database


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request):
    """None for the embedded database, else the URL of an empty PostgreSQL database."""
    if request.param == "sqlite":
        yield None
        return
    url = os.environ.get("IRON_TEST_POSTGRES_URL")
    assert url, "set IRON_TEST_POSTGRES_URL, or run `make test`, which starts a PostgreSQL of its own"
    with fresh_database(url) as database:
        yield database


@pytest.fixture
def server(tmp_path, database_url):
    with Server(tmp_path, database_url) as running:
        yield running


@pytest.fixture
def embedded(tmp_path):
    """A server on the embedded database, where the engine makes no difference."""
    with Server(tmp_path) as running:
        yield running


@pytest.fixture
def fake_openai():
    with Fake("openai") as fake:
        yield fake


@pytest.fixture
def fake_google():
    with Fake("google") as fake:
        yield fake


@pytest.fixture
def fake_anthropic():
    with Fake("anthropic") as fake:
        yield fake
