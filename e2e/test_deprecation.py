"""What goes away: a caller that is told so, rewritten by the script, and told so no more."""

import subprocess
import sys
from pathlib import Path

import pytest

from ironcage import http

SCRIPT = Path(__file__).parent.parent / "scripts" / "leave-deprecated.py"

CALLERS = {
    "rotate.sh": 'curl -sS -D - -o /dev/null -X POST -H "Authorization: Bearer $TOKEN" "$URL/api/v1/tokens/$ID/rotate"\n',
    "rotate.py": """\
import os
import urllib.request

request = urllib.request.Request(
    os.environ["URL"] + f"/api/v1/tokens/{os.environ['ID']}/rotate",
    method="POST",
    headers={"Authorization": "Bearer " + os.environ["TOKEN"]},
)
with urllib.request.urlopen(request) as answer:
    print(answer.headers)
""",
}


def leave(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("name", CALLERS)
def test_a_caller_is_told_rewritten_and_told_no_more(embedded, tmp_path, name):
    agent = embedded.simulated_agent()
    token = embedded.api("GET", f"/tokens?agent_id={agent.id}")["data"][0]
    place = tmp_path / "callers"
    place.mkdir()
    caller = place / name
    caller.write_text(CALLERS[name])
    variables = {"URL": embedded.url, "ID": token["id"], "TOKEN": embedded.session, "PATH": "/usr/bin:/bin"}
    runner = [sys.executable] if name.endswith(".py") else ["bash"]

    def run() -> str:
        done = subprocess.run([*runner, caller], env=variables, capture_output=True, text=True, timeout=60, check=True)
        return done.stdout.lower()

    told = run()
    assert "200 ok" in told or "content-type: application/json" in told, told
    assert "deprecation: @" in told and "sunset: wed, 30 jun 2027" in told
    shown = leave(str(place))
    assert shown.returncode == 1 and "+" in shown.stdout and "PUT" in shown.stdout
    assert caller.read_text() == CALLERS[name], "shown, not changed"
    assert leave("--write", str(place)).returncode == 0
    assert "deprecation" not in run()
    assert leave(str(place)).returncode == 0


def test_the_script_leaves_others_alone_and_names_what_a_person_must_do(tmp_path):
    other = tmp_path / "other.py"
    other.write_text(
        'requests.post(f"{url}/api/v1/runtimes/{id}/rotate")\n'
        'requests.post(f"{url}/api/v1/notification-channels/{id}/rotate-secret")\n'
        'requests.put(f"{url}/api/v1/tokens/{id}/rotate")\n'
        'requests.post(f"{url}/api/v1/tokens")\n'
    )
    assert leave(str(tmp_path)).returncode == 0
    odd = tmp_path / "odd.py"
    odd.write_text('call(url + "/api/v1/tokens/" + id + "/rotate")\npath = "/tokens/{id}/rotate"\nbody = {}\n')
    found = leave(str(tmp_path))
    assert found.returncode == 1 and "odd.py:2: rotate with PUT" in found.stderr


def test_who_still_calls_is_in_the_audit_log_and_in_the_metrics(embedded):
    agent = embedded.simulated_agent()
    token = embedded.api("GET", f"/tokens?agent_id={agent.id}")["data"][0]
    url = f"{embedded.url}/api/v1/tokens/{token['id']}/rotate"
    _, headers = http("POST", url, {}, embedded.session)
    links = headers.get("Link") or headers.get("link")
    assert links, headers
    embedded.iron("login", "--email", "admin@example.com", "--password-stdin", stdin="correct horse battery staple")

    from ironcage import eventually

    def noted() -> bool:
        entries = embedded.iron("--json", "audit", "list", "--action", "api.deprecated_use")["data"]
        return [entry["resource_id"] for entry in entries] == ["rotate_token_post"]

    eventually(noted)
