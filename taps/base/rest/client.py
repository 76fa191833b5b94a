"""HTTP with the policies of an API: every answer is checked, tried again where that helps, and counted.

`exchange` takes any function that makes one call, so a vendor's own client library gets the same treatment as
`requests` here.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import requests
import urllib3

from pipe import messages
from pipe.errors import ConfigurationError, DataError, PipeError, RetriableError
from taps.base.rest.auth import Auth, Fixed
from taps.base.rest.budget import Account, Budget, Sleep
from taps.base.rest.call import Call
from taps.base.rest.judge import GONE, UNAUTHORIZED, MissingError, RefusedError, Reply, decode, judge
from taps.base.rest.retry import AgainError, Retry, retry_after

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["Client", "MissingError", "RefusedError", "Reply"]

T = TypeVar("T")

_CONNECT_SECONDS = 10
_CHUNK = 1 << 17
_OK = 200
_LONG_WAIT = 10
_STORAGE_GONE = GONE | {400, 403}
"""How storage says that an address, which opens by itself, has had its time."""


class Client:
    """The calls of one run to one service."""

    def __init__(
        self,
        base_url: str,
        *,
        auth: Auth | None = None,
        headers: Mapping[str, str] | None = None,
        retry: Retry | None = None,
        budget: Budget | None = None,
        timeout: float = 60,
        sleep: Sleep = time.sleep,
        logger: logging.Logger | None = None,
        watch: Callable[[Reply], None] | None = None,
    ) -> None:
        """Nothing is sent yet.

        Args:
            base_url: what paths are appended to.
            auth: how to sign in.
            headers: of every request, such as the API's version.
            retry: which answers are tried again.
            budget: limits on calls.
            timeout: seconds without a byte after which a call is given up; an answer may take five times that.
            sleep: waits; it may raise to end the run.
            logger: is told of long waits.
            watch: sees every answer first, such as to end the run when a quota is nearly spent.
        """
        self.base_url = base_url.rstrip("/")
        self.auth: Auth = auth or Fixed()
        self.retry = retry or Retry()
        self.account = Account(budget or Budget(), sleep)
        self.session = requests.Session()
        self.session.headers.update(headers or {})
        # Looked up once: for every call this would cost as much as the call; and .netrc must not replace our tokens.
        self.session.trust_env = False
        self.session.proxies.update(requests.utils.get_environ_proxies(self.base_url))
        self.session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
        self.timeout = timeout
        self._sleep = sleep
        self._log = logger
        self._watch = watch
        self._pause = 0.0

    def url(self, path: str) -> str:
        """The address of a path, or of an address the service gave.

        Raises:
            DataError: it leads to another host, which must not see our credentials.
        """
        address = (
            path if "://" in path else f"{self.base_url}{path}" if path.startswith("/") else f"{self.base_url}/{path}"
        )
        if "://" not in path:
            return address
        theirs, ours = urlsplit(address), urlsplit(self.base_url)
        if (theirs.scheme, theirs.netloc) != (ours.scheme, ours.netloc):
            raise DataError("the service's address of the next page leads to another host")
        return address

    def json(
        self,
        method: str,
        path: str,
        accept: Callable[[Any, Mapping[str, str]], T],
        where: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> T:
        """Call and hand the decoded answer (None for "nothing", status 204 or 304) to `accept`.

        `accept` raises `AgainError` for an answer that is no good.

        Raises:
            PipeError: what the service says or does leaves no other way; names stream and page.
        """
        url = self.url(path)
        data = None if body is None else messages.encode(body)
        sent = {"Content-Type": "application/json", **(headers or {})} if data else headers

        return self.exchange(
            lambda: self.perform(Call(method, url, params, data, {**self.signed(), **(sent or {})})),
            lambda reply: accept(decode(reply), reply.headers),
            where,
        )

    def perform(self, call: Call) -> Reply:
        """One HTTP exchange; redirects are not followed, as they would take the credentials along."""
        sent = {"params": call.params, "data": call.data, "headers": call.headers}
        with self.session.request(call.method, call.url, allow_redirects=False, **sent, **self.patience) as response:
            return self.whole(response)

    @property
    def patience(self) -> dict[str, Any]:
        """How `requests` is to wait for an answer that `whole` reads."""
        return {"timeout": (_CONNECT_SECONDS, self.timeout), "stream": True}

    def whole(self, response: requests.Response) -> Reply:
        """An answer that has begun, read to its end, unless that takes too long."""
        deadline = time.monotonic() + 5 * self.timeout
        chunks = []
        for chunk in response.iter_content(_CHUNK):
            chunks.append(chunk)
            if time.monotonic() > deadline:
                raise AgainError("the answer comes too slowly")
        return Reply(response.status_code, response.headers, b"".join(chunks))

    @contextmanager
    def download(self, url: str, where: str, *, signed: bool = True) -> Iterator[requests.Response]:
        """A large answer, opened for reading in pieces; what breaks while it is read is a `RetriableError`.

        `signed` sends our credentials along: not to storage addresses of another host.
        """
        response = self.exchange(lambda: self._get(url, where, signed=signed), _opened, where, judged=False)
        try:
            with response:
                yield response
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise RetriableError(f"the download broke off: {_kind(error)}", stream=where) from None

    def save(self, url: str, file: IO[bytes], where: str, *, signed: bool = True) -> None:
        """A large answer, written to `file`, which is then at its start; one that breaks off is asked for again.

        Raises:
            MissingError: the service does not keep it any more.
        """

        def perform() -> None:
            file.seek(0)
            file.truncate()
            with _opened(self._get(url, where, signed=signed)) as response:
                for chunk in response.iter_content(_CHUNK):
                    _write(file, chunk, where)
            file.seek(0)

        self.exchange(perform, lambda _: None, where, judged=False)

    def _get(self, url: str, where: str, *, signed: bool) -> requests.Response:
        response = self.session.get(
            url,
            headers=self.signed() if signed else {},
            timeout=(_CONNECT_SECONDS, self.timeout),
            stream=True,
            allow_redirects=not signed,  # a redirect would take the credentials along
        )
        if signed and response.status_code == UNAUTHORIZED:
            response.close()
            raise RefusedError(f"status {UNAUTHORIZED} for a download")
        if response.status_code in (GONE if signed else _STORAGE_GONE):
            response.close()
            raise MissingError(where.partition(",")[0])
        return response

    def exchange(self, perform: Callable[[], Any], accept: Callable[[Any], T], where: str, *, judged: bool = True) -> T:
        """Make a call until its answer is good.

        Args:
            perform: makes one call and gives a `Reply` (or whatever `accept` takes, if not `judged`).
            accept: turns the answer into what the caller wants, or raises `AgainError`.
            where: `stream` or `stream, page 3`, for messages and for the count.
            judged: whether status and body rules apply first.
        """
        tries, spent, renewed = 0, 0.0, False
        stream = where.partition(",")[0]
        while True:
            tries += 1
            began = time.monotonic()
            try:
                self._wait_out()
                self.account.take(stream)
                reply = perform()
                if judged:
                    self._look(reply)
                    judge(reply, self.retry, stream)
                return accept(reply)
            except RefusedError as refused:
                if renewed or not self.auth.renew(self):
                    raise refused.final(stream) from None
                renewed = True
                continue
            except AgainError as again:
                problem = again
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
                problem = AgainError(_kind(error))
            wait = self.retry.wait(tries, problem.wait)
            spent += time.monotonic() - began + wait
            over = spent > self.retry.seconds
            if over or (not problem.patient and tries >= self.retry.attempts):
                raise _final(problem, where, tries) from None
            if self._log and wait > _LONG_WAIT:
                self._log.warning("%s: %s; waiting %.0f s", where, problem.reason, wait)
            self._sleep(wait)

    def signed(self) -> Mapping[str, str]:
        """The headers that sign us in.

        Raises:
            ConfigurationError: a secret has characters that no header may have, such as a line's end.
        """
        headers = self.auth.headers(self)
        if not all(value.isascii() and value.isprintable() for value in headers.values()):
            raise ConfigurationError(
                "the key or token in the settings has characters that none has",
                remedy="Copy it again, without blanks and line ends around it",
            )
        return headers

    def _look(self, reply: Reply) -> None:
        """Show the answer to whoever watches, and note if the next call has to wait."""
        if self._watch:
            self._watch(reply)
        if self.retry.rates and (pause := self.retry.rates.wait(reply.headers, reply.content)):
            self._pause = min(pause, self.retry.seconds)

    def _wait_out(self) -> None:
        if self._pause:
            pause, self._pause = self._pause, 0.0
            self._sleep(pause)


def _final(problem: AgainError, where: str, tries: int) -> PipeError:
    stream, _, page = where.partition(", ")
    place = f"{page}: " if page else ""
    limited = " (rate limit)" if problem.patient else ""
    return problem.final(
        f"{place}{problem.reason}{limited}, also after {tries} tries",
        stream=stream,
        remedy="Run again later: the next run goes on from the bookmark",
    )


def _kind(error: BaseException) -> str:
    """What broke, in words; the library's own text quotes addresses with their parameters."""
    if isinstance(error, requests.exceptions.SSLError):
        raise ConfigurationError("the service's certificate is not trusted", remedy="Check api_url") from None
    if isinstance(error, urllib3.exceptions.NewConnectionError):  # to urllib3 it is a kind of time-out
        return "no connection"
    if isinstance(error, requests.Timeout | TimeoutError | urllib3.exceptions.TimeoutError):
        return "no answer in time"
    if isinstance(error, requests.exceptions.ChunkedEncodingError | urllib3.exceptions.ProtocolError):
        return "the answer broke off"
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.MissingSchema):
        raise ConfigurationError("the address is not one", field="api_url") from None
    return "no connection"


def _write(file: IO[bytes], chunk: bytes, where: str) -> None:
    try:
        file.write(chunk)
    except OSError as error:
        raise RetriableError(f"a download cannot be kept: {error.strerror}", stream=where) from None


def _opened(response: requests.Response) -> requests.Response:
    if response.status_code == _OK:
        return response
    wait = retry_after(response.headers)
    response.close()
    raise AgainError(f"status {response.status_code} for a download", wait=wait)
