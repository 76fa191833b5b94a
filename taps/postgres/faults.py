"""What PostgreSQL's errors mean for whoever runs the tap; its own words may quote values, so they are left out."""

from __future__ import annotations

import psycopg

from pipe.errors import ConfigurationError, CredentialsError, DataError, PipeError, RetriableError

_UNKNOWN = (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn, psycopg.errors.SyntaxError)
_ABOUT_LETTERS = (psycopg.errors.CharacterNotInRepertoire, psycopg.errors.UntranslatableCharacter)
_AWAY = ("Connection refused", "could not translate host name", "Name or service not known")
_ABOUT_TLS = ("does not support SSL", "ertificate", "private key")


def translated(error: psycopg.Error, stream: str | None) -> PipeError:
    """Our error for one of the driver's."""
    if isinstance(error, psycopg.errors.QueryCanceled):
        remedy = "Raise it, or add an index on the replication key"
        return RetriableError("a statement took longer than statement_timeout", stream=stream, remedy=remedy)
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        remedy = "GRANT USAGE on its schema and SELECT on it"
        return CredentialsError("the user may not read it", stream=stream, remedy=remedy)
    if isinstance(error, _UNKNOWN):
        return ConfigurationError(
            "the database does not know a table or column of the statement, or cannot parse it",
            stream=stream,
            remedy="Compare where, columns and sql of this stream with --discover",
        )
    if isinstance(error, _ABOUT_LETTERS):
        remedy = "Mend them in the database, or leave the column out with 'columns'"
        return DataError("it has texts that cannot be had in UTF-8", stream=stream, remedy=remedy)
    if isinstance(error, psycopg.OperationalError):
        return _unreachable(str(error), stream)
    remedy = "Try the stream's condition or SQL in psql"
    if isinstance(error, psycopg.DataError):
        remedy += "; if the type of a key was changed, run once without state (--full-refresh)"
    return DataError(
        f"the database refused to read it (SQLSTATE {error.sqlstate})",
        stream=stream,
        remedy=remedy,
    )


def _unreachable(text: str, stream: str | None) -> PipeError:
    if "password authentication failed" in text or "no password supplied" in text:
        return CredentialsError("the database refused user and password", remedy="Renew user and password")
    if "role" in text and "does not exist" in text:
        return CredentialsError("the database does not know the user", remedy="Set user to one it knows")
    if "database" in text and "does not exist" in text:
        return ConfigurationError(
            "the server has no such database", field="database", remedy="Set database to one it has"
        )
    if any(words in text for words in _ABOUT_TLS):
        return ConfigurationError(
            "TLS cannot be had as the settings say",
            field="sslmode",
            remedy="See that the server offers it, and compare sslmode, sslrootcert, sslcert and sslkey",
        )
    if any(words in text for words in _AWAY):
        return RetriableError("the database cannot be reached", remedy="Check host, port and network, then run again")
    return RetriableError(
        "the connection to the database was lost", stream=stream, remedy="Run again: it goes on there"
    )
