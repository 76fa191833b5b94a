"""tap-stripe: objects of a Stripe account as Singer streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from pipe import command
from taps.base.rest.auth import bearer
from taps.base.rest.retry import BodyRule, Retry
from taps.base.rest.tap import SETTINGS, RESTTap
from taps.base.settings import setting
from taps.stripe.streams import STREAMS

if TYPE_CHECKING:
    from taps.base.rest.client import Client
    from taps.base.rest.resource import Resource

API_URL = "https://api.stripe.com"
API_VERSION = "2026-10-28.endive"


class TapStripe(RESTTap):
    """Reads payments, refunds, customers and subscriptions: what is new by `created`, what changed by events."""

    name = "tap-stripe"
    config_jsonschema: ClassVar[dict[str, Any]] = {
        "type": "object",
        "required": ["api_key"],
        "properties": {
            "api_key": setting(
                "string",
                "Key",
                "A restricted key (rk_...) with read rights, or a secret key.",
                secret=True,
                minLength=1,
            ),
            "account_id": setting("string", "Account", "Of a connected account (acct_...), to read that one."),
            "api_version": setting(
                "string",
                "API version",
                "Which form of the objects Stripe sends, whatever the account's own default.",
                default=API_VERSION,
            ),
            **SETTINGS,
        },
        "additionalProperties": False,
    }

    def make_client(self) -> Client:
        """Stripe, for the account of the settings."""
        config = self.config
        headers = {"Stripe-Version": config["api_version"]}
        if account := config.get("account_id"):
            headers["Stripe-Account"] = account
        return self.connect(
            API_URL,
            auth=bearer(config["api_key"]),
            headers=headers,
            retry=Retry(
                body=(
                    BodyRule("error.param", frozenset({"starting_after"}), "restart"),  # that row was deleted meanwhile
                    BodyRule("error", then="again", statuses=frozenset({200})),
                ),
                code="error.code",
                request_id="Request-Id",
            ),
        )

    def resources(self) -> list[Resource]:
        """The same for every account."""
        return STREAMS


def main() -> NoReturn:
    """Entry point of the executable."""
    command.plugin(TapStripe)
