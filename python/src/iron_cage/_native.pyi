"""Guardrails, policies and marshalling, in this process."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, final

__version__: str

_Channel = Literal[
    "system", "assistant", "user", "tool_result", "document", "memory", "tool_arguments", "output"
]
_Verdict = Literal["allow", "warn", "flag", "redact", "block"]

def encode(value: object) -> bytes: ...
def decode(data: bytes) -> Any: ...
def simplify(value: object) -> Any: ...

@final
class Outcome:
    @property
    def decision(self) -> Literal["allow", "deny", "approval_required"]: ...
    @property
    def code(self) -> Literal["TOOL_UNKNOWN", "PARAMETER_INVALID", "POLICY_DENIED"] | None: ...
    @property
    def reason(self) -> str: ...
    @property
    def rules(self) -> list[str]: ...
    @property
    def violations(self) -> list[tuple[str, str, str]]: ...

@final
class Policies:
    def __new__(
        cls,
        policies: str | Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]] | None = None,
        *,
        shipped: bool = True,
    ) -> Policies: ...
    def decide(
        self,
        tool: str,
        arguments: object,
        *,
        agent: str = ...,
        role: Literal["read_only", "read_write", "admin"] = ...,
        team: str = ...,
        model: str = ...,
        attributes: Mapping[str, str] = ...,
        tainted: bool = ...,
        at: str = ...,
    ) -> Outcome: ...

@final
class Finding:
    @property
    def entity(self) -> str: ...
    @property
    def category(self) -> Literal["pii", "secret", "injection", "custom"]: ...
    @property
    def rule(self) -> str: ...
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def score(self) -> float: ...
    @property
    def severity(self) -> Literal["low", "medium", "high"]: ...
    @property
    def verdict(self) -> _Verdict: ...

@final
class Judgement:
    @property
    def verdict(self) -> _Verdict: ...
    @property
    def text(self) -> str: ...
    @property
    def findings(self) -> list[Finding]: ...
    @property
    def passes(self) -> bool: ...

@final
class Guard:
    def __new__(cls, profile: Mapping[str, Any] | None = None) -> Guard: ...
    @property
    def profile(self) -> dict[str, Any]: ...
    def judge(self, text: str, channel: _Channel = "user") -> Judgement: ...
    def judge_value(
        self, value: object, channel: _Channel = "tool_arguments"
    ) -> tuple[_Verdict, Any, list[Finding]]: ...
    def redact(self, text: str, channel: _Channel = "user") -> str: ...
