"""Every call and every change leaves a record; whoever changes one is found out."""

import json

import pytest


def ask():
    return [{"role": "user", "content": "Say something short."}]


@pytest.fixture
def busy(server):
    """A server with calls and changes behind it."""
    agent = server.simulated_agent()
    for _ in range(3):
        agent.openai().chat.completions.create(model="sim/chat", messages=ask())
    return server, agent


def test_records_verify_beside_a_running_server_and_by_the_server(busy):
    server, _ = busy
    offline = server.iron("--json", "audit", "verify", "--data", str(server.data))
    assert offline["valid"] is True and offline["records"] > 3
    server.iron("login", "--email", "admin@example.com", "--password-stdin", stdin="correct horse battery staple")
    remote = server.iron("--json", "audit", "verify", "--remote")
    assert remote["valid"] is True


def test_changes_are_listed_with_who_and_what(busy):
    server, agent = busy
    server.iron("login", "--email", "admin@example.com", "--password-stdin", stdin="correct horse battery staple")
    rows = server.iron("--json", "audit", "list", "--action", "agent.create")["data"]
    assert any(row["resource_id"] == agent.id for row in rows)
    assert agent.token not in json.dumps(rows)


def test_a_bundle_is_checked_without_any_secret_and_an_edit_is_found(busy, tmp_path):
    server, _ = busy
    bundle = tmp_path / "evidence"
    assert server.stop() == 0
    server.iron("audit", "export", "--data", str(server.data), str(bundle))
    assert server.iron("--json", "audit", "verify", "--bundle", str(bundle))["valid"] is True
    edited = 0
    for path in (bundle / "records").iterdir():
        text = path.read_text()
        edited += text.count("sim/chat")
        path.write_text(text.replace("sim/chat", "sim/chap", 1))
    assert edited
    found = server.iron("audit", "verify", "--bundle", str(bundle), check=False)
    assert found.returncode == 9, found.stdout + found.stderr


def test_a_damaged_journal_is_found(busy):
    server, _ = busy
    assert server.stop() == 0
    segments = sorted((server.data / "journal").rglob("*"), key=lambda path: path.stat().st_size)
    largest = [path for path in segments if path.is_file()][-1]
    content = bytearray(largest.read_bytes())
    content[len(content) // 3] ^= 1
    largest.write_bytes(content)
    found = server.iron("audit", "verify", "--data", str(server.data), check=False)
    assert found.returncode == 9, found.stdout + found.stderr
