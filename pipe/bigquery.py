"""A client of BigQuery: endpoint and credentials; labels."""

from __future__ import annotations

import ipaddress
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import google.auth
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import GoogleAuthError
from google.auth.identity_pool import Credentials as WorkloadIdentity
from google.auth.impersonated_credentials import Credentials as Impersonated
from google.cloud.bigquery import Client
from google.oauth2.credentials import Credentials as User
from google.oauth2.service_account import Credentials as ServiceAccount

from pipe.errors import ConfigurationError, CredentialsError

if TYPE_CHECKING:
    from collections.abc import Mapping

ENDPOINT_VARIABLE = "BIGQUERY_EMULATOR_HOST"
SCOPES = ("https://www.googleapis.com/auth/bigquery", "https://www.googleapis.com/auth/cloud-platform")
KINDS: dict[str, Any] = {
    "service_account": ServiceAccount.from_service_account_info,
    "authorized_user": User.from_authorized_user_info,
    "external_account": WorkloadIdentity.from_info,
}
"""What `credentials_file` may hold. google-auth takes more and deprecates to let the file choose."""

LONGEST_LABEL = 63


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
        config["project"], credentials(config, endpoint), location=config.get("location"), client_options=options
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


def label(text: str) -> str:
    """A text as the value of a label may be."""
    return re.sub(r"[^a-z0-9_-]", "_", text.lower())[:LONGEST_LABEL]


def credentials(config: Mapping[str, Any], endpoint: str | None) -> Any:
    """Google's credentials: `credentials_file`, or the default ones; none for an emulator on this machine.

    Raises:
        CredentialsError: there are none, or they cannot be read.
    """
    file, account = config.get("credentials_file"), config.get("impersonate_service_account")
    if endpoint and is_loopback(endpoint) and not file and not account:
        return AnonymousCredentials()  # type: ignore[no-untyped-call]
    try:
        found = _from_file(Path(file)) if file else google.auth.default(scopes=SCOPES)[0]
    except (GoogleAuthError, OSError, ValueError, TypeError, KeyError) as error:
        raise CredentialsError(
            "credentials_file cannot be used: it is missing, unreadable or no key of Google's"
            if file
            else f"no credentials are found ({type(error).__name__})",
            field="credentials_file",
            remedy="Set credentials_file, or log in with gcloud auth application-default login",
        ) from None
    return Impersonated(found, account, SCOPES) if account else found  # type: ignore[no-untyped-call]


def _from_file(path: Path) -> Any:
    content = json.loads(path.read_text(encoding="utf-8"))
    return KINDS[content["type"]](content, scopes=SCOPES)
