"""Files and batches with the official SDKs of OpenAI and Anthropic."""

import io
import json

import anthropic
import openai
import pytest

from ironcage import eventually

CHAT = "/v1/chat/completions"
# A batch is asked about for the first time after fifteen seconds.
SETTLED_WITHIN = 90


def lines(*names: str) -> bytes:
    body = {"model": "gpt-4o-mini", "max_tokens": 30, "messages": [{"role": "user", "content": "Hi there."}]}
    made = ({"custom_id": name, "method": "POST", "url": CHAT, "body": body} for name in names)
    return "\n".join(json.dumps(line) for line in made).encode()


def make(client: openai.OpenAI, *names: str):
    file = client.files.create(file=("in.jsonl", lines(*names)), purpose="batch")
    return client.batches.create(
        input_file_id=file.id, endpoint=CHAT, completion_window="24h", metadata={"night": "3"}
    )


def spent_nanos(server, agent) -> int:
    return server.api("GET", f"/limits/agents/{agent.id}/budget")["spent_micros"] * 1000


def settles(server, agent, fake) -> None:
    """Waits until what the provider has billed is what the agent has spent."""
    billed = fake.bills()["nanos"]
    assert billed > 0
    eventually(lambda: abs(spent_nanos(server, agent) - billed) <= 1000, SETTLED_WITHIN)


def test_files_of_openai_are_their_agents_own(server, fake_openai):
    provider = fake_openai.provider(server, "openai")
    client = server.agent(provider).openai()
    content = b"a line of text\n" * 20_000
    file = client.files.create(file=("notes.txt", io.BytesIO(content)), purpose="user_data")
    assert (file.filename, file.bytes, file.purpose) == ("notes.txt", len(content), "user_data")
    assert client.files.retrieve(file.id) == file
    assert client.files.content(file.id).read() == content
    second = client.files.create(file=("more.txt", b"more"), purpose="user_data")
    assert [one.id for one in client.files.list()] == [second.id, file.id]
    assert [one.id for one in client.files.list(limit=1)] == [second.id, file.id], "page by page"
    other = server.agent(provider).openai()
    assert list(other.files.list()) == []
    with pytest.raises(openai.NotFoundError):
        other.files.content(file.id)
    part = {"type": "file", "file": {"file_id": file.id}}
    ask = [{"role": "user", "content": [part]}]
    assert client.chat.completions.create(model="gpt-4o-mini", max_tokens=9, messages=ask).choices
    with pytest.raises(openai.NotFoundError):
        other.chat.completions.create(model="gpt-4o-mini", max_tokens=9, messages=ask)
    assert client.files.delete(file.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(file.id)
    assert [one.id for one in client.files.list()] == [second.id]


def test_files_of_anthropic_are_their_agents_own(server, fake_anthropic):
    provider = fake_anthropic.provider(server, "anthropic")
    client = server.agent(provider).anthropic()
    file = client.beta.files.upload(file=("notes.txt", b"a text", "text/plain"))
    assert client.beta.files.retrieve_metadata(file.id).filename == "notes.txt"
    second = client.files.upload(file=("more.txt", b"more", "text/plain"))
    assert [one.id for one in client.files.list(limit=1)] == [second.id, file.id], "page by page"
    with pytest.raises(anthropic.BadRequestError, match="not downloadable"):
        client.beta.files.download(file.id)
    other = server.agent(provider).anthropic()
    assert list(other.beta.files.list()) == []
    with pytest.raises(anthropic.NotFoundError):
        other.beta.files.retrieve_metadata(file.id)
    assert client.beta.files.delete(file.id).id == file.id


def test_a_batch_of_openai_is_held_and_settles_after_a_kill(server, fake_openai):
    fake_openai.price(input=75_000, cached=75_000, output=300_000)
    agent = server.agent(fake_openai.provider(server, "openai"))
    client = agent.openai()
    batch = make(client, "a", "b", "c")
    assert (batch.status, batch.metadata) == ("in_progress", {"night": "3"})
    assert [one.id for one in client.batches.list()] == [batch.id]
    budget = server.api("GET", f"/limits/agents/{agent.id}/budget")
    assert budget["spent_micros"] == 0
    server.kill()
    server.start()
    fake_openai.end_batches(output_tokens=12, failing=["b"], backwards=True)
    settles(server, agent, fake_openai)
    batch = client.batches.retrieve(batch.id)
    assert batch.status == "completed"
    results = client.files.content(batch.output_file_id).text.splitlines()
    assert [json.loads(line)["custom_id"] for line in results] == ["c", "a"]
    errors = client.files.content(batch.error_file_id).text.splitlines()
    assert [json.loads(line)["custom_id"] for line in errors] == ["b"]


def test_a_batch_of_openai_that_is_cancelled_costs_what_was_done(embedded, fake_openai):
    fake_openai.price(input=75_000, cached=75_000, output=300_000)
    agent = embedded.agent(fake_openai.provider(embedded, "openai"))
    client = agent.openai()
    batch = make(client, "a", "b")
    assert client.batches.cancel(batch.id).status == "cancelling"
    fake_openai.end_batches(unfinished=["b"], output_tokens=5)
    settles(embedded, agent, fake_openai)
    assert client.batches.retrieve(batch.id).status == "cancelled"


def test_a_line_or_a_budget_that_does_not_do_refuses_the_batch(embedded, fake_openai):
    provider = fake_openai.provider(embedded, "openai")
    client = embedded.agent(provider, budget=0.01).openai()
    with pytest.raises(openai.BadRequestError, match="line 2.*stands twice"):
        make(client, "a", "a")
    with pytest.raises(openai.RateLimitError, match="has no room"):
        make(client, *(f"line-{index}" for index in range(900)))
    made = [seen for seen in fake_openai.requests() if seen["path"] == "/v1/batches"]
    assert made == []


def test_a_batch_of_anthropic_is_held_and_settles(server, fake_anthropic):
    fake_anthropic.price(input=500_000, cached=500_000, output=2_500_000)
    agent = server.agent(fake_anthropic.provider(server, "anthropic"))
    client = agent.anthropic()
    params = {"model": "claude-haiku-4-5", "max_tokens": 20, "messages": [{"role": "user", "content": "Hi."}]}
    requests = [{"custom_id": name, "params": params} for name in ("a", "b", "c")]
    batch = client.messages.batches.create(requests=requests)
    assert batch.processing_status == "in_progress"
    assert [one.id for one in client.messages.batches.list()] == [batch.id]
    fake_anthropic.end_batches(output_tokens=6, failing=["c"])
    settles(server, agent, fake_anthropic)
    batch = client.messages.batches.retrieve(batch.id)
    assert (batch.processing_status, batch.request_counts.succeeded) == ("ended", 2)
    results = {one.custom_id: one.result.type for one in client.messages.batches.results(batch.id)}
    assert results == {"a": "succeeded", "b": "succeeded", "c": "errored"}
    assert client.messages.batches.cancel(batch.id).id == batch.id
