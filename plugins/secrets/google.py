"""Secrets in Google Secret Manager: each change is a new version, and the newest counts."""

from __future__ import annotations

import json
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from google.api_core.exceptions import (
    Conflict,
    Forbidden,
    GoogleAPICallError,
    NotFound,
    RetryError,
    ServerError,
    TooManyRequests,
    Unauthorized,
)
from google.auth.exceptions import GoogleAuthError
from google.cloud.secretmanager_v1 import SecretManagerServiceClient
from google.cloud.secretmanager_v1.services.secret_manager_service.transports import SecretManagerServiceRestTransport

from pipe import bigquery
from pipe.errors import ConfigurationError, CredentialsError, PipeError, RetriableError
from plugins.secrets import vault

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from plugins.secrets.vault import Content

_SECONDS = 30


class GoogleResolver:
    """Secrets of one project, labelled with their tenant."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Use the project `project`; `api_endpoint` names another service, such as one on this machine.

        Raises:
            ConfigurationError: there is no project.
        """
        if not config["project"]:
            raise ConfigurationError("Google Secret Manager needs a project", field="secrets.project")
        self._config = config
        self._parent = f"projects/{config['project']}"

    def read(self, tenant: str, path: str) -> Content | None:
        """As `Resolver.read`."""
        del tenant
        try:
            answer = self._call(self._client.access_secret_version, name=f"{self._name(path)}/versions/latest")
        except NotFound:
            return None
        return vault.decode(path, answer.payload.data)

    def write(self, tenant: str, path: str, content: Content) -> None:
        """As `Resolver.write`."""
        secret = {"replication": {"automatic": {}}, "labels": {"tenant": tenant}}
        with suppress(Conflict):
            self._call(self._client.create_secret, parent=self._parent, secret_id=path, secret=secret)
        payload = {"data": json.dumps(content, sort_keys=True).encode()}
        self._call(self._client.add_secret_version, parent=self._name(path), payload=payload)

    def delete(self, tenant: str, path: str) -> None:
        """As `Resolver.delete`, with all versions."""
        del tenant
        with suppress(NotFound):
            self._call(self._client.delete_secret, name=self._name(path))

    def paths(self, tenant: str) -> list[str]:
        """As `Resolver.paths`."""
        request = {"parent": self._parent, "filter": f"name:{vault.prefix(tenant)}"}
        found = self._call(lambda **more: list(self._client.list_secrets(request=request, **more)))
        names = [secret.name.rpartition("/")[2] for secret in found]
        return [name for name in names if name.startswith(vault.prefix(tenant))]

    def _name(self, path: str) -> str:
        return f"{self._parent}/secrets/{path}"

    @cached_property
    def _client(self) -> SecretManagerServiceClient:
        endpoint = self._config["api_endpoint"]
        credentials = bigquery.credentials(self._config, endpoint)
        if not endpoint:
            return SecretManagerServiceClient(transport="rest", credentials=credentials)
        url = urlsplit(endpoint)
        transport = SecretManagerServiceRestTransport(host=url.netloc, url_scheme=url.scheme, credentials=credentials)
        return SecretManagerServiceClient(transport=transport)

    def _call(self, method: Callable[..., Any], **arguments: Any) -> Any:
        """One call; its errors as ours, without their text.

        Raises:
            NotFound, Conflict: for the caller to decide.
        """
        request = {"request": arguments} if arguments else {}
        try:
            return method(**request, timeout=_SECONDS)
        except (NotFound, Conflict):
            raise
        except (GoogleAPICallError, RetryError, GoogleAuthError) as error:
            raise _ours(error) from None


def _ours(error: Exception) -> PipeError:
    what = f"Google Secret Manager cannot be used ({type(error).__name__})"
    if isinstance(error, Forbidden | Unauthorized | GoogleAuthError):
        return CredentialsError(what, remedy="Grant the role Secret Manager Admin, or Secret Accessor to a runner")
    if isinstance(error, ServerError | TooManyRequests | RetryError):
        return RetriableError(what, remedy="Run again in a moment")
    return ConfigurationError(what, remedy="Check the project of the secrets in meltano.yml")
