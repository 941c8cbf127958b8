"""Guardrails as official SDKs see them: refusals with their reason, and answers that still parse."""

import json
import time

import anthropic
import boto3
import botocore.config
import botocore.exceptions
import cohere
import openai
import pytest
from cohere.core import ApiError
from google import genai
from google.genai import errors, types

from ironcage import Encrypted, Fake, Server, eventually

PROFILE = {
    "name": "house",
    "is_default": True,
    "redaction": "plain",
    "custom_patterns": [
        {"name": "launch", "pattern": "launch code [0-9]+", "action": "block"},
        {"name": "employee", "pattern": "EMP-[0-9]{6}", "action": "redact"},
    ],
}
FORBIDDEN = "tell me of launch code 4711"
SAID, SEEN = ["ask EM", "P-123", "456 now", ", not EMP-1"], "ask [REDACTED] now, not EMP-1"
TO = {"type": "object", "properties": {"to": {"type": "string"}}, "required": ["to"]}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("guardrails")
    with Server(folder) as running:
        running.api("POST", "/guardrail-profiles", PROFILE)
        running.encrypted = Encrypted(folder, running)
        yield running
        running.encrypted.close()


class Desk:
    """An agent before a fake provider."""

    def __init__(self, server: Server, fake: Fake, kind: str, **fields):
        provider = server.provider(kind, api_key=fake.key, base_url=fake.base_url, **fields)
        name = server.api("GET", f"/providers/{provider}")["name"]
        self.server, self.fake, self.agent = server, fake, server.agent(provider)
        self.url = f"{server.url}/providers/{name}"
        self.encrypted_url = f"{server.encrypted.url}/providers/{name}"

    def says(self, *pieces: str) -> None:
        self.fake.behave(answer={"pieces": list(pieces)})

    def calls(self, **arguments) -> None:
        self.fake.behave(answer={"tool_calls": {"arguments": json.dumps(arguments)}})


@pytest.fixture
def desk_of(server):
    fakes = []

    def made(kind: str, **fields) -> Desk:
        fakes.append(Fake(kind))
        return Desk(server, fakes[-1], kind, **fields)

    yield made
    for fake in fakes:
        fake.__exit__()


def tells_why(error, desk: Desk) -> None:
    """The reason is told, the text is not, and nothing was asked of the provider."""
    assert "custom.launch" in str(error) and "4711" not in str(error)
    assert desk.fake.requests() == []


def test_openai(desk_of):
    desk = desk_of("openai")
    chat = desk.agent.openai().chat.completions
    asked = {"model": "gpt-4o-mini", "max_tokens": 50, "messages": [{"role": "user", "content": "who?"}]}
    with pytest.raises(openai.PermissionDeniedError) as refused:
        chat.create(**asked | {"messages": [{"role": "user", "content": FORBIDDEN}]})
    tells_why(refused.value, desk)

    desk.says(*SAID)
    assert chat.create(**asked).choices[0].message.content == SEEN
    chunks = list(chat.create(**asked, stream=True, stream_options={"include_usage": True}))
    choices = [choice for chunk in chunks for choice in chunk.choices]
    assert "".join(choice.delta.content or "" for choice in choices) == SEEN
    assert choices[-1].finish_reason and chunks[-1].usage.completion_tokens > 0

    tools = {"tools": [{"type": "function", "function": {"name": "send", "parameters": TO}}]}
    desk.calls(to="EMP-123456")
    with desk.agent.openai().chat.completions.stream(**asked, **tools) as stream:
        [call] = stream.get_final_completion().choices[0].message.tool_calls
    assert json.loads(call.function.arguments) == {"to": "[REDACTED]"}
    desk.calls(to="launch code 4711")
    with pytest.raises(openai.PermissionDeniedError):
        chat.create(**asked, **tools)
    with pytest.raises(openai.APIError) as stopped:
        for chunk in chat.create(**asked, **tools, stream=True):
            assert "4711" not in str(chunk)
    assert "4711" not in str(stopped.value)


