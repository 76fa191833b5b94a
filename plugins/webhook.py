"""One signed message for every finished run, in the form of Standard Webhooks.

    POST <url>
    webhook-id: <run id>
    webhook-timestamp: <seconds since 1970>
    webhook-signature: v1,<base64 of HMAC-SHA256 of "<id>.<timestamp>.<body>">

The key of the HMAC is the secret; one that starts with `whsec_` is the base64 of the key. A receiver that has seen an
id before has the message twice and can drop it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import http.client
import json
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

from pipe.errors import ConfigurationError
from plugins import wiring

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from plugins.policy import Webhook
    from plugins.result import RunResult

TYPE = "run.finished"
WAITS = (1.0, 4.0)
"""Seconds before the second and the third attempt to deliver."""

TIMEOUT_SECONDS = 10
_BASE64 = "whsec_"
_PASSING = {408, 425, 429}
_LEFT_OUT = {"cursor", "log", "stages"}
"""Of the result: bookmarks, paths of this machine, and what is long."""


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`.

    Raises:
        ConfigurationError: the secret starts with `whsec_` and is no base64.
    """
    try:
        key = base64.b64decode(secret.removeprefix(_BASE64), validate=True) if secret.startswith(_BASE64) else None
    except binascii.Error:
        raise ConfigurationError(
            "the webhook's secret starts with whsec_ and is not base64", remedy="Copy it again, whole"
        ) from None
    signed = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.new(secret.encode() if key is None else key, signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def message(result: RunResult) -> bytes:
    """The body: one form for one result, keys sorted, no spaces."""
    data = {name: value for name, value in result.as_dict().items() if name not in _LEFT_OUT}
    event: dict[str, Any] = {"type": TYPE, "timestamp": result.completed_at, "data": data}
    return json.dumps(event, sort_keys=True, separators=(",", ":")).encode()


def send(
    hook: Webhook, variables: Mapping[str, str], result: RunResult, sleep: Callable[[float], object] = time.sleep
) -> str | None:
    """Tell of a run; returns why that failed for good, or None.

    Args:
        hook: where, and by which secret.
        variables: hold the secret.
        result: what is told.
        sleep: waits between attempts.
    """
    secret = wiring.expand(hook.secret, variables)
    if not secret:
        return f"the webhook was not sent: {hook.secret} is not set"
    body = message(result)
    problem: str | None = None
    for wait in (0.0, *WAITS):
        if wait:
            sleep(wait)
        timestamp = int(time.time())
        try:
            signature = sign(secret, result.run_id, timestamp, body)
        except ConfigurationError as error:
            return str(error)
        problem, passing = _post(hook.url, body, result.run_id, timestamp, signature)
        if problem is None or not passing:
            break
    return problem and f"the webhook was not taken: {problem}"


def _post(url: str, body: bytes, message_id: str, timestamp: int, signature: str) -> tuple[str | None, bool]:
    """What went wrong, if anything, and whether it may pass."""
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "growthnav-connectors",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature,
    }
    request = urllib.request.Request(url, body, headers, method="POST")  # noqa: S310  the scheme was checked
    try:
        with _OPENER.open(request, timeout=TIMEOUT_SECONDS):
            return None, False
    except urllib.error.HTTPError as error:
        error.close()
        return f"the receiver answered {error.code}", error.code >= http.client.INTERNAL_SERVER_ERROR or (
            error.code in _PASSING
        )
    except (OSError, http.client.HTTPException) as error:
        return f"the receiver could not be reached ({type(error).__name__})", True


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A receiver that has moved is a mistake in the settings; following it could lead anywhere."""

    def redirect_request(self, *_: object, **__: object) -> None:
        """Refuse."""


_OPENER = urllib.request.build_opener(_NoRedirect)
