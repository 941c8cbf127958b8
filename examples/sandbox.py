"""What the examples share: a server of their own, a colleague who approves, and the loop of an agent.

Nothing of it is needed with a server of yours: there tools and policies stand already, `Cage()` reads
address and token from the environment, and people approve with `iron approvals watch`, in Slack or by mail.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import iron_cage
from iron_cage import Cage
from iron_cage.openai import OpenAI

EMAIL, PASSWORD = "admin@example.com", "correct horse battery staple"


class Sandbox:
    """A server in a folder that goes away with it, with the simulated provider."""

    def __init__(self) -> None:
        built = Path(__file__).parents[1] / "target/release/iron"
        self.binary = os.environ.get("IRON_BINARY", str(built))
        if not Path(self.binary).exists():
            raise SystemExit(f"no server at {self.binary}: run `make build`, or name one in IRON_BINARY")
        self.folder = tempfile.TemporaryDirectory()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{probe.getsockname()[1]}"
        self.session = ""
        self.approved = 0

    def __enter__(self) -> Sandbox:
        own = {"HOME": self.folder.name, "IRON_KEYCHAIN": "file", "IRON_ADMIN_EMAIL": EMAIL}
        self.log = open(Path(self.folder.name) / "server.log", "wb")
        self.process = subprocess.Popen(
            [self.binary, "serve", "--data", f"{self.folder.name}/data", "--listen", self.url.split("//")[1]],
            env=os.environ | own | {"IRON_ADMIN_PASSWORD": PASSWORD},
            stdout=self.log,
            stderr=self.log,
        )
        deadline = time.monotonic() + 60
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(Path(self.log.name).read_text())
            time.sleep(0.05)
        login = self.api("POST", "/v1/auth/login", {"email": EMAIL, "password": PASSWORD})
        self.session = login["access_token"]
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait()
        self.log.close()
        self.folder.cleanup()

    def is_ready(self) -> bool:
        with contextlib.suppress(OSError):
            self.api("GET", "/health/ready")
            return True
        return False

    def api(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(f"{self.url}/api{path}", method=method)
        request.add_header("authorization", f"Bearer {self.session}")
        if body is not None:
            request.add_header("content-type", "application/json")
            request.data = json.dumps(body).encode()
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            if error.code == 503:
                raise
            raise SystemExit(f"{method} {path}: {error.read().decode()}") from None

    def agent(
        self,
        name: str,
        *,
        budget: float,
        tools: list[dict[str, Any]],
        policies: list[dict[str, Any]],
        guardrails: dict[str, Any],
    ) -> Cage:
        """An agent with a budget in dollars, its tools, the policies for them, and what may be read."""
        for tool in tools:
            self.api("POST", "/v1/tools", tool)
        for policy in policies:
            self.api("POST", "/v1/policies", policy)
        self.api("POST", "/v1/guardrail-profiles", {"name": name, "is_default": True} | guardrails)
        provider = self.api("POST", "/v1/providers", {"name": "simulated", "type": "simulated"})
        agent = self.api("POST", "/v1/agents", {"name": name, "budget": budget, "providers": [provider["id"]]})
        token = self.api("POST", "/v1/tokens", {"agent_id": agent["id"]})
        return Cage(self.url, token["token"], approval_timeout=30)

    @contextlib.contextmanager
    def colleague(self) -> Any:
        """Somebody who looks at what is asked, and agrees."""
        stop = threading.Event()

        def look() -> None:
            while not stop.wait(0.2):
                for asked in self.api("GET", "/v1/approvals?status=pending")["data"]:
                    self.api("PUT", f"/v1/approvals/{asked['id']}/approve", {"comment": "fine"})
                    self.approved += 1
                    print("    colleague   approves")

        person = threading.Thread(target=look)
        person.start()
        try:
            yield
        finally:
            stop.set()
            person.join()


class Agent:
    """A model that calls tools until it has its answer, as agents do."""

    def __init__(self, cage: Cage, schemas: dict[Callable[..., Any], dict[str, Any]]) -> None:
        self.model = OpenAI(cage)
        self.tools = {tool.__name__: cage.protect(tool) for tool in schemas}
        self.offered = {tool.__name__: schema for tool, schema in schemas.items()}
        self.met: list[str] = []

    def ask(self, question: str, *offered: str) -> None:
        """One question, with these tools. What is refused, the model is told."""
        print(f"\n{question}")
        messages: list[Any] = [{"role": "user", "content": question}]
        tools: Any = [{"type": "function", "function": {"name": name} | self.offered[name]} for name in offered]
        while True:
            answer = self.model.chat.completions.create(model="sim/agent", messages=messages, tools=tools)
            said = answer.choices[0].message
            messages.append(said.model_dump(exclude_none=True))
            if not said.tool_calls:
                break
            for call in said.tool_calls:
                if call.type != "function":
                    continue
                result = self.call(call.function.name, json.loads(call.function.arguments))
                messages.append({"role": "tool", "tool_call_id": call.id, "content": result})

    def call(self, name: str, arguments: dict[str, Any]) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
        print(f"    model       calls {name}({given})")
        try:
            result = json.dumps(self.tools[name](**arguments))
        except iron_cage.BudgetExceeded as refused:
            self.met.append("budget")
            print(f"    iron cage   stops: {refused}")
            raise
        except iron_cage.Refused as refused:
            self.met.append("denied")
            print(f"    iron cage   denies: {refused}")
            return f"refused: {refused}"
        if "[REDACTED]" in result:
            self.met.append("redacted")
        print(f"    tool        {result}")
        return result


def parameters(**constants: Any) -> dict[str, Any]:
    """The schema of a tool. The simulated model knows nothing; the schema tells it what to say."""
    properties = {name: {"const": value} for name, value in constants.items()}
    return {"parameters": {"type": "object", "properties": properties, "required": list(constants)}}
