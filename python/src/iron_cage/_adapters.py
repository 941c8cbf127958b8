"""Which adapter governs a tool of a framework. No framework is imported for the question."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from iron_cage._cage import Cage

#: The module and class of a tool, and the function here that governs it.
_KNOWN = (
    ("langchain_core.tools", "BaseTool", "iron_cage.langchain"),
    ("crewai.tools", "BaseTool", "iron_cage.crewai"),
    ("agents", "FunctionTool", "iron_cage.openai_agents"),
    ("llama_index.core.tools", "BaseTool", "iron_cage.llama_index"),
    ("autogen_core.tools", "BaseTool", "iron_cage.autogen"),
)


def govern(tool: Any, cage: Cage, options: Mapping[str, Any]) -> Any | None:
    """The tool as its framework knows it, governed; nothing if it is of no known framework."""
    for module, name, adapter in _KNOWN:
        # A tool of a framework that was never imported cannot be.
        loaded = sys.modules.get(module)
        kind = getattr(loaded, name, None)
        if isinstance(kind, type) and isinstance(tool, kind):
            return importlib.import_module(adapter).govern(tool, cage, **options)
    return None


def name_of(tool: Any) -> str:
    """What a governed tool is registered as."""
    proxy = getattr(tool, "tool_proxy", tool)
    return str(getattr(proxy, "name", None) or getattr(tool, "__name__", type(tool).__name__))
