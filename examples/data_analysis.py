"""An agent that answers questions from a database.

It reads tables that it may read; what destroys is denied by what the statement does, however it is written;
secrets in rows do not reach the model; a report leaves the house when somebody agrees; a large query costs
money. It runs offline: `make examples`.
"""

from __future__ import annotations

import sqlite3
from typing import Any

import iron_cage
from sandbox import Agent, Sandbox, parameters

SQL = [{"name": "sql", "kind": "sql", "dialect": "sqlite", "tables": ["orders", "services"]}]
TOOLS: list[dict[str, Any]] = [
    {"name": "query", "kind": "database", "untrusted_output": False, "external": False, "parameters": SQL},
    {"name": "scan_archive", "access": "read", "untrusted_output": False, "cost": "0.45"},
    {"name": "publish_report", "kind": "api", "access": "write", "external": True},
]
POLICIES: list[dict[str, Any]] = [
    {"name": "reports are read first", "effect": "require_approval", "match": {"tools": ["publish_report"]}},
]
GUARDRAILS = {"secrets": {"action": "redact"}}

database = sqlite3.connect(":memory:", check_same_thread=False)
database.executescript("""
    CREATE TABLE orders (city TEXT, dollars INTEGER);
    INSERT INTO orders VALUES ('Oslo', 120), ('Oslo', 80), ('Rome', 50);
    CREATE TABLE services (name TEXT, key TEXT);
    INSERT INTO services VALUES ('storage', 'AKIAQ3EGRZ7XWV2YF5TN');
""")


def query(sql: str) -> list[tuple[object, ...]]:
    return database.execute(sql).fetchall()


def scan_archive(year: int) -> dict[str, int]:
    return {"year": year, "dollars": 1_000_000}


def publish_report(title: str, text: str) -> str:
    return f"published: {title}"


def main() -> None:
    with Sandbox() as sandbox, sandbox.colleague():
        cage = sandbox.agent("analyst", budget=1, tools=TOOLS, policies=POLICIES, guardrails=GUARDRAILS)
        agent = Agent(
            cage,
            {
                query: parameters(sql="SELECT city, SUM(dollars) FROM orders GROUP BY city"),
                scan_archive: parameters(year=2019),
                publish_report: parameters(title="Orders by city", text="Oslo 200, Rome 50"),
            },
        )
        with cage.conversation():
            agent.ask("What do the cities spend?", "query")
            agent.offered["query"] = parameters(sql="SELECT name, key FROM services")
            agent.ask("Which services are there?", "query")
            agent.offered["query"] = parameters(sql="DROP TABLE orders")
            agent.ask("Clean up after yourself.", "query")
            agent.ask("Publish it.", "publish_report")
            try:
                while True:
                    agent.ask("And in 2019?", "scan_archive")
            except iron_cage.BudgetExceeded:
                print("\nThe agent stops here; a person raises its budget, or does not.")
        assert (agent.met, sandbox.approved) == (["redacted", "denied", "budget"], 1)


if __name__ == "__main__":
    main()
