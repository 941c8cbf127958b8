"""Iron Cage in the process of an agent: governed tools, governed models, guardrails.

.. code-block:: python

    from iron_cage import Cage

    cage = Cage()  # IRON_CAGE_URL, IRON_CAGE_TOKEN

    @cage.tool()
    def send_email(to: str, subject: str, body: str) -> str: ...

Each call of a governed tool is decided by the server before it runs, and what it gives back is scanned
before the agent sees it. Tools that run in the agent's own process are cooperative: a process that
is hostile can call what it holds. What must hold against it belongs behind the server: a tool that
the server runs, or a credential that only the server has.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from iron_cage._cage import Cage, default_cage, env, protect_agent
from iron_cage._context import Conversation, conversation
from iron_cage._native import Finding, Guard, Judgement, Outcome, Policies, __version__
from iron_cage._proxy import ToolProxy
from iron_cage._server_tools import AvailableTool, Invocation
from iron_cage._steps import Decision, Result
from iron_cage.errors import (
    ApprovalDenied,
    ApprovalExpired,
    ApprovalRequired,
    AuthenticationFailed,
    BudgetExceeded,
    ConfigurationError,
    ContentBlocked,
    Denied,
    IronCageError,
    ParameterInvalid,
    PolicyError,
    ProfileError,
    RateLimited,
    Refused,
    RequestInvalid,
    ToolUnknown,
    Unavailable,
)

if TYPE_CHECKING:
    from iron_cage.crewai import IronCageCrewAI
    from iron_cage.langchain import IronCageMiddleware, IronCageToolWrapper

__all__ = [
    "ApprovalDenied",
    "ApprovalExpired",
    "ApprovalRequired",
    "AuthenticationFailed",
    "AvailableTool",
    "BudgetExceeded",
    "Cage",
    "ConfigurationError",
    "ContentBlocked",
    "Conversation",
    "Decision",
    "Denied",
    "Finding",
    "Guard",
    "Invocation",
    "IronCageCrewAI",
    "IronCageError",
    "IronCageMiddleware",
    "IronCageToolWrapper",
    "Judgement",
    "Outcome",
    "ParameterInvalid",
    "Policies",
    "PolicyError",
    "ProfileError",
    "RateLimited",
    "Refused",
    "RequestInvalid",
    "Result",
    "ToolProxy",
    "ToolUnknown",
    "Unavailable",
    "__version__",
    "conversation",
    "default_cage",
    "env",
    "protect_agent",
]

_LAZY = {
    "IronCageToolWrapper": "iron_cage.langchain",
    "IronCageMiddleware": "iron_cage.langchain",
    "IronCageCrewAI": "iron_cage.crewai",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
