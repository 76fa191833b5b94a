"""What BigQuery's errors mean for whoever runs the tap.

Its texts may quote values, so only the word it gives as the reason is passed on.
"""

from __future__ import annotations

from typing import Any

import requests
from google.api_core import exceptions as api
from google.auth import exceptions as auth

from pipe.errors import ConfigurationError, CredentialsError, DataError, PipeError, RetriableError

SERVICE_ERRORS = (
    api.GoogleAPIError,
    auth.GoogleAuthError,
    requests.RequestException,
    ConnectionError,
    TimeoutError,
)
"""What a call of the clients may raise."""

TIMED_OUT = (TimeoutError, requests.Timeout, api.RetryError)
"""What a call raises that waits no longer."""

_Fault = tuple[type[PipeError], str, str]
_LOST: _Fault = (RetriableError, "BigQuery is busy or cannot be reached", "Run again: it goes on there")
_QUOTA: _Fault = (RetriableError, "a quota of the project is used up", "Run again later, or raise the quota")
_RIGHTS: _Fault = (
    CredentialsError,
    "a right is missing",
    "Grant roles/bigquery.dataViewer on the datasets, and roles/bigquery.jobUser on the project",
)
_SLOW: _Fault = (
    RetriableError,
    "a statement took longer than statement_timeout",
    "Raise it, or read fewer rows with 'where'",
)
_REASONS: dict[str, _Fault] = {
    "quotaExceeded": _QUOTA,
    "billingTierLimitExceeded": _QUOTA,
    "bytesBilledLimitExceeded": (
        ConfigurationError,
        "a statement would read more than maximum_bytes_billed",
        "Raise it, or read fewer partitions with 'where' and fewer columns with 'columns'",
    ),
    "resourcesExceeded": (
        ConfigurationError,
        "a statement needs more than BigQuery gives one",
        "Set max_rows, so that a run orders fewer rows, or read less with 'where'",
    ),
    **dict.fromkeys(("stopped", "timeout"), _SLOW),
    **dict.fromkeys(("rateLimitExceeded", "jobRateLimitExceeded", "backendError", "jobBackendError"), _LOST),
    **dict.fromkeys(("accessDenied", "billingNotEnabled", "blocked", "policyViolation"), _RIGHTS),
}
_CLASSES: tuple[tuple[tuple[type[BaseException], ...], _Fault], ...] = (
    ((auth.TransportError,), _LOST),
    (
        (auth.GoogleAuthError, api.Unauthorized),
        (
            CredentialsError,
            "the credentials are refused",
            "Renew the key, or log in again with gcloud auth application-default login",
        ),
    ),
    ((api.Forbidden,), _RIGHTS),
    (
        (api.NotFound, api.BadRequest),
        (
            ConfigurationError,
            "BigQuery does not know a dataset, table or column, or cannot parse the statement",
            "Compare project, location, and where, columns and sql of this stream, with --discover",
        ),
    ),
    ((api.ServerError, api.TooManyRequests, api.RetryError), _LOST),
    ((requests.RequestException, ConnectionError, TimeoutError), _LOST),
)


def translated(error: BaseException, stream: str | None) -> PipeError:
    """Our error for one of the client's."""
    said = _reason(error)
    fault = _REASONS.get(said) or next((fault for kinds, fault in _CLASSES if isinstance(error, kinds)), None)
    if fault:
        kind, problem, remedy = fault
        return kind(problem, stream=stream, remedy=remedy)
    told = said or type(error).__name__
    return DataError(f"BigQuery refused to read it ({told})", stream=stream, remedy="Try the stream's SQL in a console")


def too_slow(stream: str | None) -> PipeError:
    """The error for a statement that was given up here."""
    kind, problem, remedy = _SLOW
    return kind(problem, stream=stream, remedy=remedy)


def _reason(error: BaseException) -> str:
    details = getattr(error, "errors", None) or []
    first: Any = details[0] if details else None
    return str(first.get("reason", "")) if isinstance(first, dict) else ""
