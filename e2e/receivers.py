"""Who is told: a mail server, and somebody who takes what Slack and webhooks take."""

from __future__ import annotations

import email
import email.policy
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from aiosmtpd.controller import Controller

from ironcage import free_port


class Mailbox:
    """A real SMTP server; refuses so many mails at first, for a while (4xx)."""

    def __init__(self, busy: int = 0):
        self.busy = busy
        self.mails: list = []
        self.controller = Controller(self, hostname="127.0.0.1", port=free_port())

    async def handle_DATA(self, server, session, envelope):
        if self.busy > 0:
            self.busy -= 1
            return "451 try again later"
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.mails.append((envelope.rcpt_tos, mail))
        return "250 taken"

    def __enter__(self) -> "Mailbox":
        self.controller.start()
        return self

    def __exit__(self, *_) -> None:
        self.controller.stop()

    @property
    def port(self) -> int:
        return self.controller.port

    def subjects(self) -> list[str]:
        return [mail["subject"] for _, mail in self.mails]


class Hook:
    """Takes what is posted; answers 429 to so many at first, and to whoever comes before the second is over."""

    def __init__(self, rate_limited: int = 0):
        self.rate_limited = rate_limited
        self.heard: list[tuple[dict, bytes]] = []
        self.early = 0
        self.not_before = 0.0
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                if time.monotonic() < hook.not_before:
                    hook.early += 1
                    self.answer(429, b"rate_limited", {"retry-after": "1"})
                elif hook.rate_limited > 0:
                    hook.rate_limited -= 1
                    hook.not_before = time.monotonic() + 1
                    self.answer(429, b"rate_limited", {"retry-after": "1"})
                else:
                    hook.heard.append((dict(self.headers), body))
                    self.answer(200, b"ok", {})

            def answer(self, status, text, headers):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/services/T0/B0/secret"

    def __enter__(self) -> "Hook":
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self.server.shutdown()

    def texts(self) -> list[str]:
        return [json.loads(body)["text"] for _, body in self.heard]
