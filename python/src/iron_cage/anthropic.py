"""The clients of Anthropic's SDK, through the gateway.

.. code-block:: python

    from iron_cage.anthropic import Anthropic  # instead of: from anthropic import Anthropic

    client = Anthropic()  # IRON_CAGE_URL, IRON_CAGE_TOKEN
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iron_cage import _context
from iron_cage._frameworks import need

if TYPE_CHECKING:
    import anthropic as _anthropic

    from iron_cage._cage import Cage
else:
    _anthropic = need("anthropic", "anthropic")

__all__ = ["AsyncAnthropic", "Anthropic"]


def _options(cage: Cage | None, options: dict[str, Any]) -> dict[str, Any]:
    from iron_cage._cage import default_cage

    known = cage or default_cage()
    return {"base_url": known.url, "api_key": known.token, **options}


class Anthropic(_anthropic.Anthropic):
    """`anthropic.Anthropic`, whose calls are governed. All else is as in the SDK."""

    def __init__(self, cage: Cage | None = None, **options: Any) -> None:
        super().__init__(**_options(cage, options))

    @property
    def default_headers(self) -> dict[str, Any]:
        """Those of the SDK, with the conversation around the call."""
        return {**super().default_headers, **_context.headers()}


class AsyncAnthropic(_anthropic.AsyncAnthropic):
    """`anthropic.AsyncAnthropic`, whose calls are governed. All else is as in the SDK."""

    def __init__(self, cage: Cage | None = None, **options: Any) -> None:
        super().__init__(**_options(cage, options))

    @property
    def default_headers(self) -> dict[str, Any]:
        """Those of the SDK, with the conversation around the call."""
        return {**super().default_headers, **_context.headers()}
