"""Starts fakesnow so that current drivers can talk to it and logins are really checked.

Run by the Python of the server's own environment with the number of a descriptor, into which it writes its port as JSON
once it answers, and a JSON object of users. It ends when its standard input does. The SQL engine and the protocol are
fakesnow's; ours, because 0.12.1 as it comes...

- checks no credentials: here password, programmatic token, OAuth token and the signature of a key pair are checked;
- leaves out of a login's answer what drivers since 5.0 need;
- gives NULL timestamps a value, and sends decimals as no account does;
- answers every query with one chunk: here with several, fetched one by one;
- knows no statement timeout;
- does not answer telemetry.

`/control` shows what the sessions and statements had, and sets how many chunks are served before the connection breaks.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import json
import os
import secrets
import socket
import sys
import threading
import time
from contextvars import ContextVar
from typing import Any

import fakesnow.arrow
import fakesnow.server as stock
import jwt
import pyarrow as pa
import pyarrow.compute as pc
import uvicorn
from cryptography.hazmat.primitives import serialization
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

CHUNK_ROWS = 5_000
MAX_INLINE_ROWS = 1_000
INTEGER_DIGITS = 18
KEPT_BYTES = 1 << 30

users: dict[str, dict[str, str]] = {}
"""Name in capitals -> password, token, public_key (PEM), oauth_client_id, oauth_client_secret; any may be absent."""
oauth_tokens: dict[str, str] = {}
chunks: dict[str, bytes] = {}
state: dict[str, Any] = {
    "sessions": [],
    "statements": [],
    "chunks_left": None,
    "forbidden": "",
    "chunk_rows": CHUNK_ROWS,
}


async def login(request: Request) -> Response:
    """Check who it is; the real service's codes."""
    body = await _body(request)
    data = body["data"]
    if not _may_enter(data):
        is_key = data.get("AUTHENTICATOR") == "SNOWFLAKE_JWT"
        code, text = ("390144", "JWT token is invalid.") if is_key else ("390100", "Incorrect username or password.")
        return JSONResponse({"data": {"nextAction": "RETRY_LOGIN"}, "code": code, "message": text, "success": False})
    parameters = data.get("SESSION_PARAMETERS", {})
    state["sessions"].append({"parameters": parameters, "query": dict(request.query_params)})
    answer = json.loads(bytes((await stock.login_request(request)).body))
    token = answer["data"]["token"]
    session_parameters[token] = parameters
    answer["data"].update(
        masterToken=secrets.token_urlsafe(32),
        sessionId=len(state["sessions"]),
        validityInSeconds=3600,
        masterValidityInSeconds=14400,
    )
    return JSONResponse(answer)


session_parameters: dict[str, dict[str, Any]] = {}


async def query(request: Request) -> Response:
    """Run a statement; its rows come in chunks if they are many."""
    body = await _body(request)
    token = stock.to_token(request)
    parameters = {**session_parameters.get(token, {}), **(body.get("parameters") or {})}
    state["statements"].append({"sql": body["sqlText"], "parameters": parameters})
    if state["forbidden"] and state["forbidden"] in body["sqlText"]:
        return JSONResponse(_failure("003001", "42501", "Insufficient privileges to operate on table"))
    seconds = float(parameters.get("STATEMENT_TIMEOUT_IN_SECONDS") or 0)
    rest: list[pa.Table] = []
    beyond.set(rest)
    running = asyncio.ensure_future(stock.query_request(request))
    done, _ = await asyncio.wait([running], timeout=seconds or None)
    if not done:
        stock.to_conn(token)._duck_conn.interrupt()
        await asyncio.wait([running])
        text = f"Statement reached its statement or warehouse timeout of {seconds:g} second(s) and was canceled."
        return JSONResponse(_failure("000630", "57014", text))
    answer = json.loads(bytes(running.result().body))
    for table in rest:
        await asyncio.to_thread(_split, request, answer["data"], table)
    return JSONResponse(answer)


async def chunk(request: Request) -> Response:
    """One chunk; each may be fetched more than once."""
    if state["chunks_left"] is not None:
        state["chunks_left"] -= 1
        if state["chunks_left"] < 0:
            os._exit(1)
    return Response(chunks[request.path_params["name"]], headers={"Content-Encoding": "gzip"})


async def oauth(request: Request) -> Response:
    """The token endpoint of an identity provider, for client credentials."""
    form = dict(pair.split("=", 1) for pair in (await request.body()).decode().split("&"))
    given = form.get("client_id"), form.get("client_secret")
    header = request.headers.get("Authorization", "")
    if header.startswith("Basic "):
        given = tuple(base64.b64decode(header[6:]).decode().split(":", 1))
    for name, user in users.items():
        if user.get("oauth_client_id") and given == (user["oauth_client_id"], user["oauth_client_secret"]):
            token = secrets.token_urlsafe(16)
            oauth_tokens[token] = name
            return JSONResponse({"access_token": token, "token_type": "Bearer", "expires_in": 600})
    return JSONResponse({"error": "invalid_client"}, status_code=401)


async def control(request: Request) -> Response:
    """Show, and with POST change, what tests look at."""
    if request.method == "POST":
        state.update(await request.json())
    return JSONResponse({**state, "chunk_count": len(chunks)})


