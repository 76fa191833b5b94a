"""What Snowflake's error numbers mean for whoever runs the tap."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipe.errors import ConfigurationError, CredentialsError, DataError, PipeError, RetriableError

if TYPE_CHECKING:
    from snowflake.connector.errors import Error

_LOST = (RetriableError, "the connection to Snowflake was lost", "Run again: it goes on there")
_REFUSED = (CredentialsError, "Snowflake refused the login", "Renew the password, token or key, and compare user")
_UNKNOWN = (
    ConfigurationError,
    "Snowflake does not know a table or column of the statement, or cannot parse it, or the role may not see it",
    "Compare where, columns and sql of this stream with --discover",
)
_FAULTS: dict[int, tuple[type[PipeError], str, str]] = {
    **dict.fromkeys((904, 1003, 2003, 2043), _UNKNOWN),
    **dict.fromkeys(range(390100, 390112), _REFUSED),
    **dict.fromkeys((390118, 390120, 390144, 390186, 390189, 390201, 390302, 390303, 390318, 394400), _REFUSED),
    **dict.fromkeys((390112, 390113, 390114, 390115, 390195), _LOST),
    **dict.fromkeys(
        (604, 630),
        (
            RetriableError,
            "a statement took longer than statement_timeout",
            "Raise it, take a larger warehouse, or read fewer rows with 'where'",
        ),
    ),
    606: (ConfigurationError, "the session has no running warehouse", "Set warehouse to one the role may use"),
    3001: (CredentialsError, "the role may not read it", "GRANT USAGE on its schema and SELECT on it"),
}
_LOGIN_FAULTS = (
    (("Identity Provider", "OAuth"), _REFUSED),
    (
        ("rivate key", "passphrase", "Authentication failed"),
        (
            CredentialsError,
            "the private key cannot be used",
            "Check private_key or private_key_path and private_key_passphrase",
        ),
    ),
)
_AWAY = (RetriableError, "Snowflake cannot be reached", "Check account, host and network, then run again")


def translated(error: Error, stream: str | None, *, connecting: bool) -> PipeError:
    """Our error for one of the driver's; its own words may quote values, so they are left out."""
    number = int(error.errno or 0)
    if connecting and number not in _FAULTS:
        text = str(error)
        fault = next((fault for words, fault in _LOGIN_FAULTS if any(word in text for word in words)), _AWAY)
        return fault[0](fault[1], remedy=fault[2])
    if number in _FAULTS:
        kind, problem, remedy = _FAULTS[number]
        return kind(problem, stream=None if connecting else stream, remedy=remedy)
    if error.sqlstate and not str(error.sqlstate).startswith("08") and type(error).__name__ in _ABOUT_DATA:
        return DataError(
            f"Snowflake refused to read it (error {number})",
            stream=stream,
            remedy="Try the stream's condition or SQL in a worksheet",
        )
    return RetriableError(_LOST[1], stream=stream, remedy=_LOST[2])


_ABOUT_DATA = {"ProgrammingError", "DataError", "IntegrityError", "NotSupportedError"}
