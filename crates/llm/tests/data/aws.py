#!/usr/bin/env python3
"""Makes aws.json: what botocore signs and reads, as the oracle for our own signer and decoder.

    pip install botocore==1.44.5
    python3 aws.py > aws.json

Requests over hostile paths, bodies and keys, each with the header that botocore signs it with; and
streams of `application/vnd.amazon.eventstream` with the messages that botocore reads in them.
"""

import datetime
import json
import struct
import sys
import zlib

import botocore
import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.eventstream import EventStreamBuffer
from urllib.parse import quote

MOMENTS = ["20261123T055000Z", "20150830T123600Z", "20280229T235959Z"]
KEYS = [
    ("AKIDEXAMPLE0000000", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", None),
    ("ASIDEXAMPLE0000000", "s/+=ecret", "IQoJb3JpZ2luX2VjE//to:ken+=="),
]
MODELS = [
    "amazon.nova-micro-v1:0",
    "us.anthropic.claude-haiku-4-5-20251001-v1:0",
    "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-6",
    "arn:aws-us-gov:bedrock:us-gov-west-1:123456789012:application-inference-profile/a1b2",
    "a~b_c-d.e",
]
BODIES = [b"", b"{}", '{"messages":[{"role":"user","content":[{"text":"Grüße \\" & <b>\\n"}]}]}'.encode(), bytes(range(256))]
ENDPOINTS = [
    ("eu-central-1", "https://bedrock-runtime.eu-central-1.amazonaws.com", ""),
    ("us-gov-west-1", "http://127.0.0.1:8443", "/behind/a prefix"),
]


def signed(region, service, endpoint, path, body, key, moment, content_type):
    class Frozen(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return cls.strptime(moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=tz)

        @classmethod
        def utcnow(cls):
            return cls.strptime(moment, "%Y%m%dT%H%M%SZ")

    now = datetime.datetime.strptime(moment, "%Y%m%dT%H%M%SZ")
    botocore.auth.get_current_datetime = lambda remove_tzinfo=True: now
    botocore.auth.datetime = type("clock", (), {"datetime": Frozen, "timezone": datetime.timezone})
    headers = {"content-type": content_type} if content_type else {}
    request = AWSRequest(method="POST", url=endpoint + path, headers=headers, data=body)
    botocore.auth.SigV4Auth(Credentials(*key), service, region).add_auth(request)
    assert request.headers["X-Amz-Date"] == moment, request.headers
    return request.headers["Authorization"]


def vectors():
    number = 0
    for region, endpoint, prefix in ENDPOINTS:
        for model in MODELS:
            for body in BODIES:
                key = KEYS[number % len(KEYS)]
                moment = MOMENTS[number % len(MOMENTS)]
                kind = ["application/json", "", "application/x-www-form-urlencoded"][number % 3]
                service = ["bedrock", "sts"][number % 2]
                number += 1
                path = quote(prefix, safe="/") + f"/model/{quote(model, safe='~')}/converse"
                yield {
                    "region": region, "service": service, "host": endpoint.split("//")[1], "path": path,
                    "body": body.hex(), "content_type": kind, "moment": moment, "model": model,
                    "id": key[0], "secret": key[1], "token": key[2],
                    "authorization": signed(region, service, endpoint, path, body, key, moment, kind),
                }


def message(headers, payload):
    block = b""
    for name, kind, value in headers:
        block += struct.pack("!B", len(name)) + name.encode() + struct.pack("!B", kind) + value
    prelude = struct.pack("!II", len(block) + len(payload) + 16, len(block))
    whole = prelude + struct.pack("!I", zlib.crc32(prelude)) + block + payload
    return whole + struct.pack("!I", zlib.crc32(whole))


def text(value):
    return struct.pack("!H", len(value.encode())) + value.encode()


def event(name, body):
    return message(
        [(":event-type", 7, text(name)), (":content-type", 7, text("application/json")), (":message-type", 7, text("event"))],
        json.dumps(body, ensure_ascii=False).encode())


def streams():
    usage = {"inputTokens": 11, "outputTokens": 7, "totalTokens": 58, "cacheReadInputTokens": 10, "cacheWriteInputTokens": 30}
    yield [
        event("messageStart", {"role": "assistant", "p": "abcd"}),
        event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"text": "Rain?"}}}),
        event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"signature": "c2ln"}}}),
        event("contentBlockStop", {"contentBlockIndex": 0}),
        event("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"text": "Grüße, \"you\"\n"}}),
        event("contentBlockStop", {"contentBlockIndex": 1}),
        event("contentBlockStart", {"contentBlockIndex": 2, "start": {"toolUse": {"toolUseId": "tooluse_1", "name": "f"}}}),
        event("contentBlockDelta", {"contentBlockIndex": 2, "delta": {"toolUse": {"input": "{\"a\":"}}}),
        event("contentBlockDelta", {"contentBlockIndex": 2, "delta": {"toolUse": {"input": "1}"}}}),
        event("contentBlockStop", {"contentBlockIndex": 2}),
        event("messageStop", {"stopReason": "tool_use"}),
        event("metadata", {"usage": usage, "metrics": {"latencyMs": 421}}),
    ]
    every = [
        ("true", 0, b""), ("false", 1, b""), ("byte", 2, b"\xff"), ("short", 3, b"\x01\x02"), ("int", 4, b"\0" * 4),
        ("long", 5, b"\0" * 8), ("bytes", 6, b"\0\x03abc"), ("text", 7, text("ünï")), ("moment", 8, b"\0" * 8), ("uuid", 9, b"\0" * 16),
    ]
    yield [message(every, b"payload"), message([], b""), message([], bytes(range(256)))]
    yield [
        event("messageStart", {"role": "assistant"}),
        message([(":message-type", 7, text("exception")), (":exception-type", 7, text("throttlingException"))], b'{"message":"Too many tokens"}'),
        message([(":message-type", 7, text("error")), (":error-code", 7, text("InternalError")), (":error-message", 7, text("Oops"))], b""),
    ]


def read(messages):
    buffer = EventStreamBuffer()
    buffer.add_data(b"".join(messages))
    return [{
        "headers": {name: value for name, value in one.headers.items() if isinstance(value, str) and name != "uuid"},
        "payload": one.payload.hex(),
    } for one in buffer]


def main():
    all_streams = [{"bytes": b"".join(one).hex(), "messages": read(one)} for one in streams()]
    made = {"botocore": botocore.__version__, "signatures": list(vectors()), "streams": all_streams}
    json.dump(made, sys.stdout, indent=1, ensure_ascii=False)
    print()


if __name__ == "__main__":
    main()
