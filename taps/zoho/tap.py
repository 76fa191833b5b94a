"""tap-zoho: modules of a Zoho CRM organisation as Singer streams."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from pipe import command
from pipe.errors import ConfigurationError, SkippableError
from taps.base.rest.auth import OAuth
from taps.base.rest.client import Client, MissingError
from taps.base.rest.credentials import CredentialStore
from taps.base.rest.retry import AgainError, BodyRule, Retry
from taps.base.rest.tap import SETTINGS, RESTTap
from taps.base.settings import setting
from taps.zoho.modules import MOST
from taps.zoho.streams import READ, module, others

if TYPE_CHECKING:
    from collections.abc import Mapping

    from taps.base.rest.resource import Resource, Row

DATA_CENTRES = {
    "zohoapis.com": "zoho.com",
    "zohoapis.eu": "zoho.eu",
    "zohoapis.in": "zoho.in",
    "zohoapis.com.au": "zoho.com.au",
    "zohoapis.jp": "zoho.jp",
    "zohoapis.com.cn": "zoho.com.cn",
    "zohoapis.sa": "zoho.sa",
    "zohoapis.ca": "zohocloud.ca",
}
"""Domain of the API -> domain of the sign-in. https://www.zoho.com/crm/developer/docs/api/v8/multi-dc.html"""
_DENIED = frozenset({"OAUTH_SCOPE_MISMATCH", "NO_PERMISSION", "INVALID_MODULE", "API_NOT_SUPPORTED"})
_TOO_OFTEN = BodyRule("error", frozenset({"Access Denied"}), wait=lambda body: 900.0)
"""Ten tokens in ten minutes, then none until nobody has asked for a while."""
_FIELDS = "fields"
_NAME = r"^[A-Za-z][A-Za-z0-9_]{0,99}$"


class TapZoho(RESTTap):
    """Reads deals, leads, contacts, accounts, products, invoices and any other module, with custom fields."""

    name = "tap-zoho"
    config_jsonschema: ClassVar[dict[str, Any]] = {
        "type": "object",
        "required": ["client_id", "client_secret", "refresh_token"],
        "properties": {
            "client_id": setting("string", "Client", "Of a client in Zoho's API console.", minLength=1),
            "client_secret": setting("string", "Client secret", "Of that client.", secret=True, minLength=1),
            "refresh_token": setting("string", "Refresh token", "That the client was given.", secret=True, minLength=1),
            "credentials_file": setting(
                "string", "Credentials file", "Where a refresh token is kept that Zoho replaces, one file a tenant."
            ),
            "domain": setting(
                "string",
                "Domain",
                "Of the API in the organisation's data centre; the sign-in may name another, which is then used.",
                enum=list(DATA_CENTRES),
                default="zohoapis.com",
            ),
            "api_version": setting("string", "API version", "In the addresses.", pattern=r"^v[0-9.]+$", default="v8"),
            "modules": setting(
                "array",
                "Modules",
                "API names of the modules to read, custom ones too.",
                items={"type": "string", "pattern": _NAME},
                default=list(READ),
                minItems=1,
                uniqueItems=True,
            ),
            "module": setting(
                "string", "Module", "The only module to read; the same as modules with that one.", pattern=_NAME
            ),
            "first_load": setting(
                "string",
                "First load",
                "bulk: a job at Zoho makes files of everything; query: page by page, for few records.",
                enum=["bulk", "query"],
                default="bulk",
            ),
            "per_page": setting(
                "integer", "Page", "Records that a query gives at once.", minimum=1, maximum=MOST, default=MOST
            ),
            **SETTINGS,
        },
        "additionalProperties": False,
    }

    def make_client(self) -> Client:
        """The organisation's data centre."""
        config = self.config
        own = config.get("api_url")
        accounts = (own or f"https://accounts.{DATA_CENTRES[config['domain']]}").rstrip("/")
        form = {"grant_type": "refresh_token", "client_id": config["client_id"]}
        self._sign_in = OAuth(
            f"{accounts}/oauth/v2/token",
            {**form, "client_secret": config["client_secret"]},
            store=CredentialStore(config.get("credentials_file"), config["refresh_token"]),
            scheme="Zoho-oauthtoken ",
            limit=_TOO_OFTEN,
        )
        retry = Retry(
            body=(
                BodyRule("code", _DENIED, then="skip", statuses=frozenset({400, 401, 403})),
                BodyRule("status", frozenset({"error"}), then="again", statuses=frozenset({200})),
            ),
            code="code",
        )
        client = self.connect(f"https://www.{config['domain']}", retry, auth=self._sign_in)
        if not own:
            self._follow(client)
        return client

    def resources(self) -> list[Resource]:
        """The modules with the fields that the organisation has, and the users."""
        config = self.config
        version = config["api_version"]
        root, bulk_path = f"/crm/{version}", f"/crm/bulk/{version}/read"
        names = [config["module"]] if config.get("module") else config["modules"]
        by_bulk = config["first_load"] == "bulk"
        made = [
            module(name, self._fields(root, name), root, bulk_path, config["per_page"], by_bulk=by_bulk)
            for name in names
        ]
        for where in ("sign-in", _FIELDS):
            self.client.account.report(where)
        return made + others(root)

    def _follow(self, client: Client) -> None:
        """Go to the data centre that the sign-in names: an organisation may have been moved."""
        self._sign_in.headers(client)
        named = str(self._sign_in.grant.get("api_domain", "")).removeprefix("https://www.")
        if named in DATA_CENTRES:
            client.base_url = f"https://www.{named}"

    def _fields(self, root: str, name: str) -> list[Row]:
        """The fields of a module; none where they may not be read, for then its records may not, either."""
        try:
            return self.client.json("GET", f"{root}/settings/fields", _described, _FIELDS, params={"module": name})
        except MissingError:
            raise ConfigurationError(
                f"the organisation has no module '{name}'", field="modules", remedy="Give its API name"
            ) from None
        except SkippableError:
            return []


def _described(body: Any, headers: Mapping[str, str]) -> list[Row]:
    """The descriptions in an answer."""
    rows = body.get("fields") if isinstance(body, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) and _is_name(row.get("api_name")) for row in rows):
        raise AgainError("an answer without fields")
    return rows


def _is_name(text: Any) -> bool:
    """Whether it can stand in a query as it is."""
    return isinstance(text, str) and re.fullmatch(r"\w{1,100}", text) is not None


def main() -> NoReturn:
    """Entry point of the executable."""
    command.plugin(TapZoho)
