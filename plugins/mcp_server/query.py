"""One SELECT on a tenant's warehouse: it changes nothing, sees nothing outside its dataset, and comes to an end."""

from __future__ import annotations

import logging
import threading
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from pipe.errors import ConfigurationError, RetriableError
from plugins import plugin_call, warehouse

if TYPE_CHECKING:
    from plugins.project import Project, Tenant

MOST_ROWS = 1000
LONGEST_TEXT = 4000
"""Characters of one value."""

SECONDS = 30
BYTES_BILLED = 10 << 30
"""What one query may cost in BigQuery."""

MEMORY = "512MB"
_FILES = (
    "read_",
    "parquet_",
    "glob",
    "sniff_",
    "query",
    "duckdb_",
    "pragma_",
    "getenv",
    "sqlite_",
    "external_",
    "json_execute",
    "table",
)
"""How functions begin that look at files, at the engine itself, or at tables named in their arguments."""

_NAMESPACES = {"AEAD", "HLL_COUNT", "KEYS", "NET", "SAFE"}
"""Of functions that come with BigQuery."""

logging.getLogger("sqlglot").setLevel(logging.CRITICAL)  # its warnings quote the statement

Answer = tuple[list[str], list[list[Any]], bool]
"""Columns, rows, and whether there is more."""


def run(project: Project, tenant: Tenant, sql: str, limit: int) -> Answer:
    """The first `limit` rows of a SELECT.

    Raises:
        ConfigurationError: it is no single SELECT, looks elsewhere, or the engine refuses it.
        RetriableError: the warehouse is in use, or the query takes too long.
    """
    loader = warehouse.loader_of(project, tenant)
    config = plugin_call.settings(project, loader, tenant.name, tenant.config(loader)[1])
    if loader.name == "target-bigquery":
        return _bigquery(config, check(sql, "bigquery", str(config["dataset"])), limit)
    if loader.name != "target-duckdb":
        raise ConfigurationError(f"the warehouse of {loader.name} cannot be asked here")
    return _duckdb(project, config, check(sql, "duckdb", str(config["schema"])), limit)


def check(sql: str, dialect: str, dataset: str) -> str:
    """The statement, written anew from what was understood: comments and hints are gone.

    Raises:
        ConfigurationError: it is no single SELECT, or names another dataset or a function that looks at files.
    """
    try:
        statements = [statement for statement in sqlglot.parse(sql, read=dialect) if statement]
    except (SqlglotError, RecursionError):
        raise ConfigurationError("this is not SQL that can be understood", field="sql") from None
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise ConfigurationError("only one SELECT is allowed", field="sql")
    [statement] = statements
    if any(statement.find_all(exp.Into, exp.DML, exp.DDL, exp.Command, exp.Lock)):
        raise ConfigurationError("only a SELECT that changes nothing is allowed", field="sql")
    for table in statement.find_all(exp.Table):
        named = [part.name for part in (table.args.get("catalog"), table.args.get("db")) if part]
        plain = not isinstance(table.this, exp.Identifier) or table.name.replace("_", "").isalnum()
        if named not in ([], [dataset]) or not plain:
            raise ConfigurationError(
                "only the tenant's own tables can be read", field="sql", remedy=f"They are in {dataset}"
            )
    for function in statement.find_all(exp.Func):
        name = (function.name if isinstance(function, exp.Anonymous) else function.sql_name()).lower()
        if name.startswith(_FILES):
            raise ConfigurationError("functions that look at files or at the engine are not allowed", field="sql")
        if dialect == "bigquery" and _is_of_others(function, dataset):
            raise ConfigurationError("functions of other datasets are not allowed", field="sql")
    return statement.sql(dialect=dialect, comments=False)


def _is_of_others(function: exp.Func, dataset: str) -> bool:
    """Whether a function of BigQuery is one that somebody made in another dataset."""
    if not isinstance(function, exp.Anonymous):
        return False
    place = function.parent.this if isinstance(function.parent, exp.Dot) else None
    name = place.name if isinstance(place, exp.Identifier) else place.sql() if place else ""
    return "." in function.name or (name not in {"", dataset} and name.upper() not in _NAMESPACES)


def _duckdb(project: Project, config: dict[str, Any], sql: str, limit: int) -> Answer:
    import duckdb

    from targets.duckdb.database import is_in_use

    path = project.root / str(config["filepath"])
    if not path.exists():
        raise ConfigurationError("the tenant has no warehouse yet", remedy="Run it: sync_data_source")
    try:
        connection = duckdb.connect(
            str(path),
            read_only=True,
            config={"enable_external_access": False, "memory_limit": MEMORY, "threads": 1},
        )
    except duckdb.IOException as error:
        if not is_in_use(error):
            raise ConfigurationError(
                "the warehouse cannot be opened", remedy="growthnav doctor, on the server, says why"
            ) from None
        raise RetriableError("the warehouse is in use", remedy="Wait for the run's end") from None
    alarm = threading.Timer(SECONDS, connection.interrupt)
    try:
        connection.execute(f'USE "{config["schema"]}"')
        connection.execute("SET lock_configuration = true")
        alarm.start()
        found = connection.execute(sql)
        rows = found.fetchmany(limit + 1)
        columns = [str(column[0]) for column in found.description or []]
    except duckdb.InterruptException:
        raise RetriableError(f"the query takes longer than {SECONDS} s", remedy="Ask for less") from None
    except duckdb.Error as error:
        raise ConfigurationError(f"the warehouse refuses the query ({type(error).__name__})", field="sql") from None
    finally:
        alarm.cancel()
        connection.close()
    return columns, [[_plain(value) for value in row] for row in rows[:limit]], len(rows) > limit


def _bigquery(config: dict[str, Any], sql: str, limit: int) -> Answer:
    from google.api_core.exceptions import BadRequest, NotFound
    from google.cloud.bigquery import QueryJobConfig

    from pipe import bigquery
    from targets.bigquery.errors import service_errors

    client = bigquery.connect(config)
    bounds = QueryJobConfig(
        default_dataset=f"{config['project']}.{config['dataset']}",
        maximum_bytes_billed=BYTES_BILLED,
        job_timeout_ms=SECONDS * 1000,
    )
    with service_errors("the query"):
        try:
            found = client.query(sql, job_config=bounds).result(max_results=limit + 1, timeout=SECONDS)
            rows = [list(row.values()) for row in found]
        except (BadRequest, NotFound) as error:
            raise ConfigurationError(f"the warehouse refuses the query ({type(error).__name__})", field="sql") from None
    columns = [field.name for field in found.schema]
    return columns, [[_plain(value) for value in row] for row in rows[:limit]], len(rows) > limit


def _plain(value: Any) -> Any:
    """For JSON: amounts and times as text, long texts cut."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value.isoformat() if isinstance(value, datetime | date | time) else str(value)
    if isinstance(value, Decimal):
        text = f"{value:f}"
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}..."
