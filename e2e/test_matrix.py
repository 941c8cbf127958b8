"""The same cells for each official SDK of a provider with a dialect of its own, counted to the token.

`test_openai.py`, `test_anthropic.py` and `test_google.py` walk through theirs at length; here stand cohere, boto3 and
mistralai, each against a fake that refuses what its provider refuses and keeps its own bills.
"""

import json
from dataclasses import dataclass, field

import boto3
import botocore.config
import botocore.exceptions
import cohere
import pytest
from cohere.core import ApiError
from mistralai.client import Mistral
from mistralai.client.errors import SDKError

from ironcage import EMAIL, PASSWORD, Encrypted, Fake, Server, eventually

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = ["weather", "tide"]
PER_MILLION = 1_000_000


def said(cell: str) -> list[str]:
    """What the user says. One text may have 10 000 characters: what is dear stands in several."""
    return ["Rain? " * 1_600] * 25 if cell == "dear" else ["Rain?"]


@dataclass
class Got:
    """An answer as its SDK tells it: tokens are input and output, as far as it says."""

    text: str = ""
    calls: list = field(default_factory=list)
    stop: str = ""
    tokens: tuple = ()


class Sdk:
    """What most have in common."""

    fields: dict = {}
    without_bound: tuple = ()
    tells_usage_of_streams = True


class Cohere(Sdk):
    kind, model, rates = "cohere", "command-a-03-2025", (2_500_000, 10_000_000)
    # The models that see have no price in the list.
    without_bound = ("vision",)
    cut, error, status = "MAX_TOKENS", ApiError, staticmethod(lambda error: error.status_code)

    def __init__(self, server, name, token, _):
        url = f"{server.url}/providers/{name}"
        self.client = cohere.ClientV2(api_key=token, base_url=url, timeout=60, max_retries=0)

    def options(self, cell):
        content = [{"type": "text", "text": text} for text in said(cell)]
        options = {"model": self.model}
        if cell == "vision":
            content.append({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}})
        if cell in ("tools", "parallel"):
            names = TOOLS if cell == "parallel" else TOOLS[:1]
            spec = {"description": "of a city", "parameters": CITY}
            options["tools"] = [{"type": "function", "function": {"name": name} | spec} for name in names]
        if cell == "structured":
            options["response_format"] = {"type": "json_object", "json_schema": CITY}
        if cell == "reasoning":
            options["thinking"] = {"type": "enabled", "token_budget": 64}
        if cell == "cut":
            options["max_tokens"] = 5
        return options | {"messages": [{"role": "user", "content": content}]}

    def ask(self, cell):
        answer = self.client.chat(**self.options(cell))
        used = answer.usage.billed_units
        text = "".join(part.text for part in answer.message.content or [] if part.type == "text")
        calls = [(call.function.name, call.function.arguments) for call in answer.message.tool_calls or []]
        return Got(text, calls, answer.finish_reason, (used.input_tokens, used.output_tokens))

    def stream(self, cell):
        return self.client.chat_stream(**self.options(cell))

    def assembled(self, events):
        got = Got()
        for event in events:
            if event.type == "content-delta":
                got.text += event.delta.message.content.text or ""
            if event.type == "message-end":
                used = event.delta.usage.billed_units
                got.stop, got.tokens = event.delta.finish_reason, (used.input_tokens, used.output_tokens)
        return got


