"""A server that decides as a test says: for what happens on this side of the wire."""

from __future__ import annotations

import json
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Authority:
    """Answers `authorize` with what was queued, else allows; gives outputs back as `scan` makes them."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.reported: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.queue: deque[tuple[int, dict[str, Any]]] = deque()
        self.scan = lambda output: ("allow", output)
        authority = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                authority.headers.append({k.lower(): v for k, v in self.headers.items()})
                known = {"tool", "arguments", "conversation_id", "execution_id", "end_user", "attributes", "approval_id", "wait_seconds"}
                if unknown := body.keys() - known - {"decision_id", "status", "duration_ms", "output"}:
                    self.answer(400, {"error": {"code": "MALFORMED_REQUEST", "message": f"unknown {unknown}"}})
                elif self.path.endswith("/authorize"):
                    authority.asked.append(body)
                    self.answer(*authority.decide(body))
                else:
                    authority.reported.append(body)
                    verdict, output = authority.scan(body.get("output"))
                    self.answer(200, {"output": output, "verdict": verdict, "findings": [{"rule": "pii.email"}]})

            def answer(self, status: int, body: dict[str, Any]) -> None:
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(data)))
                self.send_header("x-request-id", "req_1")
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        class Listener(ThreadingHTTPServer):
            request_queue_size = 512
            daemon_threads = True

        self.server = Listener(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def decide(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if self.queue:
            return self.queue.popleft()
        return 200, {"decision": "allow", "decision_id": f"dec_{len(self.asked)}", "reason": "", "rules": ["all"]}

    def next(self, decision: str, code: str | None = None, reason: str = "no", **fields: Any) -> None:
        body = {"decision": decision, "decision_id": "dec_x", "code": code, "reason": reason, "rules": ["rule"]}
        self.queue.append((200, body | fields))

    def fails(self, status: int, code: str, message: str = "no") -> None:
        self.queue.append((status, {"error": {"code": code, "message": message}}))

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
