"""Calls through simple-salesforce, under our policies.

Its methods parse every row into an ordered mapping and lose an error's headers; `restful` below them takes any path,
and here it hands out the answer as it came. https://simple-salesforce.readthedocs.io
"""

from __future__ import annotations

from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceError

from pipe.errors import RetriableError
from taps.base.rest.client import Client, Reply

if TYPE_CHECKING:
    import requests

    from taps.base.rest.call import Call


class LibraryClient(Client):
    """The client of a run whose exchanges are made by simple-salesforce; it ends the run before the quota is spent."""

    def __init__(self, base_url: str, *, version: str, quota_percent: float, **more: Any) -> None:
        """Nothing is sent yet.

        Args:
            base_url: the organisation's address.
            version: of the API, such as 67.0.
            quota_percent: share of the organisation's calls of 24 hours after which a run ends.
            more: as the base takes it.
        """
        super().__init__(base_url, **more)
        self._version, self._percent = version, quota_percent
        self._refused: requests.Response | None = None
        self.session.hooks["response"].append(self._keep)

    @property
    def usage(self) -> tuple[int, int] | None:
        """Calls of the last 24 hours, and how many there may be, as the last answer said."""
        told = self.library.api_usage.get("api-usage")
        return (told.used, told.total) if told and told.total else None

    @cached_property
    def library(self) -> Salesforce:
        """The library's client; it neither signs in nor tries again by itself."""
        made = _AsTheyCome(self)
        made.headers = {}  # those of our own are enough; one of its would have answers made pretty
        return made

    def perform(self, call: Call) -> Reply:
        """One HTTP exchange, as in the base; what is not of the API (the sign-in) goes as there."""
        root = f"{self.base_url}/services/data/v{self._version}/"
        if not call.url.startswith(root):
            return super().perform(call)
        self.library.base_url = root  # the library knows neither http nor a path before its own
        sent = {"Content-Type": "application/json", **call.headers}
        try:
            reply: Reply | None = self.library.restful(
                call.url.removeprefix(root),
                dict(call.params or {}),
                call.method,
                data=call.data,
                headers=sent,
                allow_redirects=False,
                **self.patience,
            )
        except SalesforceError:
            if self._refused is None:
                raise AssertionError("an error without an answer") from None
            return Reply(self._refused.status_code, self._refused.headers, self._refused.content)
        self._check_quota()
        return reply or Reply(HTTPStatus.NO_CONTENT, {}, b"")

    def _keep(self, response: requests.Response, *arguments: Any, **options: Any) -> None:
        self._refused = response

    def _check_quota(self) -> None:
        if (usage := self.usage) and usage[0] * 100 >= usage[1] * self._percent:
            raise RetriableError(
                f"{usage[0]} of the organisation's {usage[1]} calls of 24 hours are spent",
                field="quota_percent",
                remedy="Run again later: the next run goes on from the bookmark",
            )


class _AsTheyCome(Salesforce):
    """The library's client, which gives `Reply` where it would parse an answer."""

    def __init__(self, client: LibraryClient) -> None:
        self._client = client
        super().__init__(
            session_id="of every call", instance_url=client.base_url, version=client._version, session=client.session
        )

    def parse_result_to_json(self, result: requests.Response) -> Reply:
        return self._client.whole(result)
