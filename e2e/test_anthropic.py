"""The official Anthropic SDK against every surface, on the simulated provider and on fakes."""

import anthropic
import pytest

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
WEATHER = {
    "name": "weather",
    "description": "the weather of a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


def ask(text="Say something short."):
    return [{"role": "user", "content": text}]


def test_a_message_answers_and_is_counted(server):
    agent = server.simulated_agent()
    answer = agent.anthropic().messages.create(model="sim/chat", max_tokens=64, messages=ask())
    assert answer.content[0].text
    assert answer.usage.input_tokens > 0 and answer.usage.output_tokens > 0
    assert answer.stop_reason in ("end_turn", "max_tokens")


def test_a_stream_joins_to_a_message(server):
    client = server.simulated_agent().anthropic()
    with client.messages.stream(model="sim/chat", max_tokens=64, messages=ask()) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text and final.content[0].text == text
    assert final.usage.output_tokens > 0


def test_tools_are_called_and_their_results_understood(embedded):
    client = embedded.simulated_agent().anthropic()
    first = client.messages.create(model="sim/agent", max_tokens=256, messages=ask("weather in Oslo?"), tools=[WEATHER])
    assert first.stop_reason == "tool_use"
    call = next(block for block in first.content if block.type == "tool_use")
    assert call.name == "weather" and isinstance(call.input, dict)
    messages = ask("weather in Oslo?") + [
        {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in first.content]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "rain"}]},
    ]
    second = client.messages.create(model="sim/agent", max_tokens=256, messages=messages, tools=[WEATHER])
    assert second.stop_reason == "end_turn"


def test_an_image_may_be_sent(embedded):
    client = embedded.simulated_agent().anthropic()
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
    content = [image, {"type": "text", "text": "what is this?"}]
    answer = client.messages.create(
        model="sim/chat", max_tokens=64, messages=[{"role": "user", "content": content}]
    )
    assert answer.content[0].text


def test_tokens_are_counted_without_a_call(embedded):
    agent = embedded.simulated_agent()
    counted = agent.anthropic().messages.count_tokens(model="sim/chat", messages=ask())
    assert counted.input_tokens > 0
    assert agent.spent_micros() == 0


def test_errors_raise_the_classes_that_programs_catch(server):
    agent = server.simulated_agent()
    client = agent.anthropic()
    stranger = anthropic.Anthropic(api_key="ic_" + "A" * 32, base_url=server.url, max_retries=0)
    with pytest.raises(anthropic.AuthenticationError):
        stranger.messages.create(model="sim/chat", max_tokens=8, messages=ask())
    with pytest.raises((anthropic.NotFoundError, anthropic.BadRequestError)):
        client.messages.create(model="no-such-model", max_tokens=8, messages=ask())
    with pytest.raises(anthropic.RateLimitError):
        client.messages.create(model="sim/fail-429", max_tokens=8, messages=ask())
    with pytest.raises(anthropic.InternalServerError):
        client.messages.create(model="sim/fail-500", max_tokens=8, messages=ask())


def test_an_openai_program_may_use_an_anthropic_provider(embedded, fake_anthropic):
    agent = embedded.agent(fake_anthropic.provider(embedded, "anthropic"))
    answer = agent.openai().chat.completions.create(
        model="claude-sonnet-4-5",
        max_tokens=50,
        messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}],
    )
    assert answer.choices[0].message.content.startswith("w0 ")
    assert answer.usage.completion_tokens == 16
    [seen] = fake_anthropic.requests()
    assert seen["path"] == "/v1/messages" and '"system"' in seen["body"]
    assert dict(seen["headers"])["x-api-key"] == fake_anthropic.key
    streamed = agent.openai().chat.completions.create(
        model="claude-sonnet-4-5", max_tokens=50, messages=ask("Hello"), stream=True
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in streamed if chunk.choices)
    assert text == answer.choices[0].message.content


def test_an_anthropic_program_may_use_an_openai_provider(embedded, fake_openai):
    agent = embedded.agent(fake_openai.provider(embedded, "openai"))
    client = agent.anthropic()
    answer = client.messages.create(model="gpt-4o-mini", max_tokens=50, system="Be brief.", messages=ask("Hello"))
    assert answer.content[0].text.startswith("w0 ")
    assert answer.usage.output_tokens == 16
    with client.messages.stream(model="gpt-4o-mini", max_tokens=50, messages=ask("Hello")) as stream:
        assert "".join(stream.text_stream) == answer.content[0].text
    fake_openai.behave(answer={"tool_calls": {"arguments": '{"city":"Oslo"}'}})
    called = client.messages.create(model="gpt-4o-mini", max_tokens=50, messages=ask("rain?"), tools=[WEATHER])
    [block] = [block for block in called.content if block.type == "tool_use"]
    assert block.name == "weather" and block.input == {"city": "Oslo"}
