"""What the service says, as errors of ours.

Its texts may quote values, so only the reason it gives and the id of the job are passed on: `bq show -j <id>` tells
the rest to whoever may see it.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import requests
from google.api_core import exceptions as api
from google.auth import exceptions as auth
from google.resumable_media import InvalidResponse

from pipe.errors import ConfigurationError, CredentialsError, DataError, PipeError, RetriableError

if TYPE_CHECKING:
    from collections.abc import Iterator

PASSING = {
    "backendError",
    "badGateway",
    "internalError",
    "jobBackendError",
    "jobInternalError",
    "jobRateLimitExceeded",
    "rateLimitExceeded",
    "tableUnavailable",
    "userRateLimitExceeded",
}
"""Reasons that go away within minutes."""

QUOTA = {"quotaExceeded", "resourcesExceeded", "stopped", "timeout"}
"""Reasons that do not, though nothing has to be mended."""

FORBIDDEN = {"accessDenied", "billingNotEnabled", "blocked", "policyViolation"}

_LOST = (
    ConnectionError,
    TimeoutError,
    requests.exceptions.ConnectionError,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.Timeout,
    auth.TransportError,
    api.RetryError,
)
_RIGHTS = (
    "Grant roles/bigquery.dataEditor on the dataset and roles/bigquery.jobUser on the project (roles/bigquery.user "
    "if the dataset is to be made)"
)
ANY = (
    api.GoogleAPICallError,
    api.RetryError,
    auth.GoogleAuthError,
    InvalidResponse,
    requests.RequestException,
    OSError,
)
"""What a call of the client may raise."""


class JobFailedError(Exception):
    """A job has ended with an error."""

    def __init__(self, job_id: str, reason: str) -> None:
        """The `reason` is a word of the service's."""
        super().__init__(f"job {job_id}: {reason}")
        self.job_id = job_id
        self.reason = reason


def reason(error: BaseException) -> str:
    """The service's word for what is wrong, if it said one."""
    if isinstance(error, JobFailedError):
        return error.reason
    details = getattr(error, "errors", None) or []
    first: Any = details[0] if details else None
    return str(first.get("reason", "")) if isinstance(first, dict) else ""


def is_passing(error: BaseException) -> bool:
    """Whether the same call may work a little later."""
    if isinstance(error, requests.exceptions.SSLError):
        return False
    said = reason(error)
    return (
        said in PASSING
        or isinstance(error, (*_LOST, api.TooManyRequests))
        or (isinstance(error, api.ServerError) and not isinstance(error, api.MethodNotImplemented))
    )


def is_answer(error: BaseException) -> bool:
    """Whether the service has answered, and so has not taken what was asked."""
    return isinstance(error, api.Unauthorized | api.Forbidden | auth.RefreshError | auth.DefaultCredentialsError)


@contextmanager
def service_errors(what: str, stream: str | None = None) -> Iterator[None]:
    """Turn the client's errors into ours; `what` was being done."""
    try:
        yield
    except (JobFailedError, *ANY) as error:
        raise translated(error, what, stream) from None


def translated(error: BaseException, what: str, stream: str | None = None) -> PipeError:
    """The error of ours for one of the client's."""
    said = reason(error)
    told = f" ({said})" if said else ""
    job = f", job {error.job_id}" if isinstance(error, JobFailedError) else ""
    kind, problem, remedy = _refusal(error, said)
    if kind is DataError and not said:
        told = f" ({type(error).__name__})"
    return kind(f"{what} failed: {problem}{told}{job}", stream=stream, remedy=remedy)


def _refusal(error: BaseException, said: str) -> tuple[type[PipeError], str, str]:
    """Class, problem and remedy."""
    if isinstance(error, auth.GoogleAuthError) and not isinstance(error, auth.TransportError):
        remedy = "Renew the key, or log in again with gcloud auth application-default login"
        found: tuple[type[PipeError], str, str] = (CredentialsError, "the credentials are refused", remedy)
    elif isinstance(error, api.Unauthorized):
        found = (CredentialsError, "the credentials are not accepted", "Renew the key")
    elif is_passing(error):
        remedy = "Run again later; what was committed is kept"
        found = (RetriableError, "the service is busy or cannot be reached", remedy)
    elif said in QUOTA:
        remedy = "Run again later, raise the quota, or raise batch_size_rows so that fewer jobs are needed"
        found = (RetriableError, "a limit of the project is reached", remedy)
    elif isinstance(error, api.Forbidden) or said in FORBIDDEN:
        found = (CredentialsError, "a right is missing", _RIGHTS)
    elif isinstance(error, api.NotFound) or said == "notFound":
        problem = "the project, dataset or table is not there, or in another location"
        found = (ConfigurationError, problem, "See that project, dataset and location are right")
    else:
        found = (DataError, "the service refuses it", "bq show -j with the job's id tells more")
    return found
