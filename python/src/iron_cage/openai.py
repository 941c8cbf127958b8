"""The clients of OpenAI's SDK, through the gateway.

.. code-block:: python

    from iron_cage.openai import OpenAI  # instead of: from openai import OpenAI

    client = OpenAI()  # IRON_CAGE_URL, IRON_CAGE_TOKEN
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iron_cage import _context
from iron_cage._frameworks import need

if TYPE_CHECKING:
    import openai as _openai

    from iron_cage._cage import Cage
else:
    _openai = need("openai", "openai")

__all__ = ["AsyncOpenAI", "OpenAI"]


def _options(cage: Cage | None, options: dict[str, Any]) -> dict[str, Any]:
    from iron_cage._cage import default_cage

    known = cage or default_cage()
    return {"base_url": f"{known.url}/v1", "api_key": known.token, **options}


class OpenAI(_openai.OpenAI):
    """`openai.OpenAI`, whose calls are governed. All else is as in the SDK."""

    def __init__(self, cage: Cage | None = None, **options: Any) -> None:
        super().__init__(**_options(cage, options))

    @property
    def default_headers(self) -> dict[str, Any]:
        """Those of the SDK, with the conversation around the call."""
        return {**super().default_headers, **_context.headers()}


class AsyncOpenAI(_openai.AsyncOpenAI):
    """`openai.AsyncOpenAI`, whose calls are governed. All else is as in the SDK."""

    def __init__(self, cage: Cage | None = None, **options: Any) -> None:
        super().__init__(**_options(cage, options))

    @property
    def default_headers(self) -> dict[str, Any]:
        """Those of the SDK, with the conversation around the call."""
        return {**super().default_headers, **_context.headers()}
