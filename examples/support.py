"""An agent of customer support.

It sees customers without their addresses and cards, deletes nobody, pays back what a colleague agrees to,
and asks experts, who cost money, for as long as its budget lasts. It runs offline: `make examples`.
"""

from __future__ import annotations

from typing import Any

import iron_cage
from sandbox import Agent, Sandbox, parameters

TOOLS: list[dict[str, Any]] = [
    {"name": "look_up", "access": "read", "untrusted_output": False},
    {"name": "refund", "kind": "payment", "risk_level": "high", "external": False, "untrusted_output": False},
    {"name": "delete_account", "access": "write"},
    {"name": "ask_expert", "access": "read", "untrusted_output": False, "cost": "0.40"},
]
POLICIES: list[dict[str, Any]] = [
    {"name": "refunds need a colleague", "effect": "require_approval", "match": {"tools": ["refund"]}},
    {"name": "accounts stay", "effect": "deny", "match": {"tools": ["delete_*"]}},
]
GUARDRAILS = {"pii": {"action": "redact"}}


def look_up(customer: str) -> dict[str, str]:
    return {"customer": customer, "plan": "pro", "mail": "jane.roe@example.com", "card": "4111 1111 1111 1111"}


def refund(order: str, dollars: int) -> str:
    return f"{dollars} dollars of order {order} are on their way back"


def delete_account(customer: str) -> str:
    return f"{customer} is gone"


def ask_expert(question: str) -> str:
    return "turn it off and on again"


def main() -> None:
    with Sandbox() as sandbox, sandbox.colleague():
        cage = sandbox.agent("support", budget=1, tools=TOOLS, policies=POLICIES, guardrails=GUARDRAILS)
        agent = Agent(
            cage,
            {
                look_up: parameters(customer="c_17"),
                refund: parameters(order="o_3", dollars=20),
                delete_account: parameters(customer="c_17"),
                ask_expert: parameters(question="why does it beep?"),
            },
        )
        with cage.conversation(end_user="jane"):
            agent.ask("Who is c_17?", "look_up")
            agent.ask("She wants order o_3 paid back.", "refund")
            agent.ask("She wants to be forgotten.", "delete_account")
            try:
                while True:
                    agent.ask("It beeps.", "ask_expert")
            except iron_cage.BudgetExceeded:
                print("\nThe agent stops here; a person raises its budget, or does not.")
        assert (agent.met, sandbox.approved) == (["redacted", "denied", "budget"], 1)


if __name__ == "__main__":
    main()
