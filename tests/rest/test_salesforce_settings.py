"""tap-salesforce: every way to sign in, settings that are wrong, and names that would change a query."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from contract.rest_runs import Run, run_tap
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from servers import salesforce
from servers.rest import Fault
from servers.salesforce import LOGIN, PASSWORD, REFRESH, SECRET, SECURITY, TOKEN, USER, Organisation

from pipe.errors import ConfigurationError, CredentialsError, DataError, PipeError, RetriableError
from taps.salesforce import queries
from taps.salesforce.fields import readable
from taps.salesforce.login import follow
from taps.salesforce.tap import TapSalesforce

APP = {"client_id": LOGIN["client_id"]}
SECRETS = (TOKEN, SECRET, REFRESH, PASSWORD, SECURITY, "PRIVATE", "jenny@example.com")


@pytest.fixture(scope="module")
def pem() -> tuple[str, str]:
    """A private key and its public key."""
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = made.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


@pytest.fixture
def organisation(pem: tuple[str, str]) -> Iterator[Organisation]:
    """Ten opportunities and eight of all else."""
    service = salesforce.service(10)
    service.public_key = pem[1]
    with service.serving():
        yield service


def attempt(service: Organisation, **settings: Any) -> Run:
    config = {"api_url": service.url, "objects": ["Contact"], **settings}
    return run_tap(TapSalesforce, {name: value for name, value in config.items() if value is not None})


def ways(private: str, folder: Path) -> dict[str, dict[str, Any]]:
    (folder / "key.pem").write_text(private)
    user = {"username": USER, "password": PASSWORD, "security_token": SECURITY}
    return {
        "refresh token": LOGIN,
        "client credentials": {**APP, "client_secret": SECRET},
        "jwt": {**APP, "username": USER, "private_key": private},
        "jwt by file": {**APP, "username": USER, "private_key_path": str(folder / "key.pem")},
        "password of an app": {**APP, "client_secret": SECRET, **user},
        "password": user,
    }


WAYS = ["refresh token", "client credentials", "jwt", "jwt by file", "password of an app", "password"]


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_sign_in_and_again_when_the_session_expires(
    organisation: Organisation, pem: tuple[str, str], tmp_path: Path, way: str
):
    organisation.faults.append(Fault("expire_token", path="/queryAll"))
    organisation.faults.append(Fault("status", path="/services/oauth2", value=503))
    organisation.faults.append(Fault("html", path="/services/Soap"))
    run = attempt(organisation, **ways(pem[0], tmp_path)[way])
    assert run.error is None, run.error
    assert len(run.rows("contact")) == 8
    assert organisation.counts["expire_token"] == 1
    assert not any(secret in run.log + run.output for secret in SECRETS)


@pytest.mark.parametrize("way", WAYS)
def test_refused_credentials_are_not_shown(
    organisation: Organisation, pem: tuple[str, str], tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch
):
    wrong = ways(pem[0], tmp_path)[way]
    for name in ("client_secret", "password", "refresh_token"):
        if name in wrong:
            wrong = {**wrong, name: f"wrong-{wrong[name]}"}
    organisation.public_key = organisation.public_key.replace("A", "B", 40) if "jwt" in way else ""
    run = attempt(organisation, **wrong)
    assert isinstance(run.error, CredentialsError), run.error
    assert not any(secret in run.log + str(run.error) for secret in SECRETS)


def test_soap_login_that_is_switched_off_names_the_other_ways(organisation: Organisation):
    organisation.soap = False
    run = attempt(organisation, username=USER, password=PASSWORD, security_token=SECURITY)
    assert isinstance(run.error, CredentialsError)
    assert "sign in with an app" in str(run.error)


def test_soap_login_that_does_not_answer_is_tried_again_and_given_up(organisation: Organisation):
    organisation.faults.append(Fault("status", times=1000, value=503, path="/services/Soap"))
    run = attempt(organisation, username=USER, password=PASSWORD, security_token=SECURITY, retry_seconds=20)
    assert isinstance(run.error, RetriableError)
    assert len(organisation.calls) > 1


def test_a_new_refresh_token_is_kept(organisation: Organisation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = tmp_path / "tenant" / "salesforce.json"
    accepted = [REFRESH]

    def rotating(service: Any, request: Any) -> salesforce.Answer:
        if request.params["refresh_token"] != accepted[-1]:
            return salesforce.Answer({"error": "invalid_grant"}, 400)
        accepted.append(f"refresh-{len(accepted)}")
        return salesforce.Answer({"access_token": service.token, "refresh_token": accepted[-1]})

    organisation.endpoints[0] = salesforce.Endpoint("/services/oauth2/token", method="POST", handler=rotating)
    for _ in range(3):
        run = attempt(organisation, **LOGIN, credentials_file=str(file))
        assert run.error is None, run.error
    assert accepted[-1] == "refresh-3"
    assert file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, ["client_id is missing", "client_secret is missing"]),
        (APP, ["client_secret is missing"]),
        ({**APP, "client_secret": "x"}, ["domain must be your My Domain"]),
        ({"refresh_token": "x"}, ["client_id is missing, which refresh_token needs"]),
        ({**APP, "private_key": "x"}, ["username is missing, which private_key needs"]),
        ({"password": "x"}, ["username is missing, which password needs"]),
        ({**APP, "username": "u", "password": "x"}, ["client_id and client_secret belong together"]),
        ({**LOGIN, "password": "x"}, ["refresh_token and password exclude each other"]),
        ({**LOGIN, "private_key": "x"}, ["private_key and refresh_token exclude each other"]),
        ({**LOGIN, "security_token": "x"}, ["security_token goes with a password alone"]),
        ({**LOGIN, "domain": "acme.my/../evil"}, ["domain"]),
        ({**LOGIN, "domain": "evil.example#"}, ["domain"]),
        ({**LOGIN, "api_version": "latest"}, ["api_version"]),
        ({**LOGIN, "api_version": "67.0/../.."}, ["api_version"]),
        ({**LOGIN, "objects": []}, ["objects"]),
        ({**LOGIN, "objects": ["Lead WHERE Id != null"]}, ["objects"]),
        ({**LOGIN, "objects": ["Lead,Contact"]}, ["objects"]),
        ({**LOGIN, "object_type": "Lead'--"}, ["object_type"]),
        ({**LOGIN, "api_type": "soap"}, ["api_type"]),
        ({**LOGIN, "bulk_threshold": 0}, ["bulk_threshold"]),
        ({**LOGIN, "page_size": 100}, ["page_size"]),
        ({**LOGIN, "quota_percent": 0}, ["quota_percent"]),
        ({**LOGIN, "start_date": "2024-01-01' OR Id != '"}, ["start_date"]),
        ({**LOGIN, "query": "DELETE FROM Lead"}, ["query is not a query"]),
        ({**LOGIN, "query": "SELECT Name FROM Lead"}, ["query does not select Id"]),
        ({**LOGIN, "query": "SELECT Id FROM Lead WHERE SystemModstamp > {since}"}, ["only one of {since}"]),
        (
            {**LOGIN, "query": "SELECT Id FROM Lead WHERE A > {since} AND A < {until}"},
            ["does not select SystemModstamp"],
        ),
        ({**LOGIN, "query": "SELECT Id FROM Lead", "object_type": "Contact"}, ["query is not from Contact"]),
        ({**LOGIN, "queries": {"Won Deals": "SELECT Id FROM Lead"}}, ["queries"]),
        ({**LOGIN, "queries": {"won": "SELECT COUNT() FROM Lead", "a": ""}}, ["queries"]),
        ({**LOGIN, "api_version": "x", "domain": "a b", "start_date": "soon"}, ["api_version", "domain"]),
    ],
)
def test_wrong_settings_are_named_before_anything_is_sent(settings: dict[str, Any], said: list[str]):
    run = run_tap(TapSalesforce, settings)
    assert isinstance(run.error, ConfigurationError), run.error
    assert all(part in str(run.error) for part in said), run.error
    assert "evil" not in str(run.error)
    assert not run.messages


@pytest.mark.parametrize("kind", ["none", "cut", "missing"])
def test_a_private_key_that_cannot_be_read(organisation: Organisation, tmp_path: Path, pem: tuple[str, str], kind: str):
    head, *inside, foot = pem[0].splitlines()
    given = {
        "none": {"private_key": "PRIVATE"},
        "cut": {"private_key": "\n".join((head, inside[0], foot))},
        "missing": {"private_key_path": str(tmp_path / "missing.pem")},
    }[kind]
    run = attempt(organisation, **APP, username=USER, **given)
    assert isinstance(run.error, ConfigurationError)
    assert next(iter(given)) in str(run.error)
    assert "PRIVATE" not in str(run.error)
    assert inside[0] not in str(run.error)
    assert not organisation.calls


def test_the_earlier_settings_still_work(organisation: Organisation):
    earlier = {
        "username": USER, "password": PASSWORD, "security_token": SECURITY, "domain": "test",
        "object_type": "Opportunity", "objects": None,
        "query": "SELECT Id, Name, Amount FROM Opportunity WHERE IsWon = true ORDER BY CreatedDate",
    }  # fmt: skip
    run = attempt(organisation, **earlier)
    assert run.error is None, run.error
    assert len(run.rows("opportunity")) == 6
    assert not organisation.problems


def test_fields_whose_names_would_change_a_query_are_not_asked_for():
    described = [{"name": name, "type": "string"} for name in ("Good__c", "Id FROM User--", "a,b", "x'y", "é")]
    assert [row["name"] for row in readable(described)] == ["Good__c"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("select Id from Lead", ("Lead", ("Id",), (), ())),
        ("SELECT Id, Owner.Name, Owner.Profile.Name FROM Case", ("Case", ("Id",), ("Owner",), ())),
        (
            "SELECT Id, (SELECT Id, Name FROM Contacts WHERE Name = 'a, from b)') FROM Account",
            ("Account", ("Id",), (), ("Contacts",)),
        ),
        (
            "SELECT Id, toLabel(Status), FORMAT(Amount) amt, fromage__c\nFROM  X__c",
            ("X__c", ("Id", "fromage__c"), (), ()),
        ),
    ],
)
def test_what_a_query_asks_for(text: str, expected: tuple[Any, ...]):
    found = queries.parse(text, "query")
    assert (found.sobject, found.plain, found.related, found.lists) == expected


@pytest.mark.parametrize("text", ["", "SELECT", "SELECT Id", "SELECT (Id FROM Lead", "UPDATE Lead", "SELECT Id FROM"])
def test_what_is_no_query(text: str):
    with pytest.raises(ConfigurationError):
        queries.parse(text, "query")


@pytest.mark.parametrize(
    ("address", "good"),
    [
        ("https://acme.my.salesforce.com", True),
        ("https://acme--uat.sandbox.my.salesforce.com/", True),
        ("http://acme.my.salesforce.com", False),
        ("https://acme.my.salesforce.com.evil.example", False),
        ("https://evil.example/.salesforce.com", False),
        ("", False),
    ],
)
def test_only_salesforces_own_hosts_see_the_token(address: str, good: bool):
    if good:
        assert follow({"instance_url": address}) == address.rstrip("/")
    else:
        with pytest.raises(DataError):
            follow({"instance_url": address})


def test_a_next_page_on_another_host_is_not_followed(organisation: Organisation):
    page = salesforce._page

    def elsewhere(*arguments: Any) -> Any:
        answer = page(*arguments)
        answer.body.more |= {"done": False, "nextRecordsUrl": "https://evil.example/services/data/v67.0/query/01g-1"}
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(salesforce, "_page", elsewhere)
        run = attempt(organisation, **LOGIN)
    assert isinstance(run.error, PipeError)
    assert "another host" in str(run.error)
