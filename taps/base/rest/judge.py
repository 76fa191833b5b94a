"""What an answer means: good, worth another try, not allowed, gone, or an error; and what its body says."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from pipe import lenient
from pipe.errors import CredentialsError, DataError, SkippableError
from taps.base.rest.retry import TOO_MANY, AgainError, RestartError, retry_after
from taps.base.rest.template import dig

if TYPE_CHECKING:
    from collections.abc import Mapping

    from taps.base.rest.retry import BodyRule, Retry

_parse = msgspec.json.Decoder(float_hook=Decimal).decode
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,60}")
_OK, _REDIRECT, UNAUTHORIZED = 200, 300, 401
GONE = {404, 410}
NOTHING = {204, 304}
"""Statuses of an answer that has no rows and no body."""


class Reply(NamedTuple):
    """One answer."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class MissingError(SkippableError):
    """There is nothing at this address (any more)."""

    def __init__(self, stream: str) -> None:
        """For a stream."""
        super().__init__("the service has nothing at this address", rule="not_found", stream=stream)


class RefusedError(Exception):
    """The credentials were refused."""

    def final(self, stream: str) -> CredentialsError:
        """The error when new ones are refused, too."""
        return CredentialsError(
            f"the credentials are refused: {self}", stream=stream, remedy="Renew the token or secret in the settings"
        )


def judge(reply: Reply, policy: Retry, stream: str) -> None:
    """Return if the answer is a good one, as far as status and body rules tell.

    Raises:
        AgainError: another try may give a better one.
        RestartError: the list must be read from its start.
        RefusedError: the credentials were refused.
        SkippableError: the stream may not be read, or is not there.
        DataError: the service does not want the request.
    """
    status = reply.status
    good = _OK <= status < _REDIRECT or status in NOTHING
    if good and not policy.body:
        return
    body = _try_parse(reply.content)
    said = _described(reply, body, policy)
    for rule in policy.body:
        if rule.holds(status, body):
            _obey(rule, body, said, stream)
            return
    if good:
        return
    if status in policy.statuses:
        raise AgainError(said, wait=retry_after(reply.headers), patient=status == TOO_MANY)
    if status == UNAUTHORIZED:
        raise RefusedError(said)
    if status in policy.skip:
        raise SkippableError(f"not allowed: {said}", rule="forbidden", stream=stream)
    if status in GONE:
        raise MissingError(stream)
    raise DataError(
        f"the service does not take the request: {said}",
        stream=stream,
        remedy="Compare the settings of this stream with the service's description; else report it",
    )


def decode(reply: Reply) -> Any:
    """The body as JSON, amounts as decimals; None for an answer without rows.

    Raises:
        AgainError: it is empty, HTML, or cut.
    """
    if reply.status in NOTHING:
        return None
    try:
        return _parse(reply.content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    head = reply.content.lstrip()[:1]
    if not head:
        raise AgainError("an empty answer", final=DataError)
    if head == b"<":
        raise AgainError("a page of HTML instead of JSON", final=DataError)
    try:
        return _parse(lenient.mend(reply.content)[0])
    except (ValueError, msgspec.DecodeError):
        raise AgainError("JSON that is cut or malformed", final=DataError) from None


def _obey(rule: BodyRule, body: Any, said: str, stream: str) -> None:
    if rule.then == "retry":
        raise AgainError(said, wait=rule.wait(body) if rule.wait else None, patient=True)
    if rule.then == "again":
        raise AgainError(said, final=DataError)
    if rule.then == "restart":
        raise RestartError(said)
    if rule.then == "credentials":
        raise RefusedError(said)
    if rule.then == "skip":
        raise SkippableError(f"not allowed: {said}", rule="forbidden", stream=stream)
    raise DataError(f"the service reports an error: {said}", stream=stream)


def _described(reply: Reply, body: Any, policy: Retry) -> str:
    """Status, the vendor's code and number of the call; never its text, which may quote values."""
    code = dig(body, policy.code) if policy.code else None
    number = reply.headers.get(policy.request_id, "") if policy.request_id else ""
    parts = [f"status {reply.status}"]
    parts += [str(code)] if isinstance(code, str | int) and _CODE.fullmatch(str(code)) else []
    parts += [f"request {number}"] if _CODE.fullmatch(number) else []
    return ", ".join(parts)


def _try_parse(content: bytes) -> Any:
    try:
        return _parse(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
