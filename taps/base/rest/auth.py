"""How a client signs in: each way is a value with the headers it adds and what it does when they are refused."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from pipe.errors import CredentialsError
from taps.base.rest.call import Call
from taps.base.rest.retry import BUSY, TOO_MANY, AgainError, retry_after

if TYPE_CHECKING:
    from taps.base.rest.client import Client, Reply
    from taps.base.rest.credentials import CredentialStore
    from taps.base.rest.retry import BodyRule

Form = Mapping[str, str]


class Auth(Protocol):
    """A way to sign in."""

    def headers(self, client: Client) -> Mapping[str, str]:
        """What every request carries."""

    def renew(self, client: Client) -> bool:
        """After a refusal: get new credentials; False where there is nothing to renew."""


class Fixed:
    """Headers that stay: an API key, a long-lived token; `Fixed()` is no way to sign in at all."""

    def __init__(self, headers: Form | None = None) -> None:
        """Take the headers, secrets in clear."""
        self._headers = dict(headers or {})

    def headers(self, client: Client) -> Form:
        """The same ones."""
        return self._headers

    def renew(self, client: Client) -> bool:
        """No."""
        return False


def bearer(token: str) -> Fixed:
    """RFC 6750."""
    return Fixed({"Authorization": f"Bearer {token}"})


def basic(user: str, password: str = "") -> Fixed:
    """RFC 7617."""
    return Fixed({"Authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"})


class OAuth:
    """OAuth 2.0 tokens (RFC 6749), got when first needed, renewed by the clock and after a refusal.

    With a `store`, the form gets `refresh_token`, and a new one in the answer is kept there before it is used.
    After the first request `grant` is the service's whole answer (some say there which host to ask).
    """

    def __init__(
        self,
        url: str,
        form: Form | Callable[[], Form],
        *,
        store: CredentialStore | None = None,
        header: str = "Authorization",
        scheme: str = "Bearer ",
        headers: Form | None = None,
        as_json: bool = False,
        margin: float = 60,
        lifetime: float | None = None,
        limit: BodyRule | None = None,
    ) -> None:
        """Say how to ask.

        Args:
            url: the token endpoint.
            form: what is sent; a callable makes it anew each time (a signed assertion expires).
            store: where refresh tokens are kept, for grants that have one.
            header: which header carries the access token.
            scheme: what stands before it.
            headers: for the token request, such as Basic credentials of the client.
            as_json: send JSON, not a form.
            margin: seconds before its end at which a token is renewed.
            lifetime: seconds a token lives where the answer does not say.
            limit: how a refusal says that tokens are asked for too often, where its status does not.
        """
        self.grant: dict[str, Any] = {}
        self._url, self._form, self._store = url, form, store
        self._header, self._scheme = header, scheme
        self._request_headers, self._as_json = dict(headers or {}), as_json
        self._margin, self._lifetime, self._limit = margin, lifetime, limit
        self._expires = 0.0

    def headers(self, client: Client) -> Form:
        """The access token's header; asks for a token if there is none, or if its time is up."""
        if not self.grant or time.monotonic() >= self._expires:
            self._sign_in(client)
        return {self._header: f"{self._scheme}{self.grant['access_token']}"}

    def renew(self, client: Client) -> bool:
        """Ask for a new token."""
        self._sign_in(client)
        return True

    def _sign_in(self, client: Client) -> None:
        if self._store is None:
            granted = self._ask(client, {})
        else:
            with self._store.held() as tokens:
                granted = next(filter(None, (self._ask(client, {"refresh_token": token}) for token in tokens)), None)
                if granted and granted.get("refresh_token"):
                    self._store.keep(granted["refresh_token"])
        if not granted:
            raise CredentialsError(
                "the service refuses the credentials",
                remedy="Give a fresh token or secret in the settings; the old one has expired or was taken back",
            )
        self.grant = granted
        life = float(granted.get("expires_in") or self._lifetime or "inf")
        self._expires = time.monotonic() + max(life - self._margin, life / 2)

    def _ask(self, client: Client, more: Form) -> dict[str, Any] | None:
        form = {**(self._form() if callable(self._form) else self._form), **more}
        headers = dict(self._request_headers)
        if self._as_json:
            headers["Content-Type"] = "application/json"
        data: Any = msgspec.json.encode(form) if self._as_json else form
        call = Call("POST", self._url, data=data, headers=headers)
        return client.exchange(lambda: client.perform(call), self._granted, "sign-in", judged=False)

    def _granted(self, reply: Reply) -> dict[str, Any] | None:
        """The grant in an answer; None for a refusal, which some services send with status 200."""
        if reply.status in BUSY:  # whatever its text says: that is no word on the credentials
            wait = retry_after(reply.headers)
            raise AgainError(f"status {reply.status} for the sign-in", wait=wait, patient=reply.status == TOO_MANY)
        try:
            body = msgspec.json.decode(reply.content)
        except (msgspec.DecodeError, UnicodeDecodeError):
            body = None
        limit = self._limit
        if limit and limit.holds(reply.status, body):
            wait = limit.wait(body) if limit.wait else None
            raise AgainError("tokens are asked for too often", wait=wait, patient=True)
        if reply.status in {400, 401, 403}:
            return None
        if isinstance(body, dict) and body.get("access_token"):
            return body
        if isinstance(body, dict) and body.get("error"):
            return None
        raise AgainError("the answer to the sign-in has no access token, or is not JSON")
