"""What a provider charges, counted by the provider, against what was allowed and what was recorded."""

import json
from concurrent.futures import ThreadPoolExecutor

import openai
import pytest

from ironcage import Server


def ask(text="hello there"):
    return [{"role": "user", "content": text}]


def test_what_is_recorded_is_what_the_provider_charged(server, fake_openai):
    agent = server.agent(fake_openai.provider(server, "openai"))
    client = agent.openai()
    for stream in (False, True):
        answer = client.chat.completions.create(
            model="gpt-4o-mini", messages=ask(), max_tokens=100, stream=stream
        )
        if stream:
            list(answer)
    agent.settles_at(fake_openai.bills()["nanos"])


def test_what_arrives_upstream_is_what_was_sent(embedded, fake_openai):
    agent = embedded.agent(fake_openai.provider(embedded, "openai"))
    extra = {"x_future_field": {"kept": [1, 2.50, "é"]}, "max_tokens": 100}
    agent.openai().chat.completions.create(model="gpt-4o-mini", messages=ask(), extra_body=extra)
    [seen] = fake_openai.requests()
    body = json.loads(seen["body"])
    assert body["x_future_field"] == extra["x_future_field"] and body["messages"] == ask()
    assert '"kept":[1,2.5,"é"]' in seen["body"].replace(": ", ":").replace(", ", ",").replace("\\u00e9", "é")
    headers = dict(seen["headers"])
    assert headers["authorization"] == f"Bearer {fake_openai.key}"
    assert agent.token not in json.dumps(seen), "the agent's own token must not leave the house"


def test_a_spent_budget_refuses_in_words_that_help(server, fake_openai):
    agent = server.agent(fake_openai.provider(server, "openai"), budget=0.01)
    client = agent.openai()
    with pytest.raises(openai.RateLimitError) as refused:
        for _ in range(2_000):
            client.chat.completions.create(model="gpt-4o-mini", messages=ask("x" * 4_000), max_tokens=2_000)
    error = refused.value
    assert error.code == "BUDGET_EXCEEDED"
    assert error.response.headers["x-should-retry"] == "false"
    assert fake_openai.bills()["nanos"] <= 10_000_000
    server.api("PUT", f"/limits/agents/{agent.id}/budget", {"budget": 1})
    client.chat.completions.create(model="gpt-4o-mini", messages=ask(), max_tokens=10)


def test_a_crowd_never_spends_more_than_the_budget_and_nearly_all_of_it(server, fake_openai):
    fake_openai.behave(output_tokens=120)
    agent = server.agent(fake_openai.provider(server, "openai"), budget=0.02)
    client = agent.openai()

    def hammer(_):
        for _ in range(40):
            try:
                client.chat.completions.create(model="gpt-4o-mini", messages=ask(), max_tokens=120)
            except openai.RateLimitError:
                return

    with ThreadPoolExecutor(32) as crowd:
        list(crowd.map(hammer, range(32)))
    billed = fake_openai.bills()["nanos"]
    assert billed <= 20_000_000
    assert billed >= 19_000_000


def test_a_client_that_leaves_still_pays(server, fake_openai):
    fake_openai.behave(output_tokens=400, piece_delay_ms=2)
    agent = server.agent(fake_openai.provider(server, "openai"))
    stream = agent.openai().chat.completions.create(
        model="gpt-4o-mini", messages=ask(), max_tokens=400, stream=True
    )
    next(iter(stream))
    stream.close()
    assert server.stop() == 0, "draining settles what is under way"
    server.start()
    billed = fake_openai.bills()["nanos"]
    assert billed > 0
    agent.settles_at(billed, most_nanos=billed * 3)


@pytest.mark.parametrize("ending", ["stop", "kill"])
def test_a_restart_keeps_money_tokens_and_agents(server, fake_openai, ending):
    agent = server.agent(fake_openai.provider(server, "openai"), budget=1)
    for _ in range(5):
        agent.openai().chat.completions.create(model="gpt-4o-mini", messages=ask(), max_tokens=50)
    billed = fake_openai.bills()["nanos"]
    if ending == "stop":
        assert server.stop() == 0
    else:
        server.kill()
    server.start()
    agent.settles_at(billed)
    agent.openai().chat.completions.create(model="gpt-4o-mini", messages=ask(), max_tokens=50)
    agent.settles_at(fake_openai.bills()["nanos"])


def test_usage_above_what_was_asked_is_booked_in_full(server, fake_openai):
    fake_openai.behave(output_tokens=500, ignores_cap=True)
    agent = server.agent(fake_openai.provider(server, "openai"))
    agent.openai().chat.completions.create(model="gpt-4o-mini", messages=ask(), max_tokens=10)
    agent.settles_at(fake_openai.bills()["nanos"])


def test_missing_usage_costs_the_bound_never_nothing(server, fake_openai):
    fake_openai.behave(usage="missing", output_tokens=20)
    agent = server.agent(fake_openai.provider(server, "openai"))
    agent.openai().chat.completions.create(model="gpt-4o-mini", messages=ask(), max_tokens=100)
    billed = fake_openai.bills()["nanos"]
    agent.settles_at(billed, most_nanos=billed * 20)


def test_two_servers_do_not_share_a_folder(embedded):
    second = Server(embedded.folder)
    with pytest.raises(AssertionError, match="did not become ready|exit|lock|use"):
        second.start()
