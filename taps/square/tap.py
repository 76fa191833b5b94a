"""tap-square: what a Square seller sold, to whom, and where, as Singer streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from pipe import command
from taps.base.rest.auth import OAuth, bearer
from taps.base.rest.credentials import CredentialStore
from taps.base.rest.retry import BodyRule, Retry
from taps.base.rest.tap import CREDENTIALS_FILE, SETTINGS, RESTTap
from taps.base.settings import setting
from taps.square.streams import STREAMS

if TYPE_CHECKING:
    from taps.base.rest.auth import Auth
    from taps.base.rest.client import Client
    from taps.base.rest.resource import Resource

HOSTS = {"production": "https://connect.squareup.com", "sandbox": "https://connect.squareupsandbox.com"}
API_VERSION = "2026-09-16"
TOKEN_LIFE = 30 * 86_400.0
"""Seconds; the answer has a date instead. https://developer.squareup.com/docs/oauth-api/overview"""
GRANT = ("client_id", "client_secret", "refresh_token")


class TapSquare(RESTTap):
    """Reads payments, refunds, orders, customers, loyalty and catalog: what is new or has changed."""

    name = "tap-square"
    config_jsonschema: ClassVar[dict[str, Any]] = {
        "type": "object",
        "properties": {
            "access_token": setting(
                "string", "Access token", "A personal access token of the application.", secret=True, minLength=1
            ),
            "client_id": setting("string", "Application id", "Instead of an access token, with the next two."),
            "client_secret": setting("string", "Application secret", "Of the same application.", secret=True),
            "refresh_token": setting("string", "Refresh token", "From the seller's OAuth consent.", secret=True),
            "credentials_file": CREDENTIALS_FILE,
            "environment": setting(
                "string",
                "Environment",
                "The sandbox has sellers, tokens and an address of its own.",
                enum=list(HOSTS),
                default="production",
            ),
            "api_version": setting(
                "string",
                "API version",
                "Which form of the objects Square sends, whatever the application's own default.",
                default=API_VERSION,
                pattern=r"^\d{4}-\d{2}-\d{2}$",
            ),
            **SETTINGS,
        },
        "additionalProperties": False,
    }

    def contradictions(self) -> list[str]:
        """Also: there is exactly one way to sign in."""
        found = super().contradictions()
        given = [name for name in GRANT if self.config.get(name)]
        if self.config.get("access_token"):
            if given:
                found.append(f"access_token and {', '.join(given)} exclude each other")
        elif len(given) < len(GRANT):
            missing = [name for name in GRANT if name not in given]
            found.append(f"access_token is missing (or, instead of it, {', '.join(missing)})")
        return found

    def make_client(self) -> Client:
        """Square, in the environment of the settings."""
        config = self.config
        return self.connect(
            self._host,
            auth=self._auth(),
            headers={"Square-Version": config["api_version"]},
            retry=Retry(
                body=(
                    BodyRule("errors.0.code", frozenset({"INVALID_CURSOR"}), "restart"),  # they live five minutes
                    BodyRule("errors", then="again", statuses=frozenset({200})),
                ),
                code="errors.0.code",
            ),
        )

    def resources(self) -> list[Resource]:
        """The same for every seller."""
        return STREAMS

    @property
    def _host(self) -> str:
        return str(self.config.get("api_url", HOSTS[self.config["environment"]])).rstrip("/")

    def _auth(self) -> Auth:
        config = self.config
        if token := config.get("access_token"):
            return bearer(token)
        form = {"client_id": config["client_id"], "client_secret": config["client_secret"]}
        return OAuth(
            f"{self._host}/oauth2/token",
            {**form, "grant_type": "refresh_token"},
            store=CredentialStore(config.get("credentials_file"), config["refresh_token"]),
            headers={"Square-Version": config["api_version"]},
            as_json=True,
            lifetime=TOKEN_LIFE,
        )


def main() -> NoReturn:
    """Entry point of the executable."""
    command.plugin(TapSquare)
