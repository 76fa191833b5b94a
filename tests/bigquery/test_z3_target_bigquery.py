"""The canonical streams are plain Singer: a target of others loads them, too (z3-target-bigquery by load jobs)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from bigquery_place import Place
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from servers.bigquery_venv import MissingServerError, environment
from support import run

REQUIREMENTS = ("z3-target-bigquery==0.7.2", "setuptools<81")
TOKEN = b'{"access_token": "x", "expires_in": 3600, "token_type": "Bearer"}'
ORDERS = 500

pytestmark = pytest.mark.quality


@pytest.fixture(scope="module")
def executable() -> Path:
    if sys.version_info >= (3, 12):
        pytest.skip("z3-target-bigquery 0.7.2 needs a Python below 3.12")
    try:
        return environment("z3-target-bigquery", *REQUIREMENTS).with_name("target-bigquery")
    except MissingServerError as error:
        if os.environ.get("CI_REQUIRE_SERVERS") == "1":
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture
def key(place: Place) -> Iterator[Path]:
    """A service account's key; who signs in with it gets a token from a server on this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(TOKEN)

    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        content = {
            "type": "service_account",
            "client_email": "a@b.iam.gserviceaccount.com",
            "token_uri": f"http://127.0.0.1:{server.server_address[1]}",
            "private_key": private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        }
        file = place.folder / "key.json"
        file.write_text(json.dumps(content))
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield file
        server.shutdown()
        thread.join()


def test_the_streams_of_one_run_by_another_target(place: Place, executable: Path, key: Path) -> None:
    orders = place.folder / "orders.csv"
    rows = (f"o{n},{n}.10,2024-05-{n % 28 + 1:02d}T10:00:00Z,u{n // 3},p{n // 4}@mail.example" for n in range(ORDERS))
    orders.write_text("\n".join(["id,total,created_at,customer_id,customer_email", *rows]) + "\n")
    lines: list[bytes] = []
    for step, config in (
        ("tap-csv", {"streams": [{"stream": "orders", "path": str(orders), "key_properties": ["id"]}]}),
        ("map-conversions", {"tenant": "acme", "sources": [{"preset": "olo"}]}),
        ("resolve-identity", {"tenant": "acme", "store": str(place.folder / "identity.duckdb"), "key": "ab" * 32}),
    ):
        done = run(step, config, lines, place.folder)
        assert done.code == 0, done.log
        lines = done.lines

    config = {
        "project": place.project,
        "dataset": place.dataset,
        "credentials_path": str(key),
        "method": "batch_job",
        "batch_size": 50_000,
        "denormalized": True,
        "upsert": True,
        "dedupe_before_upsert": True,
        "schema_resolver_version": 2,
    }
    file = place.folder / "z3.json"
    file.write_text(json.dumps(config))
    surroundings = {**os.environ, "BIGQUERY_EMULATOR_HOST": str(place.emulator.url)}
    theirs = subprocess.run(
        [executable, "--config", file],
        input=b"\n".join(lines) + b"\n",
        env=surroundings,
        capture_output=True,
        check=False,
    )
    assert theirs.returncode == 0, theirs.stderr.decode()
    assert json.loads(theirs.stdout.splitlines()[-1]) == json.loads(lines[-1])["value"]

    assert place.load(*lines, dataset=f"{place.dataset}_ours").code == 0
    query = (
        "SELECT conversion_id, transaction_id, timestamp, CAST(value AS NUMERIC), global_customer_id "
        "FROM {}.conversions ORDER BY 1"
    )
    found = place.rows(query)
    assert len(found) == ORDERS
    assert found == Place(place.emulator, f"{place.dataset}_ours", place.folder).rows(query)
