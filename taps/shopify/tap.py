"""tap-shopify: what a Shopify store sold, to whom, and what was nearly sold, as Singer streams."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, TypeVar

from pipe import command
from pipe.errors import SkippableError
from taps.base.rest import graphql
from taps.base.rest.auth import Fixed, OAuth
from taps.base.rest.credentials import CredentialStore
from taps.base.rest.retry import BUSY, AgainError, Retry
from taps.base.rest.tap import CREDENTIALS_FILE, SETTINGS, RESTTap
from taps.base.settings import setting
from taps.shopify import queries
from taps.shopify.streams import streams

if TYPE_CHECKING:
    from collections.abc import Callable

    from taps.base.rest.auth import Auth
    from taps.base.rest.client import Client, Reply
    from taps.base.rest.resource import Resource

T = TypeVar("T")

API_VERSION = "2026-10"
TOKEN_HEADER, VERSION_HEADER = "X-Shopify-Access-Token", "X-Shopify-API-Version"
SUSPICIOUS = 430
"""Shopify's status for requests that it takes for an attack."""
APP = ("client_id", "client_secret")


class TapShopify(RESTTap):
    """Reads orders with lines and refunds, customers, products, locations and abandoned checkouts."""

    name = "tap-shopify"
    config_jsonschema: ClassVar[dict[str, Any]] = {
        "type": "object",
        "required": ["shop"],
        "properties": {
            "shop": setting(
                "string",
                "Shop",
                "Its name at Shopify, such as flowers or flowers.myshopify.com.",
                pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*(\.myshopify\.com)?$",
            ),
            "access_token": setting(
                "string",
                "Access token",
                "Of a custom app that was made in the store's admin.",
                secret=True,
                minLength=1,
            ),
            "client_id": setting("string", "Client id", "Of an app, with its secret, instead of an access token."),
            "client_secret": setting("string", "Client secret", "Of the same app.", secret=True),
            "refresh_token": setting(
                "string",
                "Refresh token",
                "Of an app in a store of others, with the two before; without it the app signs in by itself.",
                secret=True,
            ),
            "credentials_file": CREDENTIALS_FILE,
            "api_version": setting(
                "string",
                "API version",
                "Quarterly; Shopify serves each for about a year.",
                pattern=r"^\d{4}-(01|04|07|10)$",
                default=API_VERSION,
            ),
            "first_load": setting(
                "string",
                "First load",
                "bulk: Shopify makes files of everything; pages: page by page, for few rows.",
                enum=["bulk", "pages"],
                default="bulk",
            ),
            **SETTINGS,
        },
        "additionalProperties": False,
    }

    def contradictions(self) -> list[str]:
        """Also: there is exactly one way to sign in, and it can be used again."""
        found = super().contradictions()
        given = [name for name in (*APP, "refresh_token") if self.config.get(name)]
        if self.config.get("access_token"):
            if given:
                found.append(f"access_token and {', '.join(given)} exclude each other")
        elif missing := [name for name in APP if name not in given]:
            found.append(f"access_token is missing (or, instead of it, {', '.join(missing)})")
        elif "refresh_token" in given and not self.config.get("credentials_file"):
            found.append("credentials_file is missing, which refresh_token needs: each is good once, and then lost")
        return found

    def make_client(self) -> Client:
        """The store."""
        self._served: str | None = None
        retry = Retry(
            statuses=BUSY | {SUSPICIOUS},
            body=graphql.rules(),
            rates=graphql.CostRate(),
            code=graphql.CODE,
            request_id="X-Request-Id",
        )
        return self.connect(self._host, retry, auth=self._auth(), watch=self._watch)

    def resources(self) -> list[Resource]:
        """The same for every store."""
        return streams(by_bulk=self.config["first_load"] == "bulk")

    @property
    def values(self) -> dict[str, Any]:
        """The version in the path."""
        return {"version": self.config["api_version"]}

    @cached_property
    def scopes(self) -> frozenset[str] | None:
        """What the token may do; None where Shopify does not say."""

        def accept(installation: Any) -> frozenset[str]:
            return frozenset(scope["handle"] for scope in installation["accessScopes"])

        try:
            return self.ask(queries.SCOPES, {}, "currentAppInstallation", "access scopes", accept)
        except SkippableError:
            return None

    def ask(self, query: str, variables: dict[str, Any], name: str, where: str, accept: Callable[[Any], T]) -> T:
        """What the field `name` of an answer is, as `accept` takes it."""

        def found(body: Any, headers: Any) -> T:
            data = body.get("data") if isinstance(body, dict) else None
            if not isinstance(data, dict) or name not in data:
                raise AgainError(f"an answer without {name}")
            return accept(data[name])

        path = queries.PATH.format(**self.values)
        return self.client.json("POST", path, found, where, body=graphql.request(query, variables))

    @property
    def _host(self) -> str:
        shop = self.config["shop"].removesuffix(".myshopify.com")
        return str(self.config.get("api_url", f"https://{shop}.myshopify.com")).rstrip("/")

    def _auth(self) -> Auth:
        config = self.config
        if token := config.get("access_token"):
            return Fixed({TOKEN_HEADER: token})
        form = {name: config[name] for name in APP}
        url = f"{self._host}/admin/oauth/access_token"
        if refresh_token := config.get("refresh_token"):
            store = CredentialStore(config.get("credentials_file"), refresh_token)
            return OAuth(url, {**form, "grant_type": "refresh_token"}, store=store, header=TOKEN_HEADER, scheme="")
        return OAuth(url, {**form, "grant_type": "client_credentials"}, header=TOKEN_HEADER, scheme="")

    def _watch(self, reply: Reply) -> None:
        """Tell once when Shopify serves another version than it was asked for."""
        asked, served = self.config["api_version"], reply.headers.get(VERSION_HEADER, "")
        if served and served not in {asked, self._served}:
            self._served = served
            self.logger.warning("Shopify no longer serves version %s and answers with %.20s", asked, served)


def main() -> NoReturn:
    """Entry point of the executable."""
    command.plugin(TapShopify)