class Mistralai(Sdk):
    # A tenant sets the price of a model on a server of its own, and nobody says what a picture counts there.
    without_bound = ("vision",)
    # Mistral tells it unasked, and its SDK does not ask a server that would have to be.
    tells_usage_of_streams = False
    kind, model, rates = "local", "mistral-small", (1_000_000, 3_000_000)
    cut, error, status = "length", SDKError, staticmethod(lambda error: error.status_code)

    def __init__(self, server, _, token, __):
        server.iron("models", "price", self.model, "--type", "local", "--input", "1", "--output", "3")
        self.client = Mistral(api_key=token, server_url=server.url, timeout_ms=60_000)

    def options(self, cell):
        content = [{"type": "text", "text": text} for text in said(cell)]
        options = {"model": self.model, "max_tokens": 5 if cell == "cut" else 50}
        if cell == "vision":
            content.append({"type": "image_url", "image_url": f"data:image/png;base64,{PIXEL}"})
        if cell in ("tools", "parallel"):
            names = TOOLS if cell == "parallel" else TOOLS[:1]
            options["tools"] = [{"type": "function", "function": {"name": name, "parameters": CITY}} for name in names]
            options["parallel_tool_calls"] = cell == "parallel"
        if cell == "structured":
            schema = {"name": "city", "schema": CITY, "strict": True}
            options["response_format"] = {"type": "json_schema", "json_schema": schema}
        if cell == "reasoning":
            options["reasoning_effort"] = "high"
        return options | {"messages": [{"role": "user", "content": content}]}

    def ask(self, cell):
        answer = self.client.chat.complete(**self.options(cell))
        [choice] = answer.choices
        calls = [(call.function.name, call.function.arguments) for call in choice.message.tool_calls or []]
        used = (answer.usage.prompt_tokens, answer.usage.completion_tokens)
        return Got(choice.message.content or "", calls, choice.finish_reason, used)

    def stream(self, cell):
        return self.client.chat.stream(**self.options(cell))

    def assembled(self, events):
        got = Got()
        for event in events:
            for choice in event.data.choices:
                got.text += choice.delta.content or ""
                got.stop = choice.finish_reason or got.stop
            if event.data.usage:
                got.tokens = (event.data.usage.prompt_tokens, event.data.usage.completion_tokens)
        return got


class Boto3(Sdk):
    kind, model, rates = "aws_bedrock", "eu.anthropic.claude-haiku-4-5-20251001-v1:0", (1_100_000, 5_500_000)
    cut, error = "max_tokens", botocore.exceptions.ClientError
    fields = {"config": {"region": "eu-central-1"}}

    def __init__(self, server, name, token, monkeypatch):
        # botocore sends a bearer token over TLS alone.
        monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", token)
        config = botocore.config.Config(retries={"total_max_attempts": 1})
        options = {"region_name": "eu-central-1", "config": config, "verify": str(server.encrypted.certificate)}
        url = f"{server.encrypted.url}/providers/{name}"
        self.client = boto3.client("bedrock-runtime", endpoint_url=url, **options)

    @staticmethod
    def status(error):
        return error.response["ResponseMetadata"]["HTTPStatusCode"]


class Converse(Boto3):
    def options(self, cell):
        content = [{"text": text} for text in said(cell)]
        options = {"modelId": self.model, "inferenceConfig": {"maxTokens": 5 if cell == "cut" else 2000}}
        if cell == "vision":
            content.append({"image": {"format": "png", "source": {"bytes": b"\x89PNG"}}})
        if cell in ("tools", "parallel"):
            names = TOOLS if cell == "parallel" else TOOLS[:1]
            spec = {"description": "of a city", "inputSchema": {"json": CITY}}
            options["toolConfig"] = {"tools": [{"toolSpec": {"name": name} | spec} for name in names]}
        if cell == "structured":
            schema = {"jsonSchema": {"schema": json.dumps(CITY), "name": "city"}}
            options["outputConfig"] = {"textFormat": {"type": "json_schema", "structure": schema}}
        if cell == "reasoning":
            thinking = {"type": "enabled", "budget_tokens": 1024}
            options["additionalModelRequestFields"] = {"thinking": thinking}
        return options | {"messages": [{"role": "user", "content": content}]}

    def ask(self, cell):
        answer = self.client.converse(**self.options(cell))
        content = answer["output"]["message"]["content"]
        calls = [block["toolUse"] for block in content if "toolUse" in block]
        calls = [(call["name"], json.dumps(call["input"])) for call in calls]
        text = "".join(block.get("text", "") for block in content)
        used = (answer["usage"]["inputTokens"], answer["usage"]["outputTokens"])
        return Got(text, calls, answer["stopReason"], used)

    def stream(self, cell):
        return self.client.converse_stream(**self.options(cell))["stream"]

    def assembled(self, events):
        got = Got()
        for event in events:
            got.text += event.get("contentBlockDelta", {}).get("delta", {}).get("text", "")
            got.stop = event.get("messageStop", {}).get("stopReason", got.stop)
            if used := event.get("metadata", {}).get("usage"):
                got.tokens = (used["inputTokens"], used["outputTokens"])
        return got


