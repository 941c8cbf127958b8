"""What can go wrong, as a tree: catch as much of it as you can act on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = [
    "ApprovalDenied",
    "ApprovalExpired",
    "ApprovalRequired",
    "AuthenticationFailed",
    "BudgetExceeded",
    "ConfigurationError",
    "ContentBlocked",
    "Denied",
    "IronCageError",
    "ParameterInvalid",
    "PolicyError",
    "ProfileError",
    "RateLimited",
    "Refused",
    "RequestInvalid",
    "ToolUnknown",
    "Unavailable",
]


class IronCageError(Exception):
    """The root of all errors of this package."""

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        rules: Sequence[str] = (),
        violations: Sequence[Any] = (),
        request_id: str | None = None,
        decision_id: str | None = None,
        approval_id: str | None = None,
        tool: str | None = None,
        retry_after: float | None = None,
        status: int | None = None,
        native_trace: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        #: The code of the server, for programs: `POLICY_DENIED`, `BUDGET_EXCEEDED`.
        self.code = code
        #: The names of the rules that made the decision.
        self.rules = tuple(rules)
        #: What is wrong with the arguments, each with its place.
        self.violations = tuple(violations)
        #: Finds the request in the logs of the server.
        self.request_id = request_id
        #: The decision about the call.
        self.decision_id = decision_id
        #: The request for approval that belongs to the call.
        self.approval_id = approval_id
        #: The tool that was called.
        self.tool = tool
        #: Seconds after which to try again, where the server knows.
        self.retry_after = retry_after
        #: The status of HTTP, if the server answered.
        self.status = status
        #: The causes below the error in the native module, and its stack if `RUST_BACKTRACE` is set.
        self.native_trace = native_trace

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions cross process pools; keyword arguments would be lost on the way.
        return (_rebuilt, (type(self), self.message, self.__dict__))


def _rebuilt(kind: type[IronCageError], message: str, fields: dict[str, Any]) -> IronCageError:
    error = kind(message)
    error.__dict__.update(fields)
    return error


class ConfigurationError(IronCageError):
    """Something is missing before any call can be made: the URL, the token, a library."""


class ProfileError(ConfigurationError):
    """A guardrail profile cannot work."""


class PolicyError(ConfigurationError):
    """A policy or the declaration of a tool cannot work."""


class Unavailable(IronCageError):
    """No decision was given: the server cannot be reached, or cannot answer now. Nothing was run,
    or what was run is not shown."""

    #: Whether the request cannot have arrived.
    unsent = False


class AuthenticationFailed(IronCageError):
    """The token is missing, unknown, expired or revoked, or the agent may not run now."""


class RequestInvalid(IronCageError):
    """The server did not understand the request."""


class Refused(IronCageError):
    """A decision was given, and it was no. The tool was not run."""


class Denied(Refused):
    """A policy denies the call, or none allows it."""


class ToolUnknown(Denied):
    """No tool of this name is registered."""


class ParameterInvalid(Denied):
    """An argument may not be what it is; `violations` say which."""


class ApprovalRequired(Refused):
    """Somebody must agree first, and has not yet; `approval_id` is the request."""


class ApprovalDenied(Refused):
    """Somebody was asked and did not agree."""


class ApprovalExpired(Refused):
    """Somebody was asked, and nobody answered in time."""


class BudgetExceeded(Refused):
    """A budget above the agent has no room for the call."""


class RateLimited(Refused):
    """Too many calls; `retry_after` says when to try again."""


class ContentBlocked(Refused):
    """A guardrail blocked the arguments, or what the tool gave back."""


_BY_CODE: dict[str, type[IronCageError]] = {
    "POLICY_DENIED": Denied,
    "ACTION_DENIED": Denied,
    "INSUFFICIENT_PERMISSIONS": Denied,
    "TOOL_UNKNOWN": ToolUnknown,
    "PARAMETER_INVALID": ParameterInvalid,
    "RATE_LIMITED": RateLimited,
    "RATE_LIMIT_EXCEEDED": RateLimited,
    "QUOTA_EXCEEDED": RateLimited,
    "BUDGET_EXCEEDED": BudgetExceeded,
    "CONTENT_BLOCKED": ContentBlocked,
    "APPROVAL_REQUIRED": ApprovalRequired,
    "APPROVAL_DENIED": ApprovalDenied,
    "APPROVAL_EXPIRED": ApprovalExpired,
}


def kind_of(code: str | None, status: int | None = None) -> type[IronCageError]:
    """The class for a code of the server, else for a status of HTTP."""
    if code in _BY_CODE:
        return _BY_CODE[code]
    if status is None:
        return Denied
    if status in (401, 403) or code == "INVALID_STATE":
        return AuthenticationFailed
    if status == 429:
        return RateLimited
    return Unavailable if status >= 500 else RequestInvalid
