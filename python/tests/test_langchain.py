"""LangChain and LangGraph, as they are installed: tools and agents under the same hand."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import pytest
from authority import Authority

pytest.importorskip("langchain")

from langchain.agents import create_agent
from langchain.agents.middleware import ToolRetryMiddleware
from langchain.tools import InjectedToolCallId, ToolRuntime
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, ToolException, tool

import iron_cage
from iron_cage import Cage, IronCageMiddleware, IronCageToolWrapper


@tool
def search(query: str, limit: int = 3) -> str:
    """Searches for a text."""
    return f"{limit} results for {query}"


@tool
async def fetch(url: str) -> str:
    """Fetches a page."""
    await asyncio.sleep(0)
    return f"page of {url}"


@tool(response_format="content_and_artifact")
def report(number: int) -> tuple[str, dict[str, int]]:
    """Makes a report."""
    return f"report {number}", {"number": number}


class Counter(BaseTool):
    name: str = "count"
    description: str = "Counts letters."
    step: int = 1

    def _run(self, text: str, run_manager: Any = None) -> int:
        assert run_manager is not None
        return len(text) * self.step


class Model(GenericFakeChatModel):
    def bind_tools(self, tools: Any, **_: Any) -> Model:
        return self


def agent_of(calls: list[list[dict[str, Any]]], tools: list[Any], **options: Any) -> Any:
    turns = [AIMessage("", tool_calls=[{"id": f"{n}-{i}", "type": "tool_call", **call} for i, call in enumerate(turn)]) for n, turn in enumerate(calls)]
    return create_agent(Model(messages=iter([*turns, AIMessage("done")])), tools, **options)


def answers(state: dict[str, Any]) -> list[ToolMessage]:
    return [message for message in state["messages"] if isinstance(message, ToolMessage)]


def test_a_wrapped_tool_is_the_same_to_langchain(cage: Cage, authority: Authority) -> None:
    governed = IronCageToolWrapper(search, cage)
    assert type(governed).__mro__[1] is type(search)
    assert governed.args == search.args and governed.description == search.description
    assert governed.invoke({"query": "rust"}) == "3 results for rust"
    assert authority.asked[0]["tool"] == "search"
    assert authority.asked[0]["arguments"] == {"query": "rust", "limit": 3}
    assert search.invoke({"query": "rust"}) and len(authority.asked) == 1


async def test_sync_tools_are_awaited_and_async_tools_too_each_governed_once(cage: Cage, authority: Authority) -> None:
    one, two, three = cage.register_agent([search, fetch, Counter(step=2)])
    assert await one.ainvoke({"query": "a"}) == "3 results for a"
    assert await two.ainvoke({"url": "b"}) == "page of b"
    assert await three.ainvoke({"text": "abc"}) == 6
    assert [asked["tool"] for asked in authority.asked] == ["search", "fetch", "count"]
    await cage.aclose()


def test_what_langchain_adds_is_not_shown(cage: Cage, authority: Authority) -> None:
    @tool
    def note(text: str, call: Annotated[str, InjectedToolCallId], config: RunnableConfig, runtime: ToolRuntime) -> str:
        """Notes a text."""
        return f"{text} {call} {bool(config)} {runtime.tool_call_id}"

    agent = agent_of([[{"name": "note", "args": {"text": "x"}}]], cage.register_agent([note]))
    (message,) = answers(agent.invoke({"messages": [("user", "hi")]}))
    assert message.content == "x 0-0 True 0-0"
    assert authority.asked[0]["arguments"] == {"text": "x"}


def test_a_refusal_is_told_to_the_model_and_the_run_goes_on(cage: Cage, authority: Authority) -> None:
    authority.next("deny", "POLICY_DENIED", "searching is denied")
    agent = agent_of([[{"name": "search", "args": {"query": "x"}}]], cage.register_agent([search]))
    state = agent.invoke({"messages": [("user", "hi")]})
    (message,) = answers(state)
    assert message.status == "error" and "searching is denied" in message.content and "rule" in message.content
    assert state["messages"][-1].content == "done"


def test_a_spent_budget_ends_the_run(cage: Cage, authority: Authority) -> None:
    authority.next("deny", "BUDGET_EXCEEDED", "no money")
    agent = agent_of([[{"name": "search", "args": {"query": "x"}}]], cage.register_agent([search]))
    with pytest.raises(iron_cage.BudgetExceeded):
        agent.invoke({"messages": [("user", "hi")]})


def test_what_a_tool_did_with_its_own_errors_it_still_does(cage: Cage, authority: Authority) -> None:
    @tool
    def fail() -> str:
        """Fails."""
        raise ToolException("broken")

    with pytest.raises(ToolException, match="broken"):
        IronCageToolWrapper(fail, cage).invoke({})
    fail.handle_tool_error = lambda error: f"handled {error}"
    assert IronCageToolWrapper(fail, cage).invoke({}) == "handled broken"
    assert [reported["status"] for reported in authority.reported] == ["error", "error"]


def test_contents_and_artifacts_are_scanned(cage: Cage, authority: Authority) -> None:
    authority.scan = lambda output: ("redact", ["[REDACTED]", output[1]])
    call = {"name": "report", "args": {"number": 1}, "id": "c", "type": "tool_call"}
    message = IronCageToolWrapper(report, cage).invoke(call)
    assert (message.content, message.artifact) == ("[REDACTED]", {"number": 1})


def test_the_middleware_governs_parallel_calls_of_all_tools(cage: Cage, authority: Authority) -> None:
    calls = [[{"name": "search", "args": {"query": str(n)}} for n in range(5)] + [{"name": "report", "args": {"number": 1}}]]
    agent = agent_of(calls, [search, report], middleware=[IronCageMiddleware(cage)])
    with iron_cage.conversation("conv_9"):
        state = agent.invoke({"messages": [("user", "hi")]})
    assert len(answers(state)) == len(authority.asked) == len(authority.reported) == 6
    assert {asked["conversation_id"] for asked in authority.asked} == {"conv_9"}
    assert {"content": "report 1", "artifact": {"number": 1}} in [r["output"] for r in authority.reported]


async def test_the_middleware_works_awaited_and_streaming(cage: Cage, authority: Authority) -> None:
    authority.next("deny", "PARAMETER_INVALID", "not this page")
    agent = agent_of([[{"name": "fetch", "args": {"url": "a"}}], [{"name": "fetch", "args": {"url": "b"}}]], [fetch], middleware=[IronCageMiddleware(cage)])
    seen: list[ToolMessage] = []
    async for update in agent.astream({"messages": [("user", "hi")]}, stream_mode="updates"):
        seen += answers(update.get("tools") or {"messages": []})
    assert [message.status for message in seen] == ["error", "success"]
    assert seen[1].content == "page of b"
    await cage.aclose()


def test_arguments_that_were_changed_are_those_that_the_tool_gets(cage: Cage, authority: Authority) -> None:
    authority.next("allow", arguments={"query": "[REDACTED]"})
    authority.next("allow", arguments={"query": "[REDACTED]", "limit": 3})
    agent = agent_of([[{"name": "search", "args": {"query": "secret"}}]], [search], middleware=[IronCageMiddleware(cage)])
    assert answers(agent.invoke({"messages": [("user", "hi")]}))[0].content == "3 results for [REDACTED]"
    assert IronCageToolWrapper(search, cage).invoke({"query": "secret"}) == "3 results for [REDACTED]"


def test_what_is_repeated_is_governed_each_time_and_nothing_twice(cage: Cage, authority: Authority) -> None:
    tries: list[int] = []

    @tool
    def flaky() -> str:
        """Fails once."""
        tries.append(1)
        if len(tries) == 1:
            raise OSError("once")
        return "well"

    middleware = [ToolRetryMiddleware(max_retries=2, initial_delay=0, jitter=False), IronCageMiddleware(cage)]
    agent = agent_of([[{"name": "flaky", "args": {}}]], [flaky], middleware=middleware)
    assert answers(agent.invoke({"messages": [("user", "hi")]}))[0].content == "well"
    assert [reported["status"] for reported in authority.reported] == ["error", "success"]
    wrapped = cage.register_agent([search])
    agent = agent_of([[{"name": "search", "args": {"query": "x"}}]], wrapped, middleware=[IronCageMiddleware(cage)])
    agent.invoke({"messages": [("user", "hi")]})
    assert len(authority.asked) == 3


def test_tools_that_the_provider_runs_are_refused(cage: Cage) -> None:
    hosted = {"type": "web_search"}
    agent = agent_of([], [search, hosted], middleware=[IronCageMiddleware(cage)])
    with pytest.raises(iron_cage.Denied, match="web_search"):
        agent.invoke({"messages": [("user", "hi")]})
    agent = agent_of([], [search, hosted], middleware=[IronCageMiddleware(cage, hosted_tools="allow")])
    assert agent.invoke({"messages": [("user", "hi")]})["messages"][-1].content == "done"