class Invoke(Boto3):
    def options(self, cell):
        content = [{"type": "text", "text": text} for text in said(cell)]
        body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 5 if cell == "cut" else 2000}
        if cell == "vision":
            source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
            content.append({"type": "image", "source": source})
        if cell in ("tools", "parallel"):
            names = TOOLS if cell == "parallel" else TOOLS[:1]
            body["tools"] = [{"name": name, "input_schema": CITY} for name in names]
        if cell == "structured":
            body["output_config"] = {"format": {"type": "json_schema", "schema": CITY}}
        if cell == "reasoning":
            body["thinking"] = {"type": "enabled", "budget_tokens": 1024}
        body["messages"] = [{"role": "user", "content": content}]
        return {"modelId": self.model, "body": json.dumps(body)}

    def ask(self, cell):
        answer = json.loads(self.client.invoke_model(**self.options(cell))["body"].read())
        calls = [block for block in answer["content"] if block["type"] == "tool_use"]
        calls = [(call["name"], json.dumps(call["input"])) for call in calls]
        text = "".join(block.get("text", "") for block in answer["content"])
        used = (answer["usage"]["input_tokens"], answer["usage"]["output_tokens"])
        return Got(text, calls, answer["stop_reason"], used)

    def stream(self, cell):
        return self.client.invoke_model_with_response_stream(**self.options(cell))["body"]

    def assembled(self, events):
        got, input_tokens = Got(), 0
        for event in events:
            event = json.loads(event["chunk"]["bytes"])
            got.text += event.get("delta", {}).get("text", "")
            if event["type"] == "message_start":
                input_tokens = event["message"]["usage"]["input_tokens"]
            if event["type"] == "message_delta":
                got.stop = event["delta"]["stop_reason"]
                got.tokens = (input_tokens, event["usage"]["output_tokens"])
        return got


@dataclass
class World:
    """An SDK, the agent that it speaks for, and the fake behind it."""

    sdk: object
    fake: Fake
    agent: object
    server: Server

    def is_billed(self, got: Got | None = None) -> None:
        """The ledger shows what the fake has billed, and the SDK was told the same tokens."""
        bills = self.fake.bills()
        if got is not None:
            last = bills["bills"][-1]
            assert got.tokens == (last["input"], last["output"])
        assert bills["nanos"] > 0
        # The bill of a call, in nano-dollars, as the price list has it.
        priced = sum(bill["input"] * self.sdk.rates[0] + bill["output"] * self.sdk.rates[1] for bill in bills["bills"])
        assert bills["nanos"] * 1000 == pytest.approx(priced, abs=1000 * len(bills["bills"]))
        self.agent.settles_at(bills["nanos"])


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("matrix")
    with Server(folder) as running:
        running.iron("login", "--email", EMAIL, "--password-stdin", stdin=PASSWORD)
        running.encrypted = Encrypted(folder, running)
        yield running
        running.encrypted.close()


@pytest.fixture(params=[Cohere, Mistralai, Converse, Invoke], ids=lambda sdk: sdk.__name__.lower())
def world(request, server, monkeypatch):
    kind = request.param
    shape = {"local": "openai"}.get(kind.kind, kind.kind)
    with Fake(shape) as fake:
        provider = server.provider(kind.kind, api_key=fake.key, base_url=fake.base_url, **kind.fields)
        name = server.api("GET", f"/providers/{provider}")["name"]
        agent = server.agent(provider)
        fake.price(input=kind.rates[0], cached=kind.rates[0], output=kind.rates[1])
        yield World(kind(server, name, agent.token, monkeypatch), fake, agent, server)


