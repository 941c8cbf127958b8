"""The binary as a process, its API, its command line, and the fake providers."""

from __future__ import annotations

import contextlib
import glob
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import anthropic
    import openai

BINARY = os.environ["IRON_BINARY"]
FAKE = os.environ["IRON_FAKE_UPSTREAM"]
EMAIL = "admin@example.com"
PASSWORD = "correct horse battery staple"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def eventually(holds, seconds: float = 20) -> None:
    """Waits until something holds that follows a call by a moment."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not true after {seconds} s"
        time.sleep(0.1)


class Refused(Exception):
    """The API said no."""

    def __init__(self, status: int, body: dict):
        super().__init__(f"{status}: {body}")
        self.status = status
        self.body = body


def http(method: str, url: str, body=None, token: str | None = None, headers: dict | None = None):
    """One request; gives the decoded body and the headers."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method, headers=headers or {})
    if data is not None:
        request.add_header("content-type", "application/json")
    if token:
        request.add_header("authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"null"), dict(answer.headers)
    except urllib.error.HTTPError as error:
        raise Refused(error.code, json.loads(error.read() or b"null")) from None


@dataclass
class Agent:
    """An agent and the token it signs in with."""

    id: str
    token: str
    server: "Server"

    def openai(self, **options) -> openai.OpenAI:
        import openai

        options = {"max_retries": 0, "timeout": 60} | options
        return openai.OpenAI(api_key=self.token, base_url=f"{self.server.url}/v1", **options)

    def anthropic(self, **options) -> anthropic.Anthropic:
        import anthropic

        options = {"max_retries": 0, "timeout": 60} | options
        return anthropic.Anthropic(api_key=self.token, base_url=self.server.url, **options)

    def spent_micros(self) -> int:
        return self.server.api("GET", f"/limits/agents/{self.id}/budget")["spent_micros"]

    def settles_at(self, least_nanos: int, most_nanos: int | None = None) -> None:
        """Waits until the ledger shows an amount in this range: leases report a moment after a call."""
        most_nanos = least_nanos + 1000 if most_nanos is None else most_nanos
        eventually(lambda: least_nanos - 1000 <= self.spent_micros() * 1000 <= most_nanos)


class Server:
    """`iron serve` on a data folder."""

    def __init__(self, folder: Path, database_url: str | None = None, **variables: str):
        self.folder = Path(folder)
        self.data = self.folder / "data"
        self.database_url = database_url
        self.variables = variables
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen | None = None
        self.session: str | None = None

    def __enter__(self) -> "Server":
        self.start()
        return self

    def __exit__(self, *_) -> None:
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def environment(self) -> dict:
        return {
            "HOME": str(self.folder),
            "PATH": os.environ["PATH"],
            "IRON_KEYCHAIN": "file",
            "IRON_SERVER": self.url,
            "IRON_RATE_LIMITS_USER_PER_MINUTE": "0",
            "IRON_RATE_LIMITS_USER_PER_HOUR": "0",
            "IRON_RATE_LIMITS_ANONYMOUS_PER_MINUTE": "0",
            "IRON_RATE_LIMITS_ANONYMOUS_PER_HOUR": "0",
            "IRON_ADMIN_EMAIL": EMAIL,
            "IRON_ADMIN_PASSWORD": PASSWORD,
        } | self.variables

    def start(self) -> None:
        command = [BINARY, "serve", "--data", str(self.data), "--listen", f"127.0.0.1:{self.port}"]
        if self.database_url:
            command += ["--database-url", self.database_url]
        log = open(self.folder / "server.log", "ab")
        self.process = subprocess.Popen(
            command, env=self.environment(), cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log()
            with contextlib.suppress(OSError, Refused):
                http("GET", f"{self.url}/api/health/ready")
                return
            time.sleep(0.05)
        raise AssertionError(f"the server did not become ready:\n{self.log()}")

    def stop(self) -> int:
        """Asks it to drain; gives the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def log(self) -> str:
        return (self.folder / "server.log").read_text()[-8000:]

    def api(self, method: str, path: str, body=None, token: str | None = None):
        """Calls the control plane as the admin, or with a token."""
        if token is None:
            if self.session is None:
                login = {"email": EMAIL, "password": PASSWORD}
                answer, _ = http("POST", f"{self.url}/api/v1/auth/login", login)
                self.session = answer["access_token"]
            token = self.session
        return http(method, f"{self.url}/api/v1{path}", body, token)[0]

    def provider(self, kind: str, **fields) -> str:
        body = {"name": f"{kind}-{uuid.uuid4().hex[:8]}", "type": kind} | fields
        return self.api("POST", "/providers", body)["id"]

    def agent(self, *providers: str, budget: float = 10, **fields) -> Agent:
        body = {"name": f"agent-{uuid.uuid4().hex[:8]}", "budget": budget, "providers": list(providers)} | fields
        agent = self.api("POST", "/agents", body)
        token = self.api("POST", "/tokens", {"agent_id": agent["id"]})
        return Agent(agent["id"], token["token"], self)

    def simulated_agent(self, **fields) -> Agent:
        return self.agent(self.provider("simulated"), **fields)

    def iron(self, *arguments: str, stdin: str | None = None, check: bool = True, **variables: str):
        """Runs a command; gives what it printed (JSON decoded, if it is JSON)."""
        result = subprocess.run(
            [BINARY, *arguments],
            env=self.environment() | variables,
            cwd=self.folder,
            input=stdin or "",
            capture_output=True,
            text=True,
            timeout=120,
        )
        if check:
            assert result.returncode == 0, f"{arguments}: {result.returncode}\n{result.stdout}\n{result.stderr}"
            if "--json" in arguments:
                return json.loads(result.stdout)
            return result.stdout
        return result


class Fake:
    """A fake provider as a process."""

    def __init__(self, shape: str):
        self.process = subprocess.Popen([FAKE, shape], stdout=subprocess.PIPE, text=True)
        self.base_url, self.key = self.process.stdout.readline().split()
        self.root = "{0.scheme}://{0.netloc}".format(urllib.parse.urlsplit(self.base_url))

    def __enter__(self) -> "Fake":
        return self

    def __exit__(self, *_) -> None:
        self.process.kill()
        self.process.wait()

    def behave(self, once: bool = False, **behaviour) -> None:
        http("POST", f"{self.root}/_fake/behave{'-once' if once else ''}", behaviour)

    def price(self, **picos: int) -> None:
        """What a token costs, in millionths of a millionth of a dollar: `input`, `cached`, `output`."""
        http("POST", f"{self.root}/_fake/prices", picos)

    def end_batches(self, **end) -> None:
        """Ends all batches that are under way, as it is told to."""
        http("POST", f"{self.root}/_fake/end-batches", end)

    def requests(self) -> list[dict]:
        return http("GET", f"{self.root}/_fake/requests")[0]

    def bills(self) -> dict:
        return http("GET", f"{self.root}/_fake/bills")[0]

    def provider(self, server: Server, kind: str) -> str:
        return server.provider(kind, api_key=self.key, base_url=self.base_url)


class Encrypted:
    """TLS before a server, with a certificate of its own: some SDKs send tokens over nothing else."""

    def __init__(self, folder: Path, server: Server):
        self.certificate, key = folder / "tls.pem", folder / "tls.key"
        names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
        make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", *names]
        subprocess.run([*make, "-keyout", str(key), "-out", str(self.certificate)], check=True, capture_output=True)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate, key)
        self.behind = ("127.0.0.1", server.port)
        self.socket = context.wrap_socket(socket.create_server(("127.0.0.1", 0)), server_side=True)
        self.url = f"https://127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                client, _ = self.socket.accept()
            except ssl.SSLError:
                continue
            except OSError:
                return
            server = socket.create_connection(self.behind)
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self.pump, args=(source, sink), daemon=True).start()

    @staticmethod
    def pump(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                sink.sendall(piece)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.socket.close()


@contextlib.contextmanager
def fresh_database(url: str):
    """An empty database on the server of this URL; gone afterwards."""
    name = f"iron_e2e_{uuid.uuid4().hex}"
    folders = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
    psql = shutil.which("psql") or f"{folders[-1]}/psql"

    def run(sql: str) -> None:
        subprocess.run([psql, url, "-q", "-c", sql], check=True, capture_output=True)

    run(f"CREATE DATABASE {name}")
    try:
        yield urllib.parse.urlsplit(url)._replace(path=f"/{name}").geturl()
    finally:
        run(f"DROP DATABASE {name} WITH (FORCE)")
