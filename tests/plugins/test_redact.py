"""Secrets in every shape in which a program may print them."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest
from stub_project import Project

from plugins.meltano_log import parse
from plugins.project import open_project
from plugins.redact import MASK, Redactor, secrets_of

SECRET = 'p4ss "word"\\ä/+='


@pytest.mark.parametrize(
    "shown",
    [
        SECRET,
        json.dumps(SECRET),
        json.dumps(json.dumps({"key": SECRET})),
        repr(SECRET),
        f"https://api.example/?key={quote(SECRET, safe='')}",
        f"Authorization: Basic {base64.b64encode(SECRET.encode()).decode()}",
    ],
)
def test_every_form_is_masked(shown: str) -> None:
    masked = Redactor([SECRET])(shown)
    assert MASK in masked
    assert "p4ss" not in masked
    assert "word" not in masked


def test_a_key_file_is_masked_line_by_line() -> None:
    mask = Redactor(["-----BEGIN KEY-----\nabcdefgh\nijklmnop\n-----END KEY-----"])
    assert mask("got ijklmnop and ab") == f"got {MASK} and ab"


def test_short_values_stay_readable() -> None:
    assert Redactor(["abc", ""])("abc abcd") == "abc abcd"


def test_structures_are_masked_throughout() -> None:
    value = {"a": ["x hunter22", {"hunter22": 1}], "n": 5, "none": None}
    assert Redactor(["hunter22"]).deep(value) == {"a": [f"x {MASK}", {MASK: 1}], "n": 5, "none": None}


def test_an_event_is_masked_as_a_whole() -> None:
    event = parse(json.dumps({"event": "using hunter22", "stdio": "stderr", "name": "tap", "extra": ["hunter22"]}))
    shown = event.masked(Redactor(["hunter22"]))
    assert "hunter22" not in json.dumps(shown.as_dict()) + shown.text


def test_what_is_secret(project: Project) -> None:
    project.add("acme", tap={"api_key": "Bearer ${ACME_KEY}"})
    (project.root / ".env").write_text("TAP_STUB_API_KEY=from-dotenv\n")
    found = open_project(project.root)
    everything = {**found.dotenv, "ACME_KEY": "key-of-acme", "SHOP_PASSWORD": "guessed-by-name", "A_TOKEN": "true"}
    secrets = secrets_of(found, found.tenant("acme"), everything)
    assert secrets == {"from-dotenv", "Bearer key-of-acme", "guessed-by-name"}
