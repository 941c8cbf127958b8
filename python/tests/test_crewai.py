"""CrewAI, as it is installed: crews under the same hand."""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

import pytest
from authority import Authority

os.environ.setdefault("CREWAI_DISABLE_TELEMETRY", "true")
os.environ.setdefault("OTEL_SDK_DISABLED", "true")
pytest.importorskip("crewai")

from crewai import Agent, BaseLLM, Crew, Task
from crewai.tools import BaseTool, tool

from iron_cage import Cage, IronCageCrewAI


@tool("look_up")
def look_up(name: str, limit: int = 2) -> str:
    """Looks a customer up."""
    return f"{limit} customers named {name}"


@tool("fetch")
async def fetch(url: str) -> str:
    """Fetches a page."""
    await asyncio.sleep(0)
    return f"page of {url}"


class Send(BaseTool):
    name: str = "send"
    description: str = "Sends a mail."
    sender: str = "us"

    def _run(self, to: str) -> str:
        return f"{self.sender} wrote to {to}"

    async def _arun(self, to: str) -> str:
        return f"{self.sender} wrote to {to} later"


class Model(BaseLLM):
    """Calls tools as it is told, and then gives their answers back."""

    script: list[tuple[str, dict[str, Any]]] = []

    def supports_function_calling(self) -> bool:
        return True

    def call(self, messages: Any, tools: Any = None, available_functions: Any = None, **_: Any) -> Any:
        if self.script and tools:
            name, arguments = self.script.pop(0)
            return [{"id": "c1", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}]
        told = [m["content"] for m in messages if isinstance(m, dict) and m.get("role") == "tool"]
        return "Thought: done\nFinal Answer: " + (told[-1] if told else "nothing")


def crew_of(tools: list[Any], *script: tuple[str, dict[str, Any]]) -> Crew:
    agent = Agent(role="clerk", goal="help", backstory="b", llm=Model(model="m", script=list(script)), tools=tools)
    task = Task(description="do it", expected_output="text", agent=agent)
    return Crew(agents=[agent], tasks=[task])


def test_a_wrapped_tool_is_the_same_to_crewai(cage: Cage, authority: Authority) -> None:
    one, two, three = IronCageCrewAI.wrap_crew([look_up, fetch, Send(sender="me")], cage)
    assert type(three).__mro__[1] is Send and one.args_schema is look_up.args_schema
    assert one.run(name="Ada") == "2 customers named Ada"
    assert two.run(url="a") == "page of a"
    assert three.run(to="Ada") == "me wrote to Ada"
    assert asyncio.run(three.arun(to="Ada")) == "me wrote to Ada later"
    assert one.to_structured_tool().invoke({"name": "Ada"}) == "2 customers named Ada"
    assert [asked["tool"] for asked in authority.asked] == ["look_up", "fetch", "send", "send", "look_up"]
    assert authority.asked[0]["arguments"] == {"name": "Ada", "limit": 2}
    assert look_up.run(name="Ada") and len(authority.asked) == 5


def test_limits_of_use_still_hold(cage: Cage) -> None:
    @tool("once", max_usage_count=1)
    def once() -> str:
        """Runs once."""
        return "ran"

    governed = IronCageCrewAI.wrap_crew(once, cage)
    assert governed.run() == "ran" and "usage limit" in str(governed.run())


def test_a_crew_runs_governed(cage: Cage, authority: Authority) -> None:
    crew = IronCageCrewAI.wrap_crew(crew_of([look_up], ("look_up", {"name": "Ada"})), cage)
    assert "2 customers named Ada" in crew.kickoff().raw
    assert authority.asked[0]["tool"] == "look_up"
    assert authority.reported[0]["output"] == "2 customers named Ada"


async def test_a_crew_that_is_awaited_too(cage: Cage, authority: Authority) -> None:
    crew = IronCageCrewAI.wrap_crew(crew_of([look_up], ("look_up", {"name": "Ada"})), cage)
    assert "2 customers named Ada" in (await crew.kickoff_async()).raw
    assert len(authority.asked) == 1
    await cage.aclose()


def test_a_refusal_is_told_to_the_model(cage: Cage, authority: Authority) -> None:
    authority.next("deny", "POLICY_DENIED", "looking up is denied")
    crew = IronCageCrewAI.wrap_crew(crew_of([look_up], ("look_up", {"name": "Ada"})), cage)
    assert "looking up is denied" in crew.kickoff().raw


def test_outputs_are_scanned(cage: Cage, authority: Authority) -> None:
    authority.scan = lambda _: ("redact", "[REDACTED]")
    crew = IronCageCrewAI.wrap_crew(crew_of([look_up], ("look_up", {"name": "Ada"})), cage)
    assert "[REDACTED]" in crew.kickoff().raw


def test_a_tool_that_an_agent_got_later_does_not_run(cage: Cage, authority: Authority) -> None:
    ran: list[str] = []

    @tool("smuggled")
    def smuggled(name: str) -> str:
        """Was added later."""
        ran.append(name)
        return name

    crew = IronCageCrewAI.wrap_crew(crew_of([look_up], ("smuggled", {"name": "Ada"})), cage)
    crew.agents[0].tools.append(smuggled)
    crew.kickoff()
    assert ran == [] and authority.asked == []
    free = crew_of([smuggled], ("smuggled", {"name": "Ada"}))
    free.kickoff()
    assert ran == ["Ada"]
