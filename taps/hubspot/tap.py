"""tap-hubspot: objects of a HubSpot account as Singer streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from pipe import command
from pipe.errors import ConfigurationError, SkippableError
from taps.base.rest.auth import OAuth, bearer
from taps.base.rest.client import MissingError
from taps.base.rest.credentials import CredentialStore
from taps.base.rest.retry import BUSY, AgainError, BodyRule, RateHeaders, Retry
from taps.base.rest.tap import SETTINGS, RESTTap
from taps.base.settings import setting
from taps.hubspot.streams import OBJECTS, READ, CRMObject, crm_object, others

if TYPE_CHECKING:
    from collections.abc import Mapping

    from taps.base.rest.auth import Auth
    from taps.base.rest.client import Client
    from taps.base.rest.resource import Resource, Row

API_URL = "https://api.hubapi.com"
UNDATED = {"associations": "v4", "oauth": "v1"}
"""Areas whose version beside v3 is another one."""
OAUTH_DATED_SINCE = "2026-09"
_PROPERTIES = "properties"
_RATE = "X-HubSpot-RateLimit"


class TapHubSpot(RESTTap):
    """Reads contacts, companies, deals, tickets, engagements and more, with custom properties and associations."""

    name = "tap-hubspot"
    config_jsonschema: ClassVar[dict[str, Any]] = {
        "type": "object",
        "required": [],
        "properties": {
            "access_token": setting(
                "string", "Token", "A service key, or the token of a private app.", secret=True, minLength=1
            ),
            "client_id": setting("string", "Client", "Of an OAuth app, instead of access_token."),
            "client_secret": setting("string", "Client secret", "Of the OAuth app.", secret=True),
            "refresh_token": setting("string", "Refresh token", "That the OAuth app was given.", secret=True),
            "credentials_file": setting(
                "string", "Credentials file", "Where a refresh token is kept that HubSpot replaces, one file a tenant."
            ),
            "api_version": setting(
                "string",
                "API version",
                "A date such as 2026-03, or v3, which works until September 2027.",
                pattern=r"^(v3|20\d\d-(03|09))$",
                default="2026-03",
            ),
            "objects": setting(
                "array",
                "Objects",
                "Object types to read: others than the default ones, or custom ones by their id, such as 2-1234567.",
                items={"type": "string", "pattern": r"^[A-Za-z0-9_-]{1,100}$"},
                default=list(READ),
                minItems=1,
                uniqueItems=True,
            ),
            "object_type": setting(
                "string",
                "Object",
                "The only object type to read; the same as objects with that one.",
                pattern=r"^[A-Za-z0-9_-]{1,100}$",
            ),
            "property_history": setting(
                "array",
                "Property history",
                "Properties whose older values are read, too, such as deals.dealstage; costs a call for 50 objects.",
                items={"type": "string", "pattern": r"^[A-Za-z0-9_-]+\.[a-z0-9_]+$"},
                default=[],
            ),
            "page_size": setting(
                "integer", "Page", "Objects that a search gives at once.", minimum=1, maximum=200, default=200
            ),
            **SETTINGS,
        },
        "additionalProperties": False,
    }

    def contradictions(self) -> list[str]:
        """One way to sign in, and histories of objects that are read."""
        config = self.config
        pair = {"client_id", "client_secret", "refresh_token"}
        given = {name for name in pair if config.get(name)}
        found = super().contradictions()
        if config.get("access_token") and given:
            found.append(f"access_token and {', '.join(sorted(given))} exclude each other")
        elif not config.get("access_token") and given != pair:
            missing = ", ".join(sorted(pair - given))
            found.append(f"access_token is missing (or, for an OAuth app, {missing})")
        kinds = self._kinds()
        found += [
            f"property_history names {entry}, but objects does not have its object type"
            for entry in config.get("property_history", [])
            if entry.partition(".")[0] not in kinds
        ]
        return found

    def make_client(self) -> Client:
        """HubSpot, by its own library."""
        from taps.hubspot.library import LibraryClient  # takes a tenth of a second to import

        retry = Retry(
            statuses=BUSY | {423, 477},  # an object that is locked, an account that is being moved
            body=(BodyRule("status", frozenset({"error"}), then="again", statuses=frozenset({200})),),
            rates=RateHeaders(f"{_RATE}-Remaining", f"{_RATE}-Interval-Milliseconds", "milliseconds"),
            code="category",
            request_id="X-HubSpot-Correlation-Id",
        )
        headers = {"User-Agent": "growthnav-connectors"}
        return self.connect(API_URL, retry, LibraryClient, auth=self._auth(), headers=headers)

    def resources(self) -> list[Resource]:
        """The object types with the properties that the account has, and what comes with them."""
        made = []
        for name in self._kinds():
            entries = (entry.partition(".")[::2] for entry in self.config["property_history"])
            history = tuple(field for kind, field in entries if kind == name)
            kind = OBJECTS.get(name, CRMObject(name))
            made.append(crm_object(kind, self._properties(name), self._root, self.config["page_size"], history))
        self.client.account.report(_PROPERTIES)
        return made + others(self._root)

    def _kinds(self) -> list[str]:
        only = self.config.get("object_type")
        return [only] if only else list(self.config["objects"])

    def _root(self, area: str) -> str:
        """Path of an area of the API in the version of the settings."""
        version = self.config["api_version"]
        return f"/crm/{area}/{version}" if version != "v3" else f"/crm/{UNDATED.get(area, version)}/{area}"

    def _properties(self, kind: str) -> list[Row]:
        """The properties of an object type; none where they may not be read, for then the objects may not, either."""
        try:
            found = self.client.json("GET", f"{self._root('properties')}/{kind}", _results, _PROPERTIES)
        except MissingError:
            raise ConfigurationError(
                f"the account has no object type '{kind}'",
                field="objects",
                remedy="Give its name or id as HubSpot has it",
            ) from None
        except SkippableError:
            return []
        return [row for row in found if not row.get("archived")]

    def _auth(self) -> Auth:
        config = self.config
        if token := config.get("access_token"):
            return bearer(token)
        version = config["api_version"]
        dated = OAUTH_DATED_SINCE <= version < "v"
        form = {"grant_type": "refresh_token"} | {name: config[name] for name in ("client_id", "client_secret")}
        return OAuth(
            f"{config.get('api_url', API_URL).rstrip('/')}/oauth/{version if dated else UNDATED['oauth']}/token",
            form,
            store=CredentialStore(config.get("credentials_file"), config["refresh_token"]),
        )


def _results(body: Any, headers: Mapping[str, str]) -> list[Row]:
    """The descriptions in an answer."""
    rows = body.get("results") if isinstance(body, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) and row.get("name") for row in rows):
        raise AgainError("an answer without properties")
    return rows


def main() -> NoReturn:
    """Entry point of the executable."""
    command.plugin(TapHubSpot)
