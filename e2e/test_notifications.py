"""People are told what happens: by mail, in Slack, by a signed webhook."""

import base64
import hashlib
import hmac
import json
import time

from ironcage import eventually
from receivers import Hook, Mailbox


def mail(mailbox: Mailbox) -> dict:
    settings = {"host": "127.0.0.1", "port": mailbox.port, "security": "none"}
    return settings | {"from": "iron@example.com", "to": ["ops@example.com", "boss@example.com"]}


def spend(agent, micros: int) -> None:
    """Calls until so much is booked."""
    ask = [{"role": "user", "content": "Rain? " * 1400}] * 10
    while agent.spent_micros() < micros:
        agent.openai().chat.completions.create(model="sim/chat", messages=ask)


def test_a_spent_budget_is_told_by_every_channel_within_seconds(server):
    with Mailbox() as mailbox, Hook() as slack, Hook() as hook:
        channels = "/notification-channels"
        server.api("POST", channels, {"name": "mail", "kind": "email", "email": mail(mailbox)})
        server.api("POST", channels, {"name": "ops", "kind": "slack", "url": slack.url})
        made = server.api("POST", channels, {"name": "hook", "kind": "webhook", "url": hook.url})
        agent = server.simulated_agent(budget=10, name="writer <!channel>")
        spend(agent, 11_000)
        server.api("PUT", f"/limits/agents/{agent.id}/budget", {"budget": 0.01})
        spent_at = time.monotonic()
        exceeded = "agent writer <!channel>: the budget is spent"
        eventually(lambda: f"[Iron Cage] {exceeded}" in mailbox.subjects())
        eventually(lambda: any("the budget is spent" in text for text in slack.texts()))
        eventually(lambda: any(json.loads(body)["type"] == "budget.exceeded" for _, body in hook.heard))
        print(f"told after {time.monotonic() - spent_at:.2f} s")

        to, letter = next((to, one) for to, one in mailbox.mails if one["subject"].endswith("is spent"))
        assert to == ["ops@example.com", "boss@example.com"]
        assert letter["from"] == "iron@example.com" and letter["auto-submitted"] == "auto-generated"
        assert "limit: $0.01" in letter.get_content()
        assert not any("<!channel>" in text for text in slack.texts()), "nobody is shouted at"

        headers, body = hook.heard[-1]
        headers = {name.lower(): value for name, value in headers.items()}
        signed = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body])
        key = base64.b64decode(made["signing_secret"].removeprefix("whsec_"))
        signature = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        assert headers["webhook-signature"] == f"v1,{signature}"


def test_slack_is_left_alone_for_as_long_as_it_asks(embedded):
    with Hook(rate_limited=2) as slack:
        url = {"name": "ops", "kind": "slack", "url": slack.url}
        channel = embedded.api("POST", "/notification-channels", url)
        agent = embedded.simulated_agent(budget=1)
        for budget in (2, 3, 4):
            request = {"agent_id": agent.id, "requested_budget": budget, "justification": "there is a lot to write"}
            embedded.api("POST", "/budget-requests", request)
        eventually(lambda: len(slack.heard) == 3, 60)
        assert slack.early == 0, "it was asked before it wanted to be"
        path = f"/notification-channels/{channel['id']}/deliveries"
        eventually(lambda: all(one["status"] == "delivered" for one in embedded.api("GET", path)["data"]))
        assert "secret" not in json.dumps(embedded.api("GET", "/notification-channels"))


def test_mail_that_is_refused_for_a_while_arrives(embedded):
    with Mailbox(busy=2) as mailbox:
        body = {"name": "mail", "kind": "email", "email": mail(mailbox)}
        embedded.api("POST", "/notification-channels", body)
        agent = embedded.simulated_agent(budget=1)
        request = {"agent_id": agent.id, "requested_budget": 2, "justification": "there is a lot to write"}
        asked = embedded.api("POST", "/budget-requests", request)
        eventually(lambda: len(mailbox.mails) == 1, 60)
        embedded.api("PUT", f"/budget-requests/{asked['id']}/approve", {})
        # The admin has asked himself: he gets a copy of what was decided.
        eventually(lambda: [to for to, _ in mailbox.mails].count(["admin@example.com"]) == 1, 60)


def test_a_channel_by_hand(embedded):
    embedded.iron("login", "--email", "admin@example.com", "--password-stdin", stdin="correct horse battery staple")
    with Hook() as slack:
        create = ("channels", "create", "--name", "ops", "--kind", "slack", "--url-stdin")
        embedded.iron(*create, stdin=slack.url)
        assert "it arrived" in embedded.iron("channels", "test", "ops")
        assert slack.texts() == ["*a test of the notification channel ops*"]
    gone = embedded.iron("channels", "test", "ops", check=False)
    assert gone.returncode == 9 and "did not arrive" in gone.stdout
