"""A lease in Google Cloud Storage: an object changed only at the generation last seen."""

from __future__ import annotations

import json
import os
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import requests
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import AuthorizedSession

from pipe import bigquery
from pipe.errors import CredentialsError, RetriableError

if TYPE_CHECKING:
    from collections.abc import Mapping

ENDPOINT_VARIABLE = "STORAGE_EMULATOR_HOST"
"""Names another service, as for Google's own client."""

_SECONDS = 20
_LATER = "Look whether its bucket exists, or run again later"
_CONDITION_FAILED, _MISSING, _REFUSED = 412, 404, {401, 403}


class GCSLease:
    """As `LeaseStore`, by three calls of the JSON interface: Meltano's state backend brings a client, we need none."""

    def __init__(self, bucket: str, key: str, settings: Mapping[str, str]) -> None:
        """Use the object `key`; `settings` are those of Meltano's state backend."""
        self._settings, self._key = settings, key
        self._endpoint = os.environ.get(ENDPOINT_VARIABLE)
        base = (self._endpoint or "https://storage.googleapis.com").rstrip("/")
        self._objects = f"{base}/upload/storage/v1/b/{quote(bucket, safe='')}/o"
        self._object = f"{base}/storage/v1/b/{quote(bucket, safe='')}/o/{quote(key, safe='')}"

    def read(self) -> tuple[bytes, str] | None:
        """As `LeaseStore.read`."""
        answer = self._call("GET", self._object, alt="media")
        return (answer.content, answer.headers["x-goog-generation"]) if answer else None

    def write(self, content: bytes, version: str | None) -> str | None:
        """As `LeaseStore.write`; generation 0 is that of an object that is not there."""
        condition = {"uploadType": "media", "name": self._key, "ifGenerationMatch": version or "0"}
        answer = self._call("POST", self._objects, content, **condition)
        return str(answer.json()["generation"]) if answer else None

    def delete(self, version: str) -> None:
        """As `LeaseStore.delete`."""
        self._call("DELETE", self._object, ifGenerationMatch=version)

    @cached_property
    def _session(self) -> Any:
        settings = self._settings
        if text := settings.get("application_credentials_json"):
            try:
                credentials = bigquery.KINDS["service_account"](json.loads(text), scopes=bigquery.SCOPES)
            except (ValueError, GoogleAuthError):
                raise CredentialsError("it is no key of Google's", field="application_credentials_json") from None
        else:
            path = settings.get("application_credentials_path") or settings.get("application_credentials")
            credentials = bigquery.credentials({"credentials_file": path}, self._endpoint)
        return AuthorizedSession(credentials)  # type: ignore[no-untyped-call]

    def _call(self, method: str, url: str, content: bytes | None = None, **query: str) -> Any:
        """The answer, or None where a condition was not met or nothing is there.

        Raises:
            CredentialsError: the service refuses us, or the key of the settings cannot be used.
            RetriableError: it does not answer, or not as it should.
        """
        try:
            answer = self._session.request(method, url, content, params=query, timeout=_SECONDS)
        except (requests.RequestException, GoogleAuthError) as error:
            raise RetriableError(
                f"the state backend cannot be asked for the lease ({type(error).__name__})", remedy=_LATER
            ) from None
        if answer.status_code == _CONDITION_FAILED or (answer.status_code == _MISSING and method != "POST"):
            return None
        if answer.status_code in _REFUSED:
            raise CredentialsError(
                f"the state backend refuses the lease ({answer.status_code})",
                remedy="Grant the right to read, write and delete objects beside the states",
            )
        if not answer.ok:
            raise RetriableError(f"the state backend answers {answer.status_code} for the lease", remedy=_LATER)
        return answer
