"""How the tap signs in: which settings belong to which way, and what the driver wants of them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from taps.base.settings import setting

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY_PAIR, TOKEN, OAUTH, PASSWORD, BROWSER = (
    "SNOWFLAKE_JWT",
    "PROGRAMMATIC_ACCESS_TOKEN",
    "OAUTH_CLIENT_CREDENTIALS",
    "SNOWFLAKE",
    "EXTERNALBROWSER",
)
_OAUTH = ("oauth_client_id", "oauth_client_secret", "oauth_token_request_url")
_NEEDS: dict[str, tuple[tuple[str, ...], ...]] = {
    KEY_PAIR: (("private_key", "private_key_path"),),
    TOKEN: (("token",),),
    OAUTH: tuple((name,) for name in _OAUTH),
    PASSWORD: (("password",),),
    BROWSER: (),
}
"""Way to sign in -> settings it needs, of each group one; unless told, the first whose settings are there."""

SETTINGS: dict[str, Any] = {
    "user": setting("string", "User", "Who reads; a role of its needs USAGE and SELECT."),
    "authenticator": setting(
        "string",
        "Way to sign in",
        "Unless set: the first of key pair, programmatic token, OAuth and password whose settings are there. "
        "EXTERNALBROWSER is for a person at a terminal.",
        enum=list(_NEEDS),
    ),
    "private_key": setting("string", "Private key", "The user's, as PEM text.", secret=True),
    "private_key_path": setting("string", "Private key file", "File of the same."),
    "private_key_passphrase": setting("string", "Passphrase", "Of an encrypted private key.", secret=True),
    "token": setting("string", "Token", "A programmatic access token of the user's.", secret=True),
    "oauth_client_id": setting("string", "OAuth client", "Id of the client that signs in by itself."),
    "oauth_client_secret": setting("string", "OAuth secret", "Of that client.", secret=True),
    "oauth_token_request_url": setting("string", "OAuth token URL", "Where the identity provider gives tokens."),
    "oauth_scope": setting("string", "OAuth scope", "What the token is asked for; by default that of the role."),
    "password": setting("string", "Password", "Of the user; Snowflake no longer lets services use one.", secret=True),
}


def way(config: Mapping[str, Any]) -> str:
    """How to sign in: as the settings say, else by what is there."""
    given = config.get("authenticator")
    return given or next((name for name in (KEY_PAIR, TOKEN, OAUTH) if not _missing(name, config)), PASSWORD)


def contradictions(config: Mapping[str, Any]) -> list[str]:
    """Settings that are missing, or exclude each other."""
    chosen = way(config)
    found = [f"{' or '.join(group)} must be set ({chosen})" for group in _missing(chosen, config)]
    if "user" not in config and chosen != OAUTH:
        found.append("user must be set")
    if {"private_key", "private_key_path"} <= set(config):
        found.append("private_key and private_key_path exclude each other")
    if chosen == BROWSER and not sys.stderr.isatty():
        found.append("authenticator EXTERNALBROWSER needs a person at a terminal; use a key pair or a token")
    return found


def credentials(config: Mapping[str, Any]) -> dict[str, Any]:
    """What the driver's `connect` is told."""
    chosen = way(config)
    told: dict[str, Any] = {"authenticator": chosen}
    if "user" in config:
        told["user"] = config["user"]
    if chosen == KEY_PAIR:
        names = {"private_key": "private_key", "private_key_path": "private_key_file"}
        told |= {theirs: config[ours] for ours, theirs in names.items() if ours in config}
        if "private_key_passphrase" in config:
            told["private_key_password"] = config["private_key_passphrase"]
    elif chosen == OAUTH:
        told |= {name: config[name] for name in (*_OAUTH, "oauth_scope") if name in config}
    elif chosen in (TOKEN, PASSWORD):
        name = _NEEDS[chosen][0][0]
        told[name] = config[name]
    return told


def _missing(chosen: str, config: Mapping[str, Any]) -> list[tuple[str, ...]]:
    return [group for group in _NEEDS[chosen] if not any(config.get(name) for name in group)]
