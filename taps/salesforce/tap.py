"""tap-salesforce: objects of a Salesforce organisation as Singer streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import click

from pipe import command
from pipe.errors import ConfigurationError, SkippableError
from taps.base.rest.client import MissingError
from taps.base.rest.retry import BUSY, AgainError, BodyRule, Retry
from taps.base.rest.tap import SETTINGS, RESTTap
from taps.base.settings import setting
from taps.salesforce import login, queries
from taps.salesforce.fields import LEAST
from taps.salesforce.streams import READ, custom, sobject

if TYPE_CHECKING:
    from collections.abc import Mapping

    from taps.base.rest.client import Client
    from taps.base.rest.resource import Resource, Row

CODE = "0.errorCode"
_NAME = r"^[A-Za-z][A-Za-z0-9_]{0,79}$"
_DESCRIBE = "describe"
_RULES = {
    "retry": {"REQUEST_LIMIT_EXCEEDED"},
    "restart": {"INVALID_QUERY_LOCATOR"},
    "again": {"QUERY_TIMEOUT", "SERVER_UNAVAILABLE", "UNKNOWN_EXCEPTION", "UNABLE_TO_LOCK_ROW"},
    "skip": {
        "INVALID_TYPE",
        "INVALID_TYPE_FOR_OPERATION",
        "INSUFFICIENT_ACCESS",
        "API_DISABLED_FOR_ORG",
        "INVALIDENTITY",
        "FEATURENOTENABLED",
    },
}
"""What the codes of errors mean."""


class TapSalesforce(RESTTap):
    """Reads opportunities, leads, accounts, contacts, orders, campaigns and any other object, with custom fields."""

    name = "tap-salesforce"
    config_jsonschema: ClassVar[dict[str, Any]] = {
        "type": "object",
        "required": [],
        "properties": {
            **login.SETTINGS,
            "api_version": setting(
                "string", "API version", "Such as 67.0.", pattern=r"^v?[3-9][0-9]\.0$", default="67.0"
            ),
            "objects": setting(
                "array",
                "Objects",
                "API names of the objects to read, custom ones (__c) too.",
                items={"type": "string", "pattern": _NAME},
                default=list(READ),
                minItems=1,
                uniqueItems=True,
            ),
            "object_type": setting(
                "string", "Object", "The only object to read; the same as objects with that one.", pattern=_NAME
            ),
            "query": setting(
                "string",
                "Query",
                "The only thing to read: rows of this SOQL query, as the stream of the object it is from.",
                minLength=1,
            ),
            "queries": setting(
                "object",
                "Queries",
                "Name of a stream -> SOQL query it reads, beside objects.",
                propertyNames={"pattern": r"^[a-z][a-z0-9_]{0,79}$"},
                additionalProperties={"type": "string", "minLength": 1},
                default={},
            ),
            "api_type": setting(
                "string",
                "API",
                "rest: page by page; bulk: jobs of Bulk API 2.0; auto: by how many rows there are.",
                enum=["auto", "rest", "bulk"],
                default="auto",
            ),
            "bulk_threshold": setting(
                "integer", "Bulk from", "Rows above which auto uses a bulk job.", minimum=1, default=2000
            ),
            "page_size": setting(
                "integer", "Page", "Rows that a query gives at once.", minimum=200, maximum=2000, default=2000
            ),
            "quota_percent": setting(
                "number",
                "Quota",
                "Share of the organisation's calls of 24 hours, whoever made them, after which a run ends.",
                exclusiveMinimum=0,
                maximum=100,
                default=80,
            ),
            **SETTINGS,
        },
        "additionalProperties": False,
    }

    def contradictions(self) -> list[str]:
        """One way to sign in, and queries whose rows have a key."""
        found = super().contradictions() + login.problems(self.config)
        if self.config.get("query") and self.config.get("object_type"):
            asked = self.config["object_type"]
            if self._parsed("query", self.config["query"], found) not in {None, asked.lower()}:
                found.append(f"query is not from {asked}, which object_type names")
        elif self.config.get("query"):
            self._parsed("query", self.config["query"], found)
        for name, text in self.config.get("queries", {}).items():
            self._parsed(f"queries.{name}", text, found)
        return found

    def make_client(self) -> Client:
        """The organisation, by the library."""
        from taps.salesforce.library import LibraryClient  # takes half a second to import

        config = self.config
        rules = tuple(BodyRule(CODE, frozenset(codes), then=then) for then, codes in _RULES.items())
        retry = Retry(statuses=BUSY | {406, 420}, body=rules, code=CODE)
        auth = login.auth(config)
        client = self.connect(
            f"https://{login.domain(config)}{login.SUFFIX}",
            retry,
            LibraryClient,
            auth=auth,
            version=self._version,
            quota_percent=config["quota_percent"],
        )
        if not config.get("api_url"):
            client.signed()
            client.base_url = login.follow(auth.grant)
        return client

    def resources(self) -> list[Resource]:
        """The objects with the fields that the organisation has, and the queries."""
        config, size = self.config, self.config["page_size"]
        most = {"auto": config["bulk_threshold"], "rest": None, "bulk": 0}[config["api_type"]]
        texts = dict(config["queries"])
        made: list[Resource] = []
        if config.get("query"):
            parsed = queries.parse(config["query"], "query")
            texts = {parsed.sobject.lower(): config["query"]} | texts
        else:
            named = [config["object_type"]] if config.get("object_type") else config["objects"]
            described = ((name, self._fields(name)) for name in named)
            made += [sobject(name, rows, self._root, size, most) for name, rows in described if rows is not None]
        for name, text in texts.items():
            query = queries.parse(text, f"queries.{name}")
            made.append(custom(name, query, self._fields(query.sobject) or LEAST, self._root, size))
        for where in ("sign-in", _DESCRIBE):
            self.client.account.report(where)
        self._check_names(made)
        return made

    def test(self) -> None:
        """As in the base, and how much of the quota is spent."""
        super().test()
        from taps.salesforce.library import LibraryClient

        if isinstance(self.client, LibraryClient) and (usage := self.client.usage):
            click.echo(f"{self.name}: {usage[0]} of {usage[1]} calls of 24 hours are spent")

    @property
    def _version(self) -> str:
        return str(self.config["api_version"]).removeprefix("v")

    @property
    def _root(self) -> str:
        return f"/services/data/v{self._version}"

    def _parsed(self, field: str, text: str, found: list[str]) -> str | None:
        """The object of a query in lower case; what is wrong with the query goes to `found`."""
        try:
            return queries.parse(text, field).sobject.lower()
        except ConfigurationError as error:
            found.append(f"{field} {error.problem}")
            return None

    def _fields(self, name: str) -> list[Row] | None:
        """The fields of an object; the least there are where they may not be read, for then its rows may not, either.

        None: an object that is read unless settings say otherwise, and that this organisation does not have.
        """
        try:
            return self.client.json("GET", f"{self._root}/sobjects/{name}/describe", _described, _DESCRIBE)
        except MissingError:
            if name in READ and self.config["objects"] == list(READ) and not self.config.get("object_type"):
                self.logger.warning("The organisation has no object '%s', or the user may not see it", name)
                return None
            raise ConfigurationError(
                f"the organisation has no object '{name}', or the user may not see it",
                field="objects",
                remedy="Give its API name; custom ones end in __c",
            ) from None
        except SkippableError:
            return LEAST

    def _check_names(self, made: list[Resource]) -> None:
        names = [resource.name for resource in made]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ConfigurationError(
                f"two streams are named {', '.join(twice)}", field="queries", remedy="Give the query another name"
            )


def _described(body: Any, headers: Mapping[str, str]) -> list[Row]:
    """The descriptions in an answer."""
    rows = body.get("fields") if isinstance(body, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) and row.get("name") for row in rows):
        raise AgainError("an answer without fields")
    return rows


def main() -> NoReturn:
    """Entry point of the executable."""
    command.plugin(TapSalesforce)
