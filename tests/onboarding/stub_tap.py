"""A tap for tests, without any library: it signs in with a password, and sends till orders."""

import json
import os
import sys

PASSWORD = "right-canary-7d2f"


def main() -> None:
    config = {
        name.removeprefix("TAP_STUB_").lower(): value
        for name, value in os.environ.items()
        if name.startswith("TAP_STUB_")
    }
    for index, argument in enumerate(sys.argv):
        if argument == "--config" and sys.argv[index + 1] != "ENV":
            with open(sys.argv[index + 1]) as file:  # noqa: PTH123
                config = json.load(file)
    if config.get("password") != PASSWORD:
        sys.exit(_fail("credentials", f"the server refused the password {config.get('password')}", 77))
    if config.get("broken") in {"test", "always"} and "--test" in sys.argv:
        sys.exit(_fail("retriable", "the server is away", 75))
    if "--test" in sys.argv:
        return
    if "--discover" in sys.argv:
        print(
            json.dumps(
                {
                    "streams": [
                        {
                            "stream": "till_orders",
                            "tap_stream_id": "till_orders",
                            "schema": SCHEMA["schema"],
                            "metadata": [],
                        }
                    ]
                }
            )
        )
        return
    if config.get("broken"):
        sys.exit(_fail("data", f"the answer of {config['password']} makes no sense", 65))
    print(json.dumps(SCHEMA))
    for number in range(int(config.get("rows", 3))):
        record = {
            "order_id": f"t{number}",
            "closed_at": f"2026-01-0{1 + number % 9}T10:00:00Z",
            "total": "12.50",
            "phone": f"(312) 555-010{number % 9}",
        }
        print(json.dumps({"type": "RECORD", "stream": "till_orders", "record": record}))
    print(json.dumps({"type": "STATE", "value": {"bookmarks": {"till_orders": {"at": 3}}}}))


SCHEMA = {
    "type": "SCHEMA",
    "stream": "till_orders",
    "key_properties": ["order_id"],
    "schema": {
        "type": "object",
        "properties": {name: {"type": ["null", "string"]} for name in ("order_id", "closed_at", "total", "phone")},
    },
}


def _fail(kind: str, text: str, code: int) -> int:
    print(f"{kind} error: {text}", file=sys.stderr)
    return code


main()
