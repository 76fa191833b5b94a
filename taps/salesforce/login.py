"""The ways to sign in to Salesforce, as settings and as `Auth`.

https://help.salesforce.com/s/articleView?id=sf.remoteaccess_oauth_flows.htm
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from xml.parsers.expat import ExpatError

from pipe.errors import ConfigurationError, CredentialsError, DataError
from taps.base.rest.auth import OAuth
from taps.base.rest.call import Call
from taps.base.rest.credentials import CredentialStore
from taps.base.rest.retry import AgainError
from taps.base.rest.tap import CREDENTIALS_FILE
from taps.base.settings import setting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from taps.base.rest.auth import Form
    from taps.base.rest.client import Client

SETTINGS: dict[str, Any] = {
    "domain": setting(
        "string",
        "Domain",
        "Where to sign in: login, test (a sandbox), or My Domain, such as acme.my or acme--uat.sandbox.my.",
        pattern=r"^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$",
        default="login",
    ),
    "client_id": setting("string", "Client", "Consumer key of an external client app.", minLength=1),
    "client_secret": setting("string", "Client secret", "Consumer secret of that app.", secret=True, minLength=1),
    "refresh_token": setting("string", "Refresh token", "That the app was given.", secret=True, minLength=1),
    "credentials_file": CREDENTIALS_FILE,
    "private_key": setting("string", "Private key", "As PEM text, for JWT bearer.", secret=True, minLength=1),
    "private_key_path": setting("string", "Private key file", "File of the same.", minLength=1),
    "username": setting("string", "User", "Whom the app acts for, with a private key or a password.", minLength=1),
    "password": setting(
        "string",
        "Password",
        "Of the user; without an app it works only where an organisation still allows SOAP login, until summer 2027.",
        secret=True,
        minLength=1,
    ),
    "security_token": setting("string", "Security token", "That is added to the password.", secret=True),
}
SUFFIX = ".salesforce.com"
GENERAL = {"login", "test"}
_OURS = re.compile(r"https://[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.(salesforce\.com|salesforce\.mil|sfcrmproducts\.cn)")
_LAST_SOAP = "64.0"
_BUSY = {
    "SERVER_UNAVAILABLE",
    "LOGIN_RATE_EXCEEDED",
    "REQUEST_LIMIT_EXCEEDED",
    "UNKNOWN_EXCEPTION",
    "UNKNOWN_EXCEPTION_CODE",
}
"""The last is the library's for an answer without a session."""
_JWT_SECONDS = 180
_WAYS = {
    "private_key": ("client_id", "username"),
    "private_key_path": ("client_id", "username"),
    "refresh_token": ("client_id",),
    "password": ("username",),
}
"""Setting that chooses a way to sign in -> what that needs besides."""


def problems(config: Mapping[str, Any]) -> list[str]:
    """What is wrong with the settings of the sign-in, taken together."""
    chosen = [name for name in _WAYS if config.get(name)]
    if len(chosen) > 1:
        return [f"{' and '.join(chosen)} exclude each other: give one way to sign in"]
    needed = _WAYS[chosen[0]] if chosen else ("client_id", "client_secret")
    because = f", which {chosen[0]} needs" if chosen else " (or refresh_token, private_key, password)"
    found = [f"{name} is missing{because}" for name in needed if not config.get(name)]
    if chosen == ["password"]:
        found += _halves(config)
    elif config.get("security_token"):
        found.append("security_token goes with a password alone")
    if not chosen and not found and domain(config) in GENERAL and not config.get("api_url"):
        found.append("domain must be your My Domain, such as acme.my, where an app signs in for itself")
    return found


def _halves(config: Mapping[str, Any]) -> list[str]:
    pair = {name for name in ("client_id", "client_secret") if config.get(name)}
    return ["client_id and client_secret belong together"] if len(pair) == 1 else []


def domain(config: Mapping[str, Any]) -> str:
    """The domain without what all have in common."""
    return str(config["domain"]).lower().removesuffix(SUFFIX)


