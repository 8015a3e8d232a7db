"""TikTok Shop stores for pushdsl; Tokopedia's too, whose stock is the same stock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pushdsl.plugins import hookimpl

if TYPE_CHECKING:
    from pushdsl.plugins import Platform


@hookimpl
def pushdsl_platforms() -> list[Platform]:
    from pushdsl_tiktok.platform import TikTok, Tokopedia

    return [TikTok(), Tokopedia()]