def test_responses(desk_of):
    desk = desk_of("openai")
    responses = desk.agent.openai().responses
    asked = {"model": "gpt-4o-mini", "max_output_tokens": 50, "input": "who?"}
    with pytest.raises(openai.PermissionDeniedError) as refused:
        responses.create(**asked | {"input": FORBIDDEN})
    tells_why(refused.value, desk)
    desk.says(*SAID)
    with responses.stream(**asked) as stream:
        final = stream.get_final_response()
    assert final.output_text == SEEN and final.usage.output_tokens > 0


def test_anthropic(desk_of):
    desk = desk_of("anthropic")
    messages = desk.agent.anthropic().messages
    asked = {"model": "claude-haiku-4-5", "max_tokens": 50, "messages": [{"role": "user", "content": "who?"}]}
    with pytest.raises(anthropic.PermissionDeniedError) as refused:
        messages.create(**asked | {"messages": [{"role": "user", "content": FORBIDDEN}]})
    tells_why(refused.value, desk)

    desk.says(*SAID)
    with messages.stream(**asked) as stream:
        final = stream.get_final_message()
    assert "".join(block.text for block in final.content) == SEEN
    assert final.stop_reason and final.usage.output_tokens > 0

    tools = {"tools": [{"name": "send", "input_schema": TO}]}
    desk.calls(to="EMP-123456")
    with messages.stream(**asked, **tools) as stream:
        [call] = [block for block in stream.get_final_message().content if block.type == "tool_use"]
    assert call.input == {"to": "[REDACTED]"}
    desk.calls(to="launch code 4711")
    with pytest.raises(anthropic.APIError):
        with messages.stream(**asked, **tools) as stream:
            for event in stream:
                assert "4711" not in str(event)


def test_google(desk_of):
    desk = desk_of("google")
    client = genai.Client(api_key=desk.agent.token, http_options={"base_url": desk.url})
    asked = {"model": "gemini-2.5-flash", "contents": "who?"}
    with pytest.raises(errors.ClientError) as refused:
        client.models.generate_content(**asked | {"contents": FORBIDDEN})
    assert refused.value.code == 403 and refused.value.status == "PERMISSION_DENIED"
    tells_why(refused.value, desk)
    with pytest.raises(errors.ClientError) as refused:
        client.models.count_tokens(model=asked["model"], contents=FORBIDDEN)
    tells_why(refused.value, desk)

    desk.says(*SAID)
    config = types.GenerateContentConfig(max_output_tokens=50)
    pieces = list(client.models.generate_content_stream(**asked, config=config))
    assert "".join(piece.text or "" for piece in pieces) == SEEN
    assert pieces[-1].usage_metadata.total_token_count > 0 and pieces[-1].candidates[0].finish_reason

    send = {"name": "send", "parameters": {"type": "OBJECT", "properties": {"to": {"type": "STRING"}}}}
    config = types.GenerateContentConfig(tools=[{"function_declarations": [send]}], max_output_tokens=50)
    desk.calls(to="EMP-123456")
    [call] = client.models.generate_content(**asked, config=config).function_calls
    assert call.args == {"to": "[REDACTED]"}
    desk.calls(to="launch code 4711")
    with pytest.raises(errors.APIError):
        client.models.generate_content(**asked, config=config)


