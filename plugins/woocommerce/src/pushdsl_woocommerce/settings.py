"""Key and address of one WooCommerce shop."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

Secret = Annotated[SecretStr, Field(min_length=1)]


class WooCommerceSettings(BaseModel):
    """One account: a REST key that may read and write. Over https the key is sent, over http it only signs."""

    # A wrong secret must not be printed back by the error that rejects it.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    base_url: Annotated[str, Field(pattern=r"^https?://[^?#@\s]+$")]
    consumer_key: Secret
    consumer_secret: Secret
    webhook_secret: Secret | None = None
