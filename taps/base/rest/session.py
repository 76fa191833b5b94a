"""A `requests.Session` for vendors' client libraries: every request they make goes through the client's policies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import requests

from taps.base.rest.client import Reply

if TYPE_CHECKING:
    from taps.base.rest.client import Client

_CONNECT_SECONDS = 10


class GuardedSession(requests.Session):
    """Hand it to a library that takes a session (`Salesforce(session=...)`); set `where` to the stream being read.

    Retries, limits, counts, time-outs and errors are those of the client, and its credentials replace the library's,
    so that a token that expires in mid-run is renewed. Errors of the service never reach the library.
    """

    def __init__(self, client: Client) -> None:
        """Send for `client`."""
        super().__init__()
        self.where = "sign-in"
        self.trust_env = False
        self.proxies.update(client.session.proxies)
        self.verify = client.session.verify
        self._client = client

    def request(self, method: str, url: str, **options: Any) -> requests.Response:  # type: ignore[override]
        """As in `requests`, with options by name."""
        kept: list[requests.Response] = []
        given = dict(options.pop("headers", None) or {})
        options.setdefault("allow_redirects", False)
        options.setdefault("timeout", (_CONNECT_SECONDS, self._client.timeout))

        def perform() -> Reply:
            headers = {**given, **self._client.signed()}
            response = super(GuardedSession, self).request(method, url, headers=headers, **options)
            kept[:] = [response]
            return Reply(response.status_code, response.headers, response.content)

        self._client.exchange(perform, lambda _: None, self.where)
        return kept[0]
