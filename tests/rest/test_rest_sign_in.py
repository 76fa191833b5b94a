"""Signing in, with refresh tokens that work once, and the calls that it costs."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from contract.rest_runs import run_tap
from rest_things import FIELDS, TapThings, run, styled, tap, things
from servers.rest import Answer, Endpoint, Fault, Request, Service, by_token

from pipe.errors import ConfigurationError, CredentialsError, RetriableError
from taps.base.rest.auth import OAuth, bearer
from taps.base.rest.credentials import CredentialStore
from taps.base.rest.pages import Token
from taps.base.rest.resource import Resource


def test_sign_in_counts_as_calls_too(guarded: tuple[Service, Tokens]):
    service, _ = guarded
    done = run_tap(signed_in(Tokens(), CredentialStore(None, "first"), service.url), {"api_url": service.url})
    assert done.count("http_request_count", "sign-in") == 1
    assert done.count("http_request_count") == len(service.calls)


class Tokens:
    """A token endpoint whose refresh tokens work once."""

    def __init__(self) -> None:
        self.valid = "first"
        self.count = 0
        self.asked: list[str] = []

    def __call__(self, service: Service, request: Request) -> Answer:
        self.asked.append(request.params["refresh_token"])
        if request.params["refresh_token"] != self.valid:
            return Answer({"error": "invalid_grant"}, 400)
        self.count += 1
        self.valid, service.token = f"refresh-{self.count}", f"access-{self.count}"
        return Answer({"access_token": service.token, "refresh_token": self.valid, "expires_in": 3600})


def signed_in(tokens: Tokens, store: CredentialStore, url: str) -> type[TapThings]:
    auth = OAuth(f"{url}/token", {"grant_type": "refresh_token", "client_id": "me"}, store=store)
    return tap(Resource("things", "/things", FIELDS, params={"cursor": "{token}"}, pages=Token("next")), auth=auth)


@pytest.fixture
def guarded() -> Iterator[tuple[Service, Tokens]]:
    tokens = Tokens()
    endpoints = [
        Endpoint("/token", method="POST", handler=tokens),
        Endpoint("/things", "things", paging=by_token("cursor", "next", 10)),
    ]
    service = Service({"things": things(45)}, endpoints, token="none yet")
    with service.serving():
        yield service, tokens


def test_a_token_that_expires_in_mid_run_is_renewed_once(guarded: tuple[Service, Tokens], tmp_path: Path):
    service, tokens = guarded
    path = tmp_path / "tenant" / "things.json"
    service.faults.append(Fault("expire_token", after=3, path="/things"))
    made = signed_in(tokens, CredentialStore(str(path), "first"), service.url)
    done = run_tap(made, {"api_url": service.url})
    assert done.error is None, done.error
    assert len(done.rows("things")) == 45
    assert tokens.asked == ["first", "refresh-1"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = run_tap(signed_in(tokens, CredentialStore(str(path), "first"), service.url), {"api_url": service.url})
    assert again.error is None, again.error
    assert tokens.asked[2:] == ["refresh-2"]
    for secret in ("refresh-1", "refresh-2", "access-1", "access-2"):
        assert secret not in done.log + done.output


def test_the_token_before_still_opens_when_the_newest_was_never_taken(guarded: tuple[Service, Tokens], tmp_path: Path):
    service, tokens = guarded
    path = tmp_path / "things.json"
    store = CredentialStore(str(path), "first")
    with store.held():
        store.keep("written-but-never-used")
    done = run_tap(signed_in(tokens, CredentialStore(str(path), "first"), service.url), {"api_url": service.url})
    assert done.error is None, done.error
    assert tokens.asked == ["written-but-never-used", "first"]


def test_a_new_token_in_the_settings_replaces_the_kept_one(guarded: tuple[Service, Tokens], tmp_path: Path):
    service, tokens = guarded
    path = tmp_path / "things.json"
    old = CredentialStore(str(path), "an old one")
    with old.held():
        old.keep("a newer one")
    run_tap(signed_in(tokens, CredentialStore(str(path), "first"), service.url), {"api_url": service.url})
    assert tokens.asked == ["first"]


def test_a_store_that_cannot_be_written_stops_before_the_new_token_is_used(
    guarded: tuple[Service, Tokens], tmp_path: Path
):
    service, tokens = guarded
    path = tmp_path / "things.json"
    (tmp_path / "things.new").mkdir()
    done = run_tap(signed_in(tokens, CredentialStore(str(path), "first"), service.url), {"api_url": service.url})
    assert isinstance(done.error, RetriableError)
    assert "credentials_file" in str(done.error)
    assert not [call for call in service.calls if call.path == "/things"]


def test_a_store_that_is_something_else_is_refused(guarded: tuple[Service, Tokens], tmp_path: Path):
    service, tokens = guarded
    (tmp_path / "things.json").write_text('{"a": "list of other things"}')
    made = signed_in(tokens, CredentialStore(str(tmp_path / "things.json"), "first"), service.url)
    assert isinstance(run_tap(made, {"api_url": service.url}).error, ConfigurationError)


@pytest.mark.parametrize("fault", [Fault("status", value=503), Fault("rate_seconds", value=7, times=9)])
def test_a_sign_in_that_is_busy_is_waited_for(guarded: tuple[Service, Tokens], fault: Fault):
    service, tokens = guarded
    service.faults.append(replace(fault, path="/token"))
    done = run_tap(signed_in(tokens, CredentialStore(None, "first"), service.url), {"api_url": service.url})
    assert done.error is None, done.error
    assert len(done.rows("things")) == 45
    assert fault.kind == "status" or done.waits == [7.0] * 9


def test_refused_refresh_tokens_are_a_matter_of_credentials(guarded: tuple[Service, Tokens]):
    service, tokens = guarded
    done = run_tap(signed_in(tokens, CredentialStore(None, "wrong"), service.url), {"api_url": service.url})
    assert isinstance(done.error, CredentialsError)
    assert "wrong" not in str(done.error)


@pytest.mark.parametrize("key", ["line\nend", "n\u00f6", " \x00"])
def test_a_key_that_no_header_can_carry_is_a_matter_of_settings(key: str):
    made, service = styled("token", 5)
    made.auth = bearer(key)
    done = run(made, service)
    assert isinstance(done.error, ConfigurationError)
    assert key not in str(done.error)
    assert not service.calls
