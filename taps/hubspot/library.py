"""Calls through HubSpot's own client library, under our policies.

Its methods know paths of the versions v3 and v4 alone, parse every row into an object, and print errors to standard
output; its `ApiClient` below them takes any path and hands out the answer as it came.
"""

from __future__ import annotations

import time
import warnings
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
from hubspot.crm.objects import ApiClient, Configuration
from hubspot.crm.objects.exceptions import ApiException

from taps.base.rest.client import Client, Reply
from taps.base.rest.retry import AgainError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from taps.base.rest.call import Call

_CONNECT_SECONDS = 10
_CHUNK = 1 << 17
_FORM = "application/x-www-form-urlencoded"


class LibraryClient(Client):
    """The client of a run whose exchanges are made by `hubspot-api-client`."""

    _library: ApiClient | None = None

    def perform(self, call: Call) -> Reply:
        """One HTTP exchange, as in the base."""
        headers = {**self.session.headers, "Accept": "*/*", **call.headers}
        sent: dict[str, Any] = {"header_params": headers, "query_params": _pairs(call.url, call.params)}
        if isinstance(call.data, dict):
            sent |= {"header_params": {**headers, "Content-Type": _FORM}, "post_params": list(call.data.items())}
        elif call.data:
            sent["body"] = msgspec.json.decode(call.data)
        deadline = time.monotonic() + 5 * self.timeout
        with _quiet():
            try:
                response = self.library.call_api(
                    call.url.partition("?")[0],
                    call.method,
                    _host="",
                    _preload_content=False,
                    _request_timeout=(_CONNECT_SECONDS, self.timeout),
                    **sent,
                )
            except ApiException as refused:
                return _refusal(refused)
            except UnicodeDecodeError:
                raise AgainError("an error whose text is not UTF-8") from None
        try:
            chunks = []
            for chunk in response.stream(_CHUNK):
                chunks.append(chunk)
                if time.monotonic() > deadline:
                    raise AgainError("the answer comes too slowly")
            return Reply(response.status, response.headers, b"".join(chunks))
        finally:
            response.release_conn()

    @property
    def library(self) -> ApiClient:
        """The library's client: one pool of connections for the whole run; retries and redirects are ours to decide."""
        if self._library is None:
            configuration = Configuration(host=self.base_url)
            configuration.retries = False
            configuration.proxy = self.session.proxies.get(urlsplit(self.base_url).scheme)
            if isinstance(self.session.verify, str):
                configuration.ssl_ca_cert = self.session.verify
            self._library = ApiClient(configuration)
        return self._library


def _refusal(refused: ApiException) -> Reply:
    if not refused.status:  # the library's only way to say that the certificate is not trusted
        import requests

        raise requests.exceptions.SSLError
    body = refused.body or ""
    return Reply(refused.status, refused.headers or {}, body.encode() if isinstance(body, str) else body)


def _pairs(url: str, params: Mapping[str, Any] | None) -> list[tuple[str, Any]]:
    """Parameters of the address and others; a list becomes one of each value."""
    pairs: list[tuple[str, Any]] = parse_qsl(urlsplit(url).query, keep_blank_values=True)
    for name, value in (params or {}).items():
        pairs += [(name, item) for item in value] if isinstance(value, list | tuple) else [(name, value)]
    return pairs


class _Unheard:
    """Where the library's words go: a line of its own among the records would end the pipe, and may quote values."""

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        """Nothing waits."""


@contextmanager
def _quiet() -> Iterator[None]:
    with redirect_stdout(_Unheard()), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # it asks urllib3 for headers in an old way
        yield
