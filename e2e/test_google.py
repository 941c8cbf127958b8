"""Google's own SDK through us, by another base URL, against a fake of the Gemini API."""

import openai
import pytest
from google import genai
from google.genai import errors, types

from ironcage import EMAIL, PASSWORD, eventually

MODEL = "gemini-2.5-flash"


@pytest.fixture
def google(server, fake_google):
    provider = server.provider("google", api_key=fake_google.key, base_url=fake_google.base_url)
    name = server.api("GET", f"/providers/{provider}")["name"]
    agent = server.agent(provider)
    options = {"base_url": f"{server.url}/providers/{name}"}
    return agent, genai.Client(api_key=agent.token, http_options=options)


def test_an_answer_whole_and_streamed_costs_what_it_is_billed(google, fake_google):
    agent, client = google
    whole = client.models.generate_content(model=MODEL, contents="Rain?")
    assert whole.text.startswith("w0 w1")
    assert whole.usage_metadata.total_token_count > 0
    config = types.GenerateContentConfig(
        system_instruction="be brief",
        max_output_tokens=20,
        temperature=0.2,
        thinking_config=types.ThinkingConfig(thinking_budget=0),
    )
    pieces = list(client.models.generate_content_stream(model=MODEL, contents="Rain?", config=config))
    assert len(pieces) > 3
    assert "".join(piece.text or "" for piece in pieces).startswith("w0 w1")
    eventually(lambda: agent.spent_micros() > 0)
    requests = fake_google.requests()
    assert all(agent.token not in str(request) for request in requests)
    assert '"maxOutputTokens"' in requests[0]["body"]


def test_tools_are_called_and_their_results_understood(google, fake_google):
    _, client = google
    weather = {"name": "weather", "parameters": {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}}}
    config = types.GenerateContentConfig(tools=[{"function_declarations": [weather]}])
    fake_google.behave(once=True, answer={"tool_calls": {"arguments": '{"city": "Oslo"}'}})
    asked = types.Content(role="user", parts=[types.Part(text="Rain in Oslo?")])
    first = client.models.generate_content(model=MODEL, contents=[asked], config=config)
    [call] = first.function_calls
    assert (call.name, call.args) == ("weather", {"city": "Oslo"})
    result = types.Part.from_function_response(name="weather", response={"result": "rain"})
    contents = [asked, first.candidates[0].content, types.Content(role="user", parts=[result])]
    second = client.models.generate_content(model=MODEL, contents=contents, config=config)
    assert second.text


def test_models_are_listed_and_tokens_counted_for_nothing(google):
    agent, client = google
    assert client.models.get(model=MODEL).name == f"models/{MODEL}"
    assert client.models.count_tokens(model=MODEL, contents="Rain?").total_tokens > 0
    assert agent.spent_micros() == 0


def test_refusals_are_googles_own_errors(google, server):
    agent, client = google
    with pytest.raises(errors.ClientError) as refused:
        client.models.generate_content(model="gemini-0", contents="Hi")
    assert refused.value.code == 400 and refused.value.status == "INVALID_ARGUMENT"
    with pytest.raises(errors.ClientError) as refused:
        hosted = types.GenerateContentConfig(tools=[types.Tool(google_search=types.GoogleSearch())])
        client.models.generate_content(model=MODEL, contents="Hi", config=hosted)
    assert "googleSearch" in str(refused.value) or "google_search" in str(refused.value)
    server.api("PUT", f"/limits/agents/{agent.id}/budget", {"budget": 0.01})
    with pytest.raises(errors.ClientError) as refused:
        client.models.generate_content(model=MODEL, contents=["Rain? " * 1_600] * 25)
    assert refused.value.code == 429 and refused.value.status == "RESOURCE_EXHAUSTED"


def test_a_route_that_is_not_known_has_the_price_that_is_set(server, fake_openai):
    provider = fake_openai.provider(server, "openai")
    name = server.api("GET", f"/providers/{provider}")["name"]
    agent = server.agent(provider)
    client = openai.OpenAI(api_key=agent.token, base_url=f"{server.url}/providers/{name}/v1", max_retries=0)
    assert client.models.list().data
    with pytest.raises(openai.BadRequestError, match="iron models price"):
        client.moderations.create(input="fine?")
    server.iron("login", "--email", EMAIL, "--password-stdin", stdin=PASSWORD)
    server.iron(
        "models", "price", "POST /v1/moderations", "--type", "openai",
        "--input", "0", "--output", "0", "--per-query", "0.0005",
    )
    eventually(lambda: client.moderations.create(input="fine?").results)
    agent.settles_at(500_000)