def timestamps(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Timestamps as the service's structs, with the NULLs kept."""
    values = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    whole = pc.fill_null(values, pa.scalar(0, pa.int64()).cast(values.type))
    made = unmasked(whole)
    return pa.StructArray.from_arrays(made.flatten(), fields=list(made.type), mask=pc.is_null(values))


def scaled(table: pa.Table, rowtype: Any) -> pa.Table:
    """Rows as the service sends them: decimals as whole numbers, with the scale beside them."""
    made = plain(table, rowtype)
    for place, field in enumerate(made.schema):
        if pa.types.is_decimal128(field.type) and field.type.scale > 0 and field.type.precision <= INTEGER_DIGITS:
            factor = pa.scalar(10**field.type.scale, pa.decimal128(19, 0))
            whole = pc.multiply(made.column(place), factor).cast(pa.int64())
            made = made.set_column(place, field.with_type(pa.int64()), whole)
    return made


unmasked = fakesnow.arrow.timestamp_to_sf_struct
plain = fakesnow.arrow.to_sf


def _may_enter(data: dict[str, Any]) -> bool:
    user = users.get(str(data.get("LOGIN_NAME", "")).upper(), {})
    token = data.get("TOKEN")
    match str(data.get("AUTHENTICATOR") or "SNOWFLAKE").upper():
        case "SNOWFLAKE":
            return bool(user.get("password")) and data.get("PASSWORD") == user["password"]
        case "PROGRAMMATIC_ACCESS_TOKEN":
            return bool(user.get("token")) and token == user["token"]
        case "SNOWFLAKE_JWT":
            return bool(user.get("public_key")) and _is_signed(token, user["public_key"])
        case "OAUTH" | "OAUTH_CLIENT_CREDENTIALS":
            return token in oauth_tokens
    return False


def _is_signed(token: Any, pem: str) -> bool:
    key = serialization.load_pem_public_key(pem.encode())
    plain = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    fingerprint = "SHA256:" + base64.b64encode(hashlib.sha256(plain).digest()).decode()
    try:
        claims = jwt.decode(token, key, algorithms=["RS256"], options={"require": ["exp", "iss", "sub"]})
    except jwt.InvalidTokenError:
        return False
    return bool(claims["iss"] == f"{claims['sub']}.{fingerprint}")


def first_rows(table: pa.Table) -> pa.Buffer:
    """The rows that stand in the answer itself; the others are for `_split`."""
    if table.num_rows > MAX_INLINE_ROWS:
        beyond.get().append(table.slice(MAX_INLINE_ROWS))
    return whole_table(table.slice(0, MAX_INLINE_ROWS))


beyond: ContextVar[list[pa.Table]] = ContextVar("beyond")
whole_table = fakesnow.arrow.to_ipc


def _split(request: Request, data: dict[str, Any], table: pa.Table) -> None:
    """Let rows be fetched in chunks."""
    data["chunks"], data["chunkHeaders"] = [], {}
    for start in range(0, table.num_rows, state["chunk_rows"]):
        part = table.slice(start, state["chunk_rows"]).combine_chunks()
        content = whole_table(part).to_pybytes()
        packed = gzip.compress(content, 1)
        name = secrets.token_urlsafe(12)
        chunks[name] = packed
        data["chunks"].append(
            {
                "url": f"{request.url.scheme}://{request.url.netloc}/chunks/{name}",
                "rowCount": part.num_rows,
                "uncompressedSize": len(content),
                "compressedSize": len(packed),
            }
        )
    while sum(map(len, chunks.values())) > KEPT_BYTES:
        del chunks[next(iter(chunks))]


def _failure(code: str, sql_state: str, text: str) -> dict[str, Any]:
    return {
        "data": {"errorCode": code, "sqlState": sql_state},
        "code": code,
        "message": text,
        "success": False,
    }


async def _body(request: Request) -> dict[str, Any]:
    raw = await request.body()  # Starlette keeps it, so fakesnow can read it again
    return dict(json.loads(gzip.decompress(raw) if request.headers.get("Content-Encoding") == "gzip" else raw))


async def telemetry(_: Request) -> Response:
    """Take what drivers say of themselves, and forget it."""
    return JSONResponse({"success": True, "data": None, "message": None, "code": None})


OURS = [
    Route("/session/v1/login-request", login, methods=["POST"]),
    Route("/queries/v1/query-request", query, methods=["POST"]),
    Route("/chunks/{name}", chunk, methods=["GET"]),
    Route("/oauth/token", oauth, methods=["POST"]),
    Route("/telemetry/send", telemetry, methods=["POST"]),
    Route("/control", control, methods=["GET", "POST"]),
]


def _end_with_the_parent() -> None:
    """A test run that is killed leaves no server behind."""

    def wait() -> None:
        sys.stdin.buffer.read()
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


def main() -> None:
    """Serve until told to end."""
    _end_with_the_parent()
    users.update({name.upper(): each for name, each in json.loads(sys.argv[2]).items()})
    fakesnow.arrow.timestamp_to_sf_struct = timestamps
    stock.to_sf = scaled
    stock.to_ipc = first_rows
    listener = socket.create_server(("127.0.0.1", 0))
    taken = {route.path for route in OURS}
    app = Starlette(routes=[*OURS, *(route for route in stock.routes if route.path not in taken)])
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))

    def tell() -> None:
        while not server.started:
            time.sleep(0.01)
        with os.fdopen(int(sys.argv[1]), "w") as answer:
            json.dump({"port": listener.getsockname()[1]}, answer)

    threading.Thread(target=tell, daemon=True).start()
    server.run(sockets=[listener])


main()
