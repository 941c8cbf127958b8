"""The command line against a real server."""

import subprocess

import pytest

from ironcage import BINARY, EMAIL, PASSWORD, Server, free_port


@pytest.fixture
def signed_in(embedded):
    embedded.iron("login", "--email", EMAIL, "--password-stdin", stdin=PASSWORD)
    return embedded


def test_an_agent_is_made_from_the_command_line_and_spends(signed_in):
    provider = signed_in.iron("--json", "providers", "create", "--name", "sim", "--type", "simulated")
    agent = signed_in.iron(
        "--json", "agents", "create", "--name", "writer", "--budget", "5", "--provider", "sim", "--token"
    )
    assert agent["providers"] == [provider["id"]]
    import openai

    client = openai.OpenAI(api_key=agent["ic_token"]["token"], base_url=f"{signed_in.url}/v1")
    client.chat.completions.create(model="sim/chat", messages=[{"role": "user", "content": "hi"}])
    status = signed_in.iron("--json", "agents", "status", "writer")
    assert status["budget"]["total"] == 5
    table = signed_in.iron("agents", "list")
    assert "writer" in table and "running" in table and "\x1b" not in table
    assert signed_in.iron("--json", "limits", "get", "writer")["budget"] == 5


def test_destruction_needs_a_yes(signed_in):
    signed_in.iron("agents", "create", "--name", "doomed", "--budget", "1")
    refused = signed_in.iron("agents", "delete", "doomed", check=False)
    assert refused.returncode == 2 and "--force" in refused.stderr
    signed_in.iron("agents", "delete", "doomed", "--force")
    assert signed_in.iron("agents", "get", "doomed", check=False).returncode == 5


def test_exit_codes_tell_what_went_wrong(signed_in):
    signed_in.iron("agents", "create", "--name", "twin", "--budget", "1")
    conflict = signed_in.iron("--json", "agents", "create", "--name", "twin", "--budget", "1", check=False)
    assert conflict.returncode == 6 and "DUPLICATE_NAME" in conflict.stderr
    assert signed_in.iron("agents", "create", "--name", "", "--budget", "1", check=False).returncode == 2
    assert signed_in.iron("status", "--server", "http://127.0.0.1:1", check=False).returncode == 8
    wrong = signed_in.iron("login", "--email", EMAIL, "--password-stdin", stdin="wrong", check=False)
    assert wrong.returncode == 3


def test_tokens_rotate_and_end(signed_in):
    signed_in.iron("agents", "create", "--name", "holder", "--budget", "1")
    token = signed_in.iron("--json", "tokens", "create", "holder")
    rotated = signed_in.iron("--json", "tokens", "rotate", token["id"])
    assert rotated["token"] != token["token"]
    assert signed_in.iron("--json", "tokens", "get", token["id"])["status"] == "rotating"
    signed_in.iron("tokens", "delete", token["id"], "--force")
    assert signed_in.iron("--json", "tokens", "get", token["id"])["status"] == "revoked"


def test_api_tokens_serve_programs(signed_in):
    token = signed_in.iron("--json", "api-tokens", "create", "--name", "ci")["token"]
    signed_in.iron("logout")
    assert signed_in.iron("agents", "list", check=False).returncode == 3
    assert signed_in.iron("--json", "agents", "list", IRON_TOKEN=token)["data"] == []


def test_models_have_prices_that_can_be_changed(signed_in):
    assert signed_in.iron("--json", "models", "list", "--name", "gpt-4o-mini")["data"]
    signed_in.iron("models", "price", "my-model", "--type", "local", "--input", "1.5", "--output", "2")
    assert signed_in.iron("--json", "models", "price", "my-model")["input_per_million"] == "1.50"


def test_a_session_is_renewed_before_it_ends(signed_in):
    import json

    path = signed_in.folder / ".config/iron/sessions.json"
    sessions = json.loads(path.read_text())
    old = sessions[signed_in.url]["access_token"]
    sessions[signed_in.url]["expires_at"] = "2020-01-01T00:00:00.000Z"
    path.write_text(json.dumps(sessions))
    signed_in.iron("agents", "list")
    assert json.loads(path.read_text())[signed_in.url]["access_token"] != old


def test_doctor_finds_nothing_wrong_and_something_wrong(signed_in):
    assert signed_in.iron("--json", "doctor", "--data", str(signed_in.data))["problems"] == 0
    (signed_in.folder / "iron.yaml").write_text("durability: sometimes\n")
    assert signed_in.iron("doctor", check=False).returncode == 9


def test_up_starts_once_makes_a_call_and_stops(tmp_path):
    server = Server(tmp_path)
    address = f"127.0.0.1:{free_port()}"
    arguments = ("up", "--detach", "--data", str(server.data), "--listen", address)
    try:
        first = server.iron(*arguments)
        assert "curl" in first and "ic_" in first
        second = server.iron(*arguments)
        assert "already running" in second
        line = next(line for line in first.splitlines() if line.strip().startswith("curl"))
        answer = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=60)
        assert '"choices"' in answer.stdout or "data:" in answer.stdout, answer.stderr
    finally:
        down = subprocess.run(
            [BINARY, "down", "--data", str(server.data)], env=server.environment(), capture_output=True, text=True
        )
    assert down.returncode == 0, down.stderr
