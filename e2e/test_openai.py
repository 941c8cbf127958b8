"""The official OpenAI SDK against every surface, on the simulated provider."""

import base64
import json

import openai
import pytest

from ironcage import eventually

PIXEL = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "the weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def ask(text="Say something short."):
    return [{"role": "user", "content": text}]


def test_a_chat_answers_costs_and_is_counted(server):
    agent = server.simulated_agent()
    raw = agent.openai().chat.completions.with_raw_response.create(model="sim/chat", messages=ask())
    answer = raw.parse()
    assert answer.choices[0].message.content
    assert answer.usage.completion_tokens > 0
    assert raw.headers["x-request-id"].startswith("req_")
    cost = int(raw.headers["x-ironcage-cost-micros"])
    assert cost >= 0
    assert "x-ironcage-budget-remaining" in raw.headers
    agent.settles_at(cost * 1000)
    eventually(lambda: server.api("GET", f"/agents/{agent.id}/status")["requests"]["total"] == 1)


def test_a_stream_arrives_in_pieces_and_ends_with_usage_if_asked(server):
    client = server.simulated_agent().openai()
    chunks = list(
        client.chat.completions.create(
            model="sim/chat", messages=ask(), stream=True, stream_options={"include_usage": True}
        )
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text
    assert len(chunks) > 3
    assert chunks[-1].choices == [] and chunks[-1].usage.total_tokens > 0
    bare = list(client.chat.completions.create(model="sim/chat", messages=ask(), stream=True))
    assert all(chunk.usage is None for chunk in bare), "usage that nobody asked for must not be shown"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in bare if chunk.choices) == text


def test_tools_are_called_and_their_results_understood(embedded):
    client = embedded.simulated_agent().openai()
    first = client.chat.completions.create(model="sim/agent", messages=ask("weather in Oslo?"), tools=[WEATHER])
    assert first.choices[0].finish_reason == "tool_calls"
    call = first.choices[0].message.tool_calls[0]
    assert call.function.name == "weather"
    assert isinstance(json.loads(call.function.arguments), dict)
    messages = ask("weather in Oslo?") + [
        first.choices[0].message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": "rain"},
    ]
    second = client.chat.completions.create(model="sim/agent", messages=messages, tools=[WEATHER])
    assert second.choices[0].finish_reason == "stop"
    assert second.choices[0].message.content


def test_streamed_tool_calls_join_to_the_same_arguments(embedded):
    client = embedded.simulated_agent().openai()
    with client.chat.completions.stream(
        model="sim/agent", messages=ask("weather in Oslo?"), tools=[WEATHER]
    ) as stream:
        final = stream.get_final_completion()
    call = final.choices[0].message.tool_calls[0]
    assert call.function.name == "weather" and isinstance(json.loads(call.function.arguments), dict)


def test_an_image_may_be_sent(embedded):
    client = embedded.simulated_agent().openai()
    content = [{"type": "text", "text": "what is this?"}, {"type": "image_url", "image_url": {"url": PIXEL}}]
    answer = client.chat.completions.create(model="sim/chat", messages=[{"role": "user", "content": content}])
    assert answer.choices[0].message.content


def test_a_schema_is_kept(embedded):
    client = embedded.simulated_agent().openai()
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}, "degrees": {"type": "integer"}},
        "required": ["city", "degrees"],
        "additionalProperties": False,
    }
    answer = client.chat.completions.create(
        model="sim/chat",
        messages=ask(),
        response_format={"type": "json_schema", "json_schema": {"name": "report", "strict": True, "schema": schema}},
    )
    report = json.loads(answer.choices[0].message.content)
    assert isinstance(report["city"], str) and isinstance(report["degrees"], int)


def test_embeddings_have_one_vector_for_each_text(embedded):
    client = embedded.simulated_agent().openai()
    answer = client.embeddings.create(model="sim/embed", input=["one", "two"])
    assert [item.index for item in answer.data] == [0, 1]
    assert answer.data[0].embedding != answer.data[1].embedding
    assert answer.usage.total_tokens > 0


def test_completions_answer_whole_and_streamed(embedded):
    client = embedded.simulated_agent().openai()
    whole = client.completions.create(model="sim/chat", prompt="Once upon a time", max_tokens=20)
    pieces = client.completions.create(model="sim/chat", prompt="Once upon a time", max_tokens=20, stream=True)
    assert "".join(piece.choices[0].text for piece in pieces if piece.choices) == whole.choices[0].text


