"""The governed clients of OpenAI and Anthropic against the real binary and its simulated provider."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

if "IRON_BINARY" not in os.environ:
    pytest.skip("IRON_BINARY names no server; run `make package`", allow_module_level=True)

sys.path.insert(0, str(Path(__file__).parents[2] / "e2e"))

import anthropic
import openai
from ironcage import Agent, Server

import iron_cage
from iron_cage import Cage
from iron_cage.anthropic import Anthropic, AsyncAnthropic
from iron_cage.openai import AsyncOpenAI, OpenAI

HELLO: Any = [{"role": "user", "content": "hello"}]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def agent(server: Server) -> Agent:
    return server.simulated_agent()


@pytest.fixture
def cage(server: Server, agent: Agent) -> Cage:
    return Cage(server.url, agent.token)


def model_of(cage: Cage) -> str:
    return OpenAI(cage).models.list().data[0].id


def test_openai(cage: Cage, agent: Agent) -> None:
    client = OpenAI(cage)
    assert isinstance(client, openai.OpenAI)
    answer = client.chat.completions.create(model=model_of(cage), messages=HELLO)
    assert answer.choices[0].message.content
    stream = client.chat.completions.create(model=model_of(cage), messages=HELLO, stream=True)
    assert "".join(piece.choices[0].delta.content or "" for piece in stream if piece.choices)
    agent.settles_at(1, 10**9)


async def test_openai_awaited(cage: Cage) -> None:
    async with AsyncOpenAI(cage) as client:
        model = (await client.models.list()).data[0].id
        answer = await client.chat.completions.create(model=model, messages=HELLO)
        assert answer.choices[0].message.content
        stream = await client.chat.completions.create(model=model, messages=HELLO, stream=True)
        assert [piece async for piece in stream]


def test_anthropic(cage: Cage) -> None:
    client = Anthropic(cage)
    assert isinstance(client, anthropic.Anthropic)
    answer = client.messages.create(model=model_of(cage), messages=HELLO, max_tokens=50)
    assert answer.content
    with client.messages.stream(model=model_of(cage), messages=HELLO, max_tokens=50) as stream:
        assert "".join(stream.text_stream)


async def test_anthropic_awaited(cage: Cage) -> None:
    async with AsyncAnthropic(cage) as client:
        answer = await client.messages.create(model=model_of(cage), messages=HELLO, max_tokens=50)
        assert answer.content


def test_the_conversation_is_in_the_headers(cage: Cage) -> None:
    client = OpenAI(cage, default_headers={"x-mine": "1"})
    with cage.conversation("conv_7", end_user="ada") as conversation:
        headers = client.default_headers
        assert (headers["x-ironcage-conversation"], headers["x-ironcage-end-user"]) == ("conv_7", "ada")
        assert headers["traceparent"].split("-")[1] == conversation.trace_id
        assert headers["x-mine"] == "1"
        assert client.chat.completions.create(model=model_of(cage), messages=HELLO).id
    assert "x-ironcage-conversation" not in client.default_headers


def test_a_budget_stops_it(server: Server) -> None:
    poor = server.agent(server.provider("simulated"), budget=0.01)
    cage = Cage(server.url, poor.token)
    client = OpenAI(cage, max_retries=0)
    with pytest.raises(openai.RateLimitError) as stopped:
        for _ in range(2000):
            client.chat.completions.create(model=model_of(cage), messages=HELLO * 50)
    assert stopped.value.code == "BUDGET_EXCEEDED" or "budget" in str(stopped.value).lower()


def test_the_environment_alone_is_enough(cage: Cage) -> None:
    code = (
        "import openai; c = openai.OpenAI();"
        "print(c.chat.completions.create(model=c.models.list().data[0].id,"
        " messages=[{'role': 'user', 'content': 'hello'}]).choices[0].message.content)"
    )
    environment = {"PATH": os.environ["PATH"]} | cage.env()
    ran = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout.strip()


def test_a_server_that_dies_means_no(tmp_path: Path) -> None:
    with Server(tmp_path) as dying:
        agent = dying.simulated_agent()
        cage = Cage(dying.url, agent.token, timeout=5)
        dying.kill()
        ran: list[int] = []
        with pytest.raises(iron_cage.Unavailable):
            cage.protect(ran.append)(1)
        assert ran == []
