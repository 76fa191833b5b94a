"""Opening the service: credentials, endpoint, dataset."""

from __future__ import annotations

import ipaddress
import logging
import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import google.auth
from google.api_core.client_options import ClientOptions
from google.api_core.exceptions import Conflict, NotFound
from google.api_core.retry import Retry
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import GoogleAuthError
from google.auth.impersonated_credentials import Credentials as Impersonated
from google.cloud.bigquery import Client, Dataset

from pipe.errors import ConfigurationError, CredentialsError
from targets.bigquery.errors import is_passing, service_errors

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = logging.getLogger(__name__)

ENDPOINT_VARIABLE = "BIGQUERY_EMULATOR_HOST"
SCOPES = ("https://www.googleapis.com/auth/bigquery", "https://www.googleapis.com/auth/cloud-platform")
CALL_SECONDS = 60
"""How long one answer may take."""

RETRY = Retry(predicate=is_passing, initial=0.5, maximum=8.0, multiplier=2.0, timeout=CALL_SECONDS)
"""For calls that may be repeated; the client's own policy goes on for ten minutes."""


def connect(config: Mapping[str, Any]) -> Client:
    """A client of the service, or of the emulator that `api_endpoint` names.

    Raises:
        CredentialsError: there are no credentials, or they cannot be read.
        ConfigurationError: the endpoint is no URL.
    """
    endpoint = config.get("api_endpoint") or os.environ.get(ENDPOINT_VARIABLE)
    if endpoint and urlsplit(endpoint).scheme not in {"http", "https"}:
        raise ConfigurationError("api_endpoint must start with http:// or https://", field="api_endpoint")
    options = ClientOptions(api_endpoint=endpoint) if endpoint else None
    return Client(
        config["project"], _credentials(config, endpoint), location=config.get("location"), client_options=options
    )


def open_dataset(client: Client, name: str, config: Mapping[str, Any], labels: dict[str, str]) -> Dataset:
    """The dataset `name`, made when it is missing and that is allowed.

    Raises:
        ConfigurationError: it is missing, or in another location than the settings say.
        CredentialsError: its project may not be used.
    """
    with service_errors(f"opening dataset {name}"):
        try:
            found = client.get_dataset(name, retry=RETRY, timeout=CALL_SECONDS)
        except NotFound:
            found = _made(client, name, config, labels)
    wanted = config.get("location")
    if wanted and found.location and wanted.lower() != found.location.lower():
        raise ConfigurationError(
            f"dataset {name} is in {found.location}, and location says {wanted}",
            field="location",
            remedy="A dataset cannot be moved: set location to where it is, or name another dataset",
        )
    return found


def _made(client: Client, name: str, config: Mapping[str, Any], labels: dict[str, str]) -> Dataset:
    if not config["create_dataset"]:
        raise ConfigurationError(
            f"there is no dataset {name} in project {config['project']}",
            field="dataset",
            remedy="Make it, or set create_dataset to true",
        )
    dataset = Dataset(f"{config['project']}.{name}")
    if location := config.get("location"):
        dataset.location = location
    dataset.labels = labels
    try:
        made = client.create_dataset(dataset, retry=RETRY, timeout=CALL_SECONDS)
    except Conflict:  # another run was faster
        return client.get_dataset(name, retry=RETRY, timeout=CALL_SECONDS)
    logger.info("Dataset %s made in %s", name, made.location)
    return made


def _credentials(config: Mapping[str, Any], endpoint: str | None) -> Any:
    file, account = config.get("credentials_file"), config.get("impersonate_service_account")
    if endpoint and _is_loopback(endpoint) and not file and not account:
        return AnonymousCredentials()  # type: ignore[no-untyped-call]
    try:
        if file:
            found, _ = google.auth.load_credentials_from_file(file, scopes=SCOPES)  # type: ignore[no-untyped-call]
        else:
            found, _ = google.auth.default(scopes=SCOPES)
    except (GoogleAuthError, OSError, ValueError) as error:
        raise CredentialsError(
            "credentials_file cannot be used: it is missing, unreadable or no key of Google's"
            if file
            else f"no credentials are found ({type(error).__name__})",
            field="credentials_file",
            remedy="Set credentials_file, or log in with gcloud auth application-default login",
        ) from None
    return Impersonated(found, account, SCOPES) if account else found  # type: ignore[no-untyped-call]


def _is_loopback(endpoint: str) -> bool:
    """An emulator on this machine wants no credentials, and must be given none that are real."""
    host = urlsplit(endpoint).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