def test_responses_are_created_streamed_fetched_and_deleted(embedded):
    client = embedded.simulated_agent().openai()
    created = client.responses.create(model="sim/chat", input="Say something short.")
    assert created.output_text
    assert created.usage.output_tokens > 0
    kinds = [event.type for event in client.responses.create(model="sim/chat", input="Hi", stream=True)]
    assert kinds[0] == "response.created" and kinds[-1] == "response.completed"
    assert client.responses.retrieve(created.id).output_text == created.output_text
    stranger = embedded.simulated_agent().openai()
    with pytest.raises(openai.NotFoundError):
        stranger.responses.retrieve(created.id)
    client.responses.delete(created.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(created.id)


def test_the_models_are_listed(embedded):
    names = [model.id for model in embedded.simulated_agent().openai().models.list()]
    assert "sim/chat" in names and "sim/embed" in names


def test_errors_raise_the_classes_that_programs_catch(server):
    agent = server.simulated_agent()
    client = agent.openai()
    stranger = openai.OpenAI(api_key="ic_" + "A" * 32, base_url=f"{server.url}/v1", max_retries=0)
    with pytest.raises(openai.AuthenticationError) as refused:
        stranger.chat.completions.create(model="sim/chat", messages=ask())
    assert refused.value.code == "INVALID_TOKEN"
    with pytest.raises((openai.NotFoundError, openai.BadRequestError)):
        client.chat.completions.create(model="no-such-model", messages=ask())
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="sim/chat", messages=ask(), max_tokens=-1)
    with pytest.raises(openai.RateLimitError):
        client.chat.completions.create(model="sim/fail-429", messages=ask())
    with pytest.raises(openai.InternalServerError):
        client.chat.completions.create(model="sim/fail-500", messages=ask())


@pytest.mark.parametrize("model", ["sim/cut", "sim/overloaded-in-stream"])
def test_a_stream_that_breaks_is_an_error_not_an_end(embedded, model):
    agent = embedded.simulated_agent()
    with pytest.raises(openai.APIError):
        for _ in agent.openai().chat.completions.create(model=model, messages=ask(), stream=True):
            pass
    assert agent.spent_micros() >= 0


def test_an_agent_without_leave_is_refused(embedded):
    agent = embedded.simulated_agent(settings={"allowed_models": ["sim/embed"]})
    with pytest.raises(openai.PermissionDeniedError) as refused:
        agent.openai().chat.completions.create(model="sim/chat", messages=ask())
    assert refused.value.code == "ACTION_DENIED"
    embedded.api("POST", f"/agents/{agent.id}/pause", {})
    with pytest.raises(openai.APIStatusError) as paused:
        agent.openai().embeddings.create(model="sim/embed", input="x")
    assert paused.value.status_code in (403, 409)


def test_a_user_token_opens_no_model(embedded):
    token = embedded.api("POST", "/api-tokens", {"name": "program"})["token"]
    client = openai.OpenAI(api_key=token, base_url=f"{embedded.url}/v1", max_retries=0)
    with pytest.raises(openai.PermissionDeniedError) as refused:
        client.chat.completions.create(model="sim/chat", messages=ask())
    assert refused.value.code == "WRONG_TOKEN_TYPE"


def test_speech_and_transcripts_cost_what_they_are_billed(server, fake_openai):
    """By the character and by the second: the fake counts each as one unit of input."""
    agent = server.agent(fake_openai.provider(server, "openai"))
    client = agent.openai()
    spoken = client.audio.speech.create(model="tts-1", voice="alloy", input="Hello there.")
    assert spoken.content.startswith(b"ID3")
    header = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0" + (8000).to_bytes(4, "little")
    header += (16000).to_bytes(4, "little") + b"\x02\0\x10\0data\0\0\0\0"
    recording = ("a.wav", header + bytes(3 * 16000), "audio/wav")
    heard = client.audio.transcriptions.create(model="whisper-1", file=recording)
    assert heard.text == "w0 w1"
    with pytest.raises(openai.BadRequestError, match="WAV or MP3"):
        client.audio.transcriptions.create(model="whisper-1", file=("a.ogg", b"OggS", "audio/ogg"))
    # Twelve characters at $15 and three seconds at $100 for a million.
    agent.settles_at(12 * 15_000 + 3 * 100_000)


def test_pictures_are_made_and_changed_for_their_tokens(server, fake_openai):
    """The fake bills OpenAI's own tables: 272 tokens for a square of low quality, 1056 for one of medium."""
    agent = server.agent(fake_openai.provider(server, "openai"))
    client = agent.openai()
    asked = {"model": "gpt-image-1-mini", "size": "1024x1024"}
    made = client.images.generate(prompt="a bird on a wire", quality="low", n=2, **asked)
    assert len(made.data) == 2 and made.usage.output_tokens == 2 * 272
    picture = ("bird.png", base64.b64decode(made.data[0].b64_json), "image/png")
    changed = client.images.edit(image=[picture, picture], prompt="two birds", quality="medium", **asked)
    assert changed.usage.input_tokens_details.image_tokens == 2 * 1120
    events = list(
        client.images.generate(prompt="a bird", quality="low", stream=True, partial_images=1, **asked)
    )
    assert [event.type for event in events] == ["image_generation.partial_image", "image_generation.completed"]
    with pytest.raises(openai.BadRequestError, match="gpt-image-1.5"):
        client.images.generate(model="gpt-image-1.5", prompt="a bird")
    # $2 for a million tokens of words, $2.50 of pictures that are sent and $8 of those that are made.
    words = [made.usage, changed.usage, events[-1].usage]
    words = sum(usage.input_tokens_details.text_tokens for usage in words)
    output = 2 * 272 + 1056 + 272 + 100
    agent.settles_at(words * 2_000 + 2 * 1120 * 2_500 + output * 8_000)
