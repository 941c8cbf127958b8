"""A key of one's own: asked for, approved, claimed once, used, taken away."""

import openai
import pytest

from ironcage import EMAIL, PASSWORD, Refused, http
from receivers import Hook

ADA = "ada@example.com"
SECRET = "a long enough password"


def test_a_key_is_asked_for_given_used_and_taken_away(server):
    with Hook() as slack:
        server.api("POST", "/notification-channels", {"name": "ops", "kind": "slack", "url": slack.url})
        server.provider("simulated", shared=True)
        team = server.api("POST", "/teams", {"name": "research", "budget": 100})
        server.api("POST", "/users", {"email": ADA, "name": "Ada", "role": "viewer", "password": SECRET})
        login = {"email": ADA, "password": SECRET}
        ada = http("POST", f"{server.url}/api/v1/auth/login", login)[0]["access_token"]
        change = {"current_password": SECRET, "new_password": f"{SECRET}!"}
        http("POST", f"{server.url}/api/v1/auth/password", change, ada)

        ask = {"team_id": team["id"], "use_case": "summaries of papers", "monthly_budget": 20}
        asked = server.api("POST", "/access-requests", ask, ada)["id"]
        server.iron("login", "--email", EMAIL, "--password-stdin", stdin=PASSWORD)
        listed = server.iron("--json", "access", "list", "--status", "pending")
        assert [one["id"] for one in listed["data"]] == [asked]
        server.iron("access", "approve", asked, "--budget", "5")
        claimed = server.api("POST", f"/access-requests/{asked}/claim", {}, ada)
        with pytest.raises(Refused) as again:
            server.api("POST", f"/access-requests/{asked}/claim", {}, ada)
        assert again.value.status == 409

        client = openai.OpenAI(api_key=claimed["token"], base_url=claimed["base_url"], max_retries=0)
        call = {"model": "sim/chat", "messages": [{"role": "user", "content": "Say something short."}]}
        assert client.chat.completions.create(**call).choices[0].message.content
        server.iron("access", "revoke", asked, "--reason", "the project is over", "--force")
        with pytest.raises(openai.AuthenticationError):
            client.chat.completions.create(**call)
        told = "\n".join(slack.texts())
        assert "Ada asks for access in the team research" in told
        assert claimed["token"] not in told and claimed["token"] not in server.log()