def test_an_answer_costs_its_tokens(world):
    got = world.sdk.ask("plain")
    assert got.text.startswith("w0 w1") and got.stop
    world.is_billed(got)


def test_a_stream_is_the_same_answer_in_pieces(world):
    whole = world.sdk.ask("plain")
    pieces = list(world.sdk.stream("plain"))
    assert len(pieces) > 5
    got = world.sdk.assembled(pieces)
    assert (got.text, got.stop) == (whole.text, whole.stop)
    assert got.tokens == (whole.tokens if world.sdk.tells_usage_of_streams else ())
    world.is_billed(got if got.tokens else None)


@pytest.mark.parametrize("cell", ["tools", "parallel"])
def test_tools_are_called(world, cell):
    arguments = '{"city": "Oslo", "height": 12345678901234567890}'
    world.fake.behave(answer={"tool_calls": {"arguments": arguments}})
    got = world.sdk.ask(cell)
    assert [name for name, _ in got.calls] == (TOOLS if cell == "parallel" else TOOLS[:1])
    assert all(json.loads(told) == json.loads(arguments) for _, told in got.calls)
    world.is_billed(got)


@pytest.mark.parametrize("cell", ["vision", "structured", "reasoning"])
def test_what_models_can_do_reaches_them(world, cell):
    if cell in world.sdk.without_bound:
        with pytest.raises(world.sdk.error, match="no upper bound"):
            world.sdk.ask(cell)
        return
    got = world.sdk.ask(cell)
    assert got.text
    [request] = world.fake.requests()
    said = {"vision": ("image",), "structured": ("schema",), "reasoning": ("thinking", "reasoning")}[cell]
    assert any(word in request["body"] for word in said), request["body"]
    assert world.agent.token not in str(request)
    bills = world.fake.bills()
    assert got.tokens == (bills["bills"][-1]["input"], bills["bills"][-1]["output"])
    eventually(lambda: world.agent.spent_micros() > 0)


def test_an_answer_that_is_cut_says_so(world):
    world.fake.behave(output_tokens=40)
    got = world.sdk.ask("cut")
    assert (got.stop, got.tokens[1]) == (world.sdk.cut, 5)
    world.is_billed(got)
    assert world.sdk.assembled(world.sdk.stream("cut")).stop == world.sdk.cut
    assert world.fake.bills()["bills"][-1]["output"] == 5
    world.is_billed()


@pytest.mark.parametrize("status", [400, 404, 429])
def test_errors_of_the_provider_keep_their_class_and_cost_nothing(world, status):
    world.fake.behave(fault={"status": {"status": status, "retry_after": None}})
    for ask in (world.sdk.ask, lambda cell: list(world.sdk.stream(cell))):
        with pytest.raises(world.sdk.error) as refused:
            ask("plain")
        assert world.sdk.status(refused.value) == status
    assert world.agent.spent_micros() == 0


def test_our_refusals_are_errors_of_the_sdk(world):
    world.server.api("PUT", f"/limits/agents/{world.agent.id}/budget", {"budget": 0.01})
    with pytest.raises(world.sdk.error) as refused:
        world.sdk.ask("dear")
    assert world.sdk.status(refused.value) == 429
    assert "budget" in str(refused.value)
    assert world.fake.requests() == []


def test_a_client_that_leaves_pays_for_what_was_billed(world):
    world.fake.behave(output_tokens=60, piece_delay_ms=5)
    events = world.sdk.stream("plain")
    for _, _ in zip(range(3), events):
        pass
    if hasattr(events, "close"):
        events.close()
    else:
        events.response.close()
    eventually(lambda: world.fake.bills()["bills"] and world.fake.bills()["bills"][-1]["completed"])
    world.is_billed()
