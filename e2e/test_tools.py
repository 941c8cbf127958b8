"""Calls of tools: asked for, run by the agent, brought back, paid for, tried against other policies."""

import pytest

from ironcage import EMAIL, PASSWORD, Refused, eventually

READ = {"name": "files/read", "kind": "file", "access": "read", "cost": "0.002"}
NOTE = {"name": "note", "kind": "custom", "access": "write", "risk_level": "low"}
DROP = {"name": "drop_all", "kind": "custom", "access": "admin"}


def equip(server):
    for tool in (READ, NOTE, DROP):
        server.api("POST", "/tools", tool)
    return server.simulated_agent(budget=1)


def ask(agent, tool: str, **arguments):
    body = {"tool": tool, "arguments": arguments}
    return agent.server.api("POST", "/tools/authorize", body, agent.token)


def bring(agent, decision: dict, output):
    body = {"decision_id": decision["decision_id"], "status": "success", "duration_ms": 1.5, "output": output}
    return agent.server.api("POST", "/tools/results", body, agent.token)


def names(agent) -> list[str]:
    return [tool["name"] for tool in agent.server.api("GET", "/tools/available", None, agent.token)["data"]]


def test_a_call_is_decided_brought_back_listed_and_billed(server):
    agent = equip(server)
    allowed = ask(agent, "files/read", path="/data/plan.md")
    assert allowed["decision"] == "allow" and allowed["rules"] == ["shipped/readers"]
    brought = bring(agent, allowed, {"text": "the key is AKIAQ3EGRZ7XWV2YF5TN"})
    assert brought["verdict"] == "redact" and "AKIA" not in str(brought["output"])
    denied = ask(agent, "files/read", path="/data/../etc/shadow")
    assert (denied["decision"], denied["code"]) == ("deny", "PARAMETER_INVALID")
    assert ask(agent, "unheard_of")["code"] == "TOOL_UNKNOWN"

    def listed():
        return server.api("GET", f"/tool-calls?agent_id={agent.id}")["data"]

    eventually(lambda: len(listed()) == 3 and any(call.get("result") for call in listed()))
    tenant = server.api("GET", f"/agents/{agent.id}")["tenant_id"]
    bill = server.api("GET", f"/tenants/{tenant}/billing")
    assert [(item["tool"], item["cost_nanos"]) for item in bill["items"]] == [("files/read", 2_000_000)]
    agent.settles_at(2_000_000)


def test_an_agent_sees_the_tools_that_it_may_call(server):
    agent = equip(server)
    assert names(agent) == ["files/read", "note"], "an administrator's tool is not for this agent"
    deny = {"name": "no-notes", "effect": "deny", "match": {"tools": ["note"]}}
    server.api("POST", "/policies", deny)
    eventually(lambda: names(agent) == ["files/read"])
    with pytest.raises(Refused) as refused:
        server.api("GET", "/tools/available")
    assert refused.value.status == 403


def test_policies_are_tried_at_the_calls_that_were_made(server):
    agent = equip(server)
    assert ask(agent, "files/read", path="/data/plan.md")["decision"] == "allow"
    assert ask(agent, "files/read", path="/secret/plan.md")["decision"] == "allow"
    assert ask(agent, "note", text="x" * 5000)["decision"] == "allow"
    eventually(lambda: server.api("GET", "/tool-calls")["pagination"]["total"] == 3)
    deny = {"name": "no-secrets", "effect": "deny", "match": {"paths": ["/secret/**"]}}
    told = server.api("POST", "/policies/simulate", {"policies": [deny], "recent": {"count": 100}})
    assert (told["calls"], told["changed"], told["skipped"]) == (2, 1, 1), told
    [sample] = told["samples"]
    assert sample["call_id"].startswith("req_") and "arguments" not in sample["call"]
    assert (sample["before"]["effect"], sample["after"]["rules"]) == ("allow", ["no-secrets"])

    (server.folder / "deny.yaml").write_text("- {name: none, effect: deny, match: {tools: ['files/*']}}\n")
    server.iron("login", "--email", EMAIL, "--password-stdin", stdin=PASSWORD)
    command = ["policies", "simulate", "--file", "deny.yaml", "--recent", "10", "--agent", agent.id]
    printed = server.iron(*command, "--json")
    assert (printed["calls"], printed["changed"]) == (2, 2)
    with pytest.raises(Refused) as refused:
        server.api("POST", "/policies/simulate", {"policies": [deny]})
    assert refused.value.status == 400