def auth(config: Mapping[str, Any]) -> OAuth | SoapLogin:
    """How to sign in, by what the settings have.

    Raises:
        ConfigurationError: the private key cannot be read.
    """
    host = (config.get("api_url") or f"https://{domain(config)}{SUFFIX}").rstrip("/")
    url, client_id = f"{host}/services/oauth2/token", config.get("client_id", "")
    secret = {"client_secret": config["client_secret"]} if config.get("client_secret") else {}
    if config.get("private_key") or config.get("private_key_path"):
        return OAuth(url, _assertion(config))
    if token := config.get("refresh_token"):
        form = {"grant_type": "refresh_token", "client_id": client_id, **secret}
        return OAuth(url, form, store=CredentialStore(config.get("credentials_file"), token))
    if not config.get("password"):
        return OAuth(url, {"grant_type": "client_credentials", "client_id": client_id, **secret})
    user = User(config["username"], config["password"], config.get("security_token") or "")
    if client_id:
        form = {"grant_type": "password", "client_id": client_id, **secret, "username": user.name}
        return OAuth(url, {**form, "password": user.password + user.token})
    return SoapLogin(host, user)


def follow(grant: Mapping[str, Any]) -> str:
    """The organisation's own address, as the answer to the sign-in has it.

    Raises:
        DataError: it is none of Salesforce's, and must not see our token.
    """
    address = str(grant.get("instance_url", "")).rstrip("/")
    if not _OURS.fullmatch(address):
        raise DataError("the sign-in names no address of Salesforce's for what follows", remedy="Check domain")
    return address


def _assertion(config: Mapping[str, Any]) -> Any:
    """RFC 7523: who we are and for whom we act, signed anew each time."""
    import jwt

    try:
        key = config.get("private_key") or Path(config["private_key_path"]).expanduser().read_text()
        jwt.encode({}, key, algorithm="RS256")
    except (OSError, ValueError, TypeError, jwt.PyJWTError):
        raise ConfigurationError(
            "the private key cannot be read",
            field="private_key" if config.get("private_key") else "private_key_path",
            remedy="Give an RSA key without a passphrase, in PEM",
        ) from None
    is_test = domain(config) == "test" or ".sandbox" in domain(config)
    claims = {
        "iss": config["client_id"],
        "sub": config["username"],
        "aud": f"https://{'test' if is_test else 'login'}{SUFFIX}",
    }

    def form() -> Form:
        signed = jwt.encode({**claims, "exp": int(time.time()) + _JWT_SECONDS}, key, algorithm="RS256")
        return {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": signed}

    return form


class User(NamedTuple):
    """Who signs in with a password."""

    name: str
    password: str
    token: str


class SoapLogin:
    """The oldest way, by the library; organisations made since 2025 do not allow it, and it ends in 2027."""

    def __init__(self, host: str, user: User) -> None:
        """Nothing is sent yet."""
        self.grant: dict[str, Any] = {}
        self._host, self._user = host, user

    def headers(self, client: Client) -> Form:
        """The session's header; signs in if there is none."""
        if not self.grant:
            self.renew(client)
        return {"Authorization": f"Bearer {self.grant['access_token']}"}

    def renew(self, client: Client) -> bool:
        """Sign in anew."""
        self.grant = client.exchange(lambda: self._session(client), dict, "sign-in", judged=False)
        return True

    def _session(self, client: Client) -> dict[str, Any]:
        from simple_salesforce.exceptions import SalesforceAuthenticationFailed
        from simple_salesforce.login import SalesforceLogin

        try:
            session, instance = SalesforceLogin(
                self._user.name,
                self._user.password,
                self._user.token,
                sf_version=_LAST_SOAP,
                session=cast("Any", _Posts(client)),
                scratch_url=self._host,
            )
        except ExpatError:
            raise AgainError("an answer to the sign-in that is not XML") from None
        except SalesforceAuthenticationFailed as refused:
            code = str(refused.code)
            if code.isdecimal() or code in _BUSY:
                raise AgainError("the sign-in is not answered") from None
            raise CredentialsError(
                "the service refuses the user, or any sign-in with a password alone",
                remedy="Check username, password and security_token, or sign in with an app: client_id and the like",
            ) from None
        return {"access_token": session, "instance_url": f"https://{instance}"}


class _Posts:
    """The one method of a session that the library's sign-in calls, by our client."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def post(self, url: str, data: str, headers: Mapping[str, str], **unused: Any) -> Any:
        import requests

        reply = self._client.perform(Call("POST", url, data=data.encode(), headers=headers))
        response = requests.Response()
        response.status_code, response._content = reply.status, reply.content
        return response
