"""The other frameworks, as they are installed: each allowed, denied, redacted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from authority import Authority

import iron_cage
from iron_cage import Cage

DENIED = "looking up is denied"


def look_up(name: str, limit: int = 2) -> str:
    """Looks a customer up."""
    return f"{limit} customers named {name}"


def three_calls(authority: Authority) -> None:
    """Allows one call, denies one, and changes the arguments and the output of a third."""
    authority.queue.append((200, {"decision": "allow", "decision_id": "dec_1"}))
    authority.next("deny", "POLICY_DENIED", DENIED)
    authority.next("allow", arguments={"name": "[NAME]", "limit": 2})


def shown(authority: Authority) -> list[tuple[str, Any]]:
    return [(asked["tool"], asked["arguments"]) for asked in authority.asked]


async def test_openai_agents(cage: Cage, authority: Authority) -> None:
    agents = pytest.importorskip("agents")
    from agents.tool_context import ToolContext
    from iron_cage.openai_agents import govern_agent

    agents.set_tracing_disabled(True)
    agent = agents.Agent(name="clerk", tools=[agents.function_tool(look_up)])
    (governed,) = govern_agent(agent, cage).tools
    assert governed.params_json_schema == agents.function_tool(look_up).params_json_schema

    async def call(**arguments: Any) -> Any:
        text = json.dumps(arguments)
        context = ToolContext(context=None, tool_name="look_up", tool_call_id="c", tool_arguments=text)
        return await governed.on_invoke_tool(context, text)

    three_calls(authority)
    assert await call(name="Ada") == "2 customers named Ada"
    assert DENIED in await call(name="Ada")
    assert await call(name="Ada") == "2 customers named [NAME]"
    assert shown(authority)[0] == ("look_up", {"name": "Ada"})
    with pytest.raises(iron_cage.Denied, match="web_search"):
        govern_agent(agents.Agent(name="clerk", tools=[agents.WebSearchTool()]), cage)
    assert cage.register_agent(agent.tools) == agent.tools
    await cage.aclose()


async def test_openai_agents_runs(cage: Cage, authority: Authority) -> None:
    agents = pytest.importorskip("agents")
    from agents.items import ModelResponse
    from agents.models.interface import Model
    from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

    from iron_cage.openai_agents import govern_agent

    agents.set_tracing_disabled(True)

    class Scripted(Model):
        turn = 0

        async def get_response(self, *args: Any, **kwargs: Any) -> ModelResponse:
            self.turn += 1
            if self.turn == 1:
                calls: list[Any] = [
                    ResponseFunctionToolCall(type="function_call", call_id=f"c{n}", name="look_up", arguments=json.dumps({"name": str(n)}))
                    for n in range(3)
                ]
                return ModelResponse(output=calls, usage=agents.Usage(), response_id=None)
            text = ResponseOutputText(type="output_text", text="done", annotations=[])
            said = ResponseOutputMessage(id="m", type="message", role="assistant", status="completed", content=[text])
            return ModelResponse(output=[said], usage=agents.Usage(), response_id=None)

        def stream_response(self, *args: Any, **kwargs: Any) -> Any:
            raise NotImplementedError

    agent = govern_agent(agents.Agent(name="clerk", model=Scripted(), tools=[agents.function_tool(look_up)]), cage)
    result = await agents.Runner.run(agent, "hi")
    assert result.final_output == "done"
    assert len(authority.asked) == len(authority.reported) == 3
    await cage.aclose()


async def test_pydantic_ai(cage: Cage, authority: Authority) -> None:
    pytest.importorskip("pydantic_ai")
    from pydantic_ai import Agent, FunctionToolset
    from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart, ToolReturnPart
    from pydantic_ai.models.function import FunctionModel

    from iron_cage.pydantic_ai import IronCageToolset

    def model(messages: list[Any], _: Any) -> ModelResponse:
        if len(messages) == 1:
            return ModelResponse([ToolCallPart("look_up", {"name": "Ada"}) for _ in range(3)])
        return ModelResponse([TextPart("done")])

    three_calls(authority)
    agent = Agent(FunctionModel(model), toolsets=[IronCageToolset(FunctionToolset([look_up]), cage)])
    result = await agent.run("hi")
    returned = [part.content for message in result.all_messages() for part in message.parts if isinstance(part, ToolReturnPart)]
    assert result.output == "done"
    assert shown(authority) == [("look_up", {"name": "Ada", "limit": 2})] * 3
    assert len(returned) == 3 and sum(DENIED in text for text in returned) == 1
    assert "2 customers named [NAME]" in returned and "2 customers named Ada" in returned
    await cage.aclose()


async def test_llama_index(cage: Cage, authority: Authority) -> None:
    pytest.importorskip("llama_index.core")
    from llama_index.core.tools import FunctionTool

    tool = FunctionTool.from_defaults(look_up)
    (governed,) = cage.register_agent([tool])
    assert isinstance(governed, FunctionTool) and governed.metadata == tool.metadata
    three_calls(authority)
    assert governed.call(name="Ada").content == "2 customers named Ada"
    refused = await governed.acall(name="Ada")
    assert refused.is_error and DENIED in refused.content
    assert (await governed.acall(name="Ada")).content == "2 customers named [NAME]"
    authority.scan = lambda _: ("redact", "[REDACTED]")
    redacted = governed(name="Ada")
    assert (redacted.content, redacted.raw_output) == ("[REDACTED]", "[REDACTED]")
    assert shown(authority)[0] == ("look_up", {"name": "Ada"}) and len(authority.asked) == 4
    await cage.aclose()


async def test_autogen(cage: Cage, authority: Authority) -> None:
    pytest.importorskip("autogen_core")
    from autogen_core import CancellationToken
    from autogen_core.tools import FunctionTool

    tool = FunctionTool(look_up, description="Looks a customer up.")
    (governed,) = cage.register_agent([tool])
    assert isinstance(governed, FunctionTool) and governed.schema == tool.schema
    three_calls(authority)
    asked = {"name": "Ada"}
    assert await governed.run_json(asked, CancellationToken()) == "2 customers named Ada"
    assert DENIED in await governed.run_json(asked, CancellationToken())
    assert await governed.run_json(asked, CancellationToken()) == "2 customers named [NAME]"
    authority.scan = lambda _: ("redact", "[REDACTED]")
    assert await governed.run_json(asked, CancellationToken(), call_id="c") == "[REDACTED]"
    assert len(authority.asked) == len(authority.reported) + 1 == 4
    await cage.aclose()


async def test_agent_framework(cage: Cage, authority: Authority) -> None:
    framework = pytest.importorskip("agent_framework")
    from agent_framework._middleware import FunctionInvocationContext, FunctionMiddlewarePipeline, MiddlewareFailure

    from iron_cage.agent_framework import IronCageFunctionMiddleware

    function = framework.tool(look_up, approval_mode="never_require")
    pipeline = FunctionMiddlewarePipeline(IronCageFunctionMiddleware(cage))

    async def call() -> Any:
        context = FunctionInvocationContext(function=function, arguments={"name": "Ada"})

        async def last(context: Any) -> Any:
            return await function.invoke(arguments=context.arguments)

        came = await pipeline.execute(context, last)
        return came[0].text if isinstance(came, list) else came

    three_calls(authority)
    assert await call() == "2 customers named Ada"
    assert DENIED in await call()
    assert await call() == "2 customers named [NAME]"
    authority.scan = lambda _: ("redact", ["[REDACTED]"])
    assert await call() == "[REDACTED]"
    authority.next("deny", "BUDGET_EXCEEDED", "no money")
    with pytest.raises(MiddlewareFailure, match="no money"):
        await call()
    assert shown(authority)[0] == ("look_up", {"name": "Ada"})
    await cage.aclose()


async def test_claude_agent(cage: Cage, authority: Authority) -> None:
    pytest.importorskip("claude_agent_sdk")
    from claude_agent_sdk import ClaudeAgentOptions

    from iron_cage.claude_agent import hooks

    options = ClaudeAgentOptions(hooks=hooks(cage, approval_timeout=0))
    before, after, failed = (options.hooks[event][0].hooks[0] for event in ("PreToolUse", "PostToolUse", "PostToolUseFailure"))

    async def ask(id: str) -> Any:
        return (await before({"tool_name": "Bash", "tool_input": {"command": "ls"}}, id, {}))["hookSpecificOutput"]

    assert (await ask("t1"))["permissionDecision"] == "allow"
    assert await after({"tool_response": "files", "duration_ms": 3}, "t1", {}) == {}
    assert authority.reported[0] == {"decision_id": "dec_1", "status": "success", "duration_ms": 3, "output": "files"}
    authority.next("deny", "POLICY_DENIED", "no shell")
    refused = await ask("t2")
    assert refused["permissionDecision"] == "deny" and "no shell" in refused["permissionDecisionReason"]
    authority.next("approval_required", approval_id="apr_1", reason="ask first")
    assert "ask first" in (await ask("t3"))["permissionDecisionReason"]
    authority.next("allow", arguments={"command": "ls -l"})
    assert (await ask("t4"))["updatedInput"] == {"command": "ls -l"}
    authority.scan = lambda _: ("redact", "[REDACTED]")
    assert (await after({"tool_response": "secret"}, "t4", {}))["hookSpecificOutput"]["updatedToolOutput"] == "[REDACTED]"
    assert "withheld" in (await after({"tool_response": "x"}, "unknown", {}))["hookSpecificOutput"]["updatedToolOutput"]
    await ask("t5")
    await failed({"error": "exit 1", "is_interrupt": False}, "t5", {})
    assert (authority.reported[-1]["status"], authority.reported[-1]["output"]) == ("error", "exit 1")
    await cage.aclose()
