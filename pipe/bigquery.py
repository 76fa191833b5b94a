"""A client of BigQuery: endpoint and credentials."""

from __future__ import annotations

import ipaddress
import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import google.auth
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import GoogleAuthError
from google.auth.impersonated_credentials import Credentials as Impersonated
from google.cloud.bigquery import Client

from pipe.errors import ConfigurationError, CredentialsError

if TYPE_CHECKING:
    from collections.abc import Mapping

ENDPOINT_VARIABLE = "BIGQUERY_EMULATOR_HOST"
SCOPES = ("https://www.googleapis.com/auth/bigquery", "https://www.googleapis.com/auth/cloud-platform")


def connect(config: Mapping[str, Any]) -> Client:
    """A client of the service, or of the emulator that `api_endpoint` names.

    Raises:
        CredentialsError: there are no credentials, or they cannot be read.
        ConfigurationError: the endpoint is no URL.
    """
    endpoint = endpoint_of(config)
    if endpoint and urlsplit(endpoint).scheme not in {"http", "https"}:
        raise ConfigurationError("api_endpoint must start with http:// or https://", field="api_endpoint")
    options = ClientOptions(api_endpoint=endpoint) if endpoint else None
    return Client(
        config["project"], _credentials(config, endpoint), location=config.get("location"), client_options=options
    )


def endpoint_of(config: Mapping[str, Any]) -> str | None:
    """URL of the service, if it is not Google's."""
    return config.get("api_endpoint") or os.environ.get(ENDPOINT_VARIABLE)


def is_loopback(endpoint: str) -> bool:
    """An emulator on this machine wants no credentials, and must be given none that are real."""
    host = urlsplit(endpoint).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _credentials(config: Mapping[str, Any], endpoint: str | None) -> Any:
    file, account = config.get("credentials_file"), config.get("impersonate_service_account")
    if endpoint and is_loopback(endpoint) and not file and not account:
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
