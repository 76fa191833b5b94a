"""What MySQL's error numbers mean for whoever runs the tap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipe.errors import ConfigurationError, CredentialsError, DataError, PipeError, RetriableError

if TYPE_CHECKING:
    import pymysql


@dataclass(frozen=True)
class _Fault:
    numbers: frozenset[int]
    error: type[PipeError]
    problem: str
    remedy: str
    in_stream: bool = True


_NO_TLS = (
    ConfigurationError,
    "TLS cannot be had as the settings say",
    "See that the server offers it, and compare ssl_ca, ssl_cert, ssl_key and ssl_verify_identity",
)
_FAULTS = (
    _Fault(
        frozenset({1045, 1698, 1862, 2059}),
        CredentialsError,
        "the database refused user and password",
        "Renew user and password",
        in_stream=False,
    ),
    _Fault(
        frozenset({1044, 1142, 1143, 1227, 1370}), CredentialsError, "the user may not read it", "GRANT SELECT on it"
    ),
    _Fault(
        frozenset({1049}),
        ConfigurationError,
        "the server has no such database",
        "Set database to one it has",
        in_stream=False,
    ),
    _Fault(
        frozenset({1051, 1054, 1064, 1109, 1146, 1305}),
        ConfigurationError,
        "the database does not know a table or column of the statement, or cannot parse it",
        "Compare where, columns and sql of this stream with --discover",
    ),
    _Fault(
        frozenset({1969, 3024}),
        RetriableError,
        "a statement took longer than statement_timeout",
        "Raise it, or add an index on the replication key",
    ),
    _Fault(frozenset({2026}), *_NO_TLS, in_stream=False),
    _Fault(
        frozenset({2002, 2003, 2005}),
        RetriableError,
        "the database cannot be reached",
        "Check host, port and network, then run again",
        in_stream=False,
    ),
    _Fault(frozenset({1040, 1203, 1205, 1213, 1226}), RetriableError, "the database is busy", "Run again later"),
    _Fault(
        frozenset({0, 1053, 1077, 1079, 1152, 1158, 1159, 1160, 1161, 1317, 1927, 2006, 2013, 2014, 2055}),
        RetriableError,
        "the connection to the database was lost",
        "Run again: it goes on there",
    ),
)


def no_tls() -> PipeError:
    """The error for certificates or keys that cannot be used."""
    kind, problem, remedy = _NO_TLS
    return kind(problem, remedy=remedy)


def translated(error: pymysql.MySQLError, stream: str | None) -> PipeError:
    """Our error for one of the driver's."""
    number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    for fault in _FAULTS:
        if number in fault.numbers:
            return fault.error(fault.problem, stream=stream if fault.in_stream else None, remedy=fault.remedy)
    return DataError(
        f"the database refused to read it (error {number})",
        stream=stream,
        remedy="Try the stream's condition or SQL in a client of the database",
    )
