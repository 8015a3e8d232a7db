"""An error of a row or of a call in, one of our outcomes out. Its words are looked at first: one code has many."""

from __future__ import annotations

from collections.abc import Mapping

from pushdsl.plugins import Failure, Refused, RefusedKind, Temporary, Unauthorized, Unknown

KINDS: Mapping[str, RefusedKind] = {
    "woocommerce_rest_product_invalid_id": "not_found",
    "woocommerce_rest_product_variation_invalid_id": "not_found",
    "woocommerce_rest_invalid_product_id": "bad_request",  # a variation that was given as a product
    "woocommerce_rest_authentication_missing_parameter": "bad_request",
}
"""By code; any other goes by its status, and is a bad request where that says nothing."""
STATUSES: Mapping[int, RefusedKind] = {403: "blocked", 423: "locked"}


def failure(status: int, code: str, message: str, retry_after: float | None = None) -> Failure:
    """What `status` means, which is that of the row or of the call; `code` is empty where none could be read."""
    words = message.lower()
    if status == 429 or "invalid nonce" in words or (status == 503 and retry_after is not None):
        return Temporary(message, retry_after, code or str(status))  # none of them came to the stock
    if "invalid timestamp" in words:
        return Refused(code, f"{message} (set the clock of this machine)", "bad_request")
    if status < 300 or status >= 500:
        return Unknown(f"HTTP {status}: {message}")
    if status == 401 and code not in KINDS:
        return Unauthorized("reauthorize", message, code)
    hint = " (set `base_url` to the address that the shop redirects to)" if status < 400 else ""
    return Refused(code or str(status), message + hint, KINDS.get(code) or STATUSES.get(status, "bad_request"))


def of_row(error: object) -> Failure:
    """What the `error` of a row in a batch says, whose status is its own."""
    said = error if isinstance(error, dict) else {}
    data = said.get("data")
    status = data.get("status") if isinstance(data, dict) else None
    words = str(said.get("message") or "refused without a reason")[:400]
    return failure(status if isinstance(status, int) else 400, str(said.get("code") or ""), words)