def test_cohere(desk_of):
    desk = desk_of("cohere")
    client = cohere.ClientV2(api_key=desk.agent.token, base_url=desk.url, timeout=60, max_retries=0)
    asked = {"model": "command-a-03-2025", "max_tokens": 50, "messages": [{"role": "user", "content": "who?"}]}
    with pytest.raises(ApiError) as refused:
        client.chat(**asked | {"messages": [{"role": "user", "content": FORBIDDEN}]})
    assert refused.value.status_code == 403
    tells_why(refused.value, desk)

    desk.says(*SAID)
    events = list(client.chat_stream(**asked))
    deltas = [event.delta.message.content.text for event in events if event.type == "content-delta"]
    assert "".join(deltas) == SEEN
    assert events[-1].type == "message-end" and events[-1].delta.usage.tokens.output_tokens > 0

    tools = [{"type": "function", "function": {"name": "send", "parameters": TO}}]
    desk.calls(to="EMP-123456")
    events = client.chat_stream(**asked, tools=tools)
    deltas = [event.delta.message.tool_calls for event in events if event.type in ("tool-call-start", "tool-call-delta")]
    arguments = "".join(call.function.arguments or "" for call in deltas if call and call.function)
    assert json.loads(arguments) == {"to": "[REDACTED]"}


def test_boto3(desk_of, monkeypatch):
    desk = desk_of("aws_bedrock", config={"region": "eu-central-1"})
    # botocore sends a bearer token over TLS alone.
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", desk.agent.token)
    config = botocore.config.Config(retries={"total_max_attempts": 1})
    options = {"region_name": "eu-central-1", "config": config, "endpoint_url": desk.encrypted_url}
    client = boto3.client("bedrock-runtime", verify=str(desk.server.encrypted.certificate), **options)
    asked = {"modelId": "eu.anthropic.claude-haiku-4-5-20251001-v1:0", "inferenceConfig": {"maxTokens": 50}}
    user = lambda text: [{"role": "user", "content": [{"text": text}]}]  # noqa: E731
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        client.converse(**asked, messages=user(FORBIDDEN))
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"
    tells_why(refused.value, desk)

    desk.says(*SAID)
    events = list(client.converse_stream(**asked, messages=user("who?"))["stream"])
    deltas = [event["contentBlockDelta"]["delta"].get("text", "") for event in events if "contentBlockDelta" in event]
    assert "".join(deltas) == SEEN
    assert any(event.get("metadata", {}).get("usage", {}).get("outputTokens") for event in events)


def test_what_was_blocked_is_told_once_a_minute(embedded, fake_openai):
    embedded.api("POST", "/guardrail-profiles", PROFILE)
    channel = {"name": "hook", "kind": "webhook", "url": "https://127.0.0.1:9/", "events": ["safety.violation"]}
    channel = embedded.api("POST", "/notification-channels", channel)
    provider = embedded.provider("openai", api_key=fake_openai.key, base_url=fake_openai.base_url)
    completions = embedded.agent(provider).openai().chat.completions
    for _ in range(3):
        with pytest.raises(openai.PermissionDeniedError):
            ask = [{"role": "user", "content": FORBIDDEN}]
            completions.create(model="gpt-4o-mini", max_tokens=9, messages=ask)
    path = f"/notification-channels/{channel['id']}/deliveries"
    eventually(lambda: embedded.api("GET", path)["data"])
    [told] = embedded.api("GET", path)["data"]
    assert told["event"] == "safety.violation"


def test_what_waits_longer_than_the_profile_lets_it_leaves(embedded, fake_openai):
    embedded.api("POST", "/guardrail-profiles", PROFILE | {"max_hold_ms": 100})
    provider = embedded.provider("openai", api_key=fake_openai.key, base_url=fake_openai.base_url)
    completions = embedded.agent(provider).openai().chat.completions
    fake_openai.behave(answer={"pieces": ["ask EMP-12", "3456 now"]}, piece_delay_ms=1_500)
    asked = {"model": "gpt-4o-mini", "max_tokens": 50, "messages": [{"role": "user", "content": "who?"}]}
    said = []
    for chunk in completions.create(**asked, stream=True):
        for choice in chunk.choices:
            said.append((choice.delta.content or "", time.monotonic()))
    assert "".join(text for text, _ in said) == "ask EMP-12[REDACTED] now"
    first, second = (at for text, at in said if text)
    assert second - first > 0.7
