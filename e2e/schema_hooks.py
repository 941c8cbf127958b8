"""What schemathesis needs to know about this API: how to sign in, and which rules stand in no schema."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request

import schemathesis
from schemathesis import GenerationMode

# Rules that a JSON Schema of this kind cannot say: the document allows each value by itself.
BEYOND_THE_SCHEMA = {
    "schedule": "stands beside `period: custom`, and only there; a cron expression and a zone that exist",
    "schedule.cron": "is a cron expression",
    "schedule.timezone": "is a zone that exists",
    "period": "is `custom` beside a schedule, and only there",
    "csv": "has the columns of an invoice",
    "expires_at": "lies in the future",
    "yaml": "is given, or `config` is, not both",
    "config": "is given, or `yaml` is, not both",
    "final_spent_micros": "is given, or `final_spent` is, not both",
    "email": "belongs to channels of the kind `email`",
    "email.to[0]": "is an e-mail address",
    "email.from": "is an e-mail address",
    "email.host": "is a host name outside the network",
    "email.password": "stands beside a user name",
    "email.security": "is `none` for this machine only",
    "email.to": "are e-mail addresses",
    "priorities": "are percentages, none below that of a lower priority",
    "models": "are names of 1 to 200 characters",
    "since": "is a date or a timestamp that exists",
    "start_date": "is a date or a timestamp that exists",
    "end_date": "is a date or a timestamp that exists",
    "user_id": "is for the list of everybody's tokens; the list of one's own says so",
    "url": "is an https URL outside the network, for kinds that have one",
    "base_url": "is an URL outside the network",
    "api_key": "is needed by providers that have one",
    "config.project": "is needed by `vertex`",
    "config.location": "is needed by `vertex`",
    "config.region": "is needed by `aws_bedrock`",
    "config.role_arn": "is the ARN of a role, needed beside what goes with one",
    "soft_limits": "are percentages from 1 to 99",
    "status": "is `active` or `inactive` where a provider is changed",
    "scope": "is the id of something that has a budget",
    "reassign_to": "is another active user of the tenant",
    "certificates": "are SHA-256 fingerprints in hexadecimal",
}

# What tools and policies mean together is checked by their engine, and no schema could say it.
JUDGED_BY_THE_ENGINE = ("/api/v1/tools", "/api/v1/policies", "/tools", "/policies")


@schemathesis.auth(refresh_interval=20)
class SignIn:
    """A session of the administrator; a new one from time to time, since tests end sessions. Where too many logins
    have failed, the former one goes on."""

    token = ""

    def get(self, case, context):
        try:
            self.token = self.signed_in()
        except urllib.error.HTTPError:
            pass
        return self.token

    def signed_in(self) -> str:
        body = {"email": os.environ["IRON_ADMIN_EMAIL"], "password": os.environ["IRON_ADMIN_PASSWORD"]}
        request = urllib.request.Request(os.environ["IRON_SERVER"] + "/api/v1/auth/login", json.dumps(body).encode())
        request.add_header("content-type", "application/json")
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["access_token"]

    def set(self, case, data, context):
        case.headers = case.headers or {}
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.check
def valid_data_is_accepted(ctx, response, case):
    """As `positive_data_acceptance`, but for the rules that stand in no schema."""
    if case.meta is None or case.meta.generation.mode != GenerationMode.POSITIVE or response.status_code != 400:
        return
    if case.operation.path.startswith(JUDGED_BY_THE_ENGINE):
        return
    fields = json.loads(response.content).get("error", {}).get("fields", {})
    wrong = {name: text for name, text in fields.items() if name not in BEYOND_THE_SCHEMA}
    assert fields and not wrong, f"the document allows what the server refuses: {wrong or response.text}"


@schemathesis.check
def every_answer_is_ours(ctx, response, case):
    """What every answer carries, and the one shape of errors."""
    headers = {name.lower() for name in response.headers}
    assert "x-request-id" in headers, "no X-Request-Id"
    assert "x-content-type-options" in headers, "no X-Content-Type-Options"
    if response.status_code >= 400 and case.operation.path.startswith("/api") and "health" not in case.operation.path:
        assert json.loads(response.content)["error"]["code"], "not our shape of errors"
