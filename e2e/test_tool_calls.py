"""Calls of tools that a model proposes, judged before the official SDKs see them."""

import anthropic
import openai
import pytest

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
NAMES = ["delete_city", "weather"]
CHAT = [{"type": "function", "function": {"name": name, "parameters": SCHEMA}} for name in NAMES]
RESPONSES = [{"type": "function", "name": name, "parameters": SCHEMA, "strict": False} for name in NAMES]
MESSAGES = [{"name": name, "input_schema": SCHEMA} for name in NAMES]
ASK = [{"role": "user", "content": "weather in Oslo?"}]


def agent_whose(embedded, **tool_calls):
    """An agent that may ask for the weather and delete nothing, under a profile of its own."""
    for name in NAMES:
        embedded.api("POST", "/tools", {"name": name})
    allow = {"name": "weather", "effect": "allow", "match": {"tools": ["weather"]}}
    deny = {"name": "nothing is deleted", "effect": "deny", "match": {"tools": ["delete_*"]}}
    for policy in (allow, deny):
        embedded.api("POST", "/policies", policy)
    embedded.api("POST", "/guardrail-profiles", {"name": "tools", "is_default": True, "tool_calls": tool_calls})
    return embedded.simulated_agent()


def test_calls_that_are_taken_out_leave_answers_that_sdks_understand(embedded):
    agent = agent_whose(embedded, denied="strip", undeclared="refuse")
    client, claude = agent.openai(), agent.anthropic()

    whole = client.chat.completions.create(model="sim/agent", messages=ASK, tools=CHAT).choices[0]
    assert [call.function.name for call in whole.message.tool_calls] == ["weather"]
    assert whole.finish_reason == "tool_calls"
    with client.chat.completions.stream(model="sim/agent", messages=ASK, tools=CHAT) as stream:
        streamed = stream.get_final_completion().choices[0]
    assert [call.function.name for call in streamed.message.tool_calls] == ["weather"]
    none_left = client.chat.completions.create(model="sim/agent", messages=ASK, tools=CHAT[:1]).choices[0]
    assert none_left.message.tool_calls is None and none_left.finish_reason == "stop"

    response = client.responses.create(model="sim/agent", input="weather?", tools=RESPONSES)
    assert [item.name for item in response.output if item.type == "function_call"] == ["weather"]
    with client.responses.stream(model="sim/agent", input="weather?", tools=RESPONSES) as stream:
        response = stream.get_final_response()
    assert [item.name for item in response.output if item.type == "function_call"] == ["weather"]

    message = claude.messages.create(model="sim/agent", max_tokens=256, messages=ASK, tools=MESSAGES)
    assert [block.name for block in message.content if block.type == "tool_use"] == ["weather"]
    with claude.messages.stream(model="sim/agent", max_tokens=256, messages=ASK, tools=MESSAGES) as stream:
        message = stream.get_final_message()
    assert [block.name for block in message.content if block.type == "tool_use"] == ["weather"]
    assert message.stop_reason == "tool_use"
    with claude.messages.stream(model="sim/agent", max_tokens=256, messages=ASK, tools=MESSAGES[:1]) as stream:
        message = stream.get_final_message()
    assert message.stop_reason == "end_turn"
    assert not [block for block in message.content if block.type == "tool_use"]


def test_an_answer_that_is_refused_raises_what_is_not_permitted(embedded):
    agent = agent_whose(embedded, denied="refuse")
    client, claude = agent.openai(), agent.anthropic()
    with pytest.raises(openai.PermissionDeniedError) as refused:
        client.chat.completions.create(model="sim/agent", messages=ASK, tools=CHAT)
    assert refused.value.code == "ACTION_DENIED"
    check = {"code": "POLICY_DENIED", "rules": ["nothing is deleted"], "tool": "delete_city"}
    assert refused.value.body["checks"] == [check]
    with pytest.raises(openai.APIError, match="nothing is deleted"):
        list(client.chat.completions.create(model="sim/agent", messages=ASK, tools=CHAT, stream=True))
    with pytest.raises(anthropic.PermissionDeniedError, match="delete_city"):
        claude.messages.create(model="sim/agent", max_tokens=256, messages=ASK, tools=MESSAGES)
    with pytest.raises(anthropic.APIError, match="nothing is deleted"):
        list(claude.messages.create(model="sim/agent", max_tokens=256, messages=ASK, tools=MESSAGES, stream=True))


def test_what_may_not_be_called_is_told_unless_a_profile_says_more(embedded):
    client = agent_whose(embedded).openai()
    raw = client.chat.completions.with_raw_response.create(model="sim/agent", messages=ASK, tools=CHAT)
    assert raw.headers["x-ironcage-tool-calls"] == "delete_city=POLICY_DENIED"
    calls = raw.parse().choices[0].message.tool_calls
    assert [call.function.name for call in calls] == NAMES
