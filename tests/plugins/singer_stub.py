"""A tap, a mapper and a target for tests, small and quick: real Singer executables that do as their settings say.

Which of them it is, is told by the name it is called by. Only the standard library: it starts in 20 ms.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

NAME = Path(sys.argv[0]).name


def log(level: str, text: str, logger: str = NAME) -> None:
    """One line as the Singer SDK's structured logging writes it."""
    line = {
        "level": level,
        "pid": os.getpid(),
        "logger_name": logger,
        "ts": time.time(),
        "thread_name": "MainThread",
        "app_name": "singer-sdk",
        "stream_name": None,
        "message": text,
        "extra": {},
    }
    print(json.dumps(line), file=sys.stderr, flush=True)


def count(metric: str, value: int, **tags: str) -> None:
    """One count, as `pipe.metrics.counter` logs it."""
    point = {"type": "counter", "metric": metric, "value": value, "tags": tags}
    log("info", "METRIC: " + json.dumps(point), "singer_sdk.metrics")


def option(name: str) -> dict:
    """The JSON file an option names."""
    return json.loads(Path(sys.argv[sys.argv.index(name) + 1]).read_text()) if name in sys.argv else {}


def leave(config: dict) -> None:
    """End as the settings say."""
    if config.get("say"):
        log("error", config["say"])
    if config.get("crash"):
        raise RuntimeError("boom " + str(config.get("api_key")))
    if config.get("kill"):
        os.kill(os.getpid(), signal.SIGKILL)
    sys.exit(config.get("exit", 0))


def send(message: dict) -> None:
    """Write one message."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def tap(config: dict) -> None:
    """Rows of one stream from where the last run ended; with `hang` it waits in the middle until it is ended."""
    key = {"type": "object", "properties": {"id": {"type": "integer"}, "tenant": {"type": "string"}}}
    entry = {"tap_stream_id": "rows", "stream": "rows", "schema": key, "key_properties": ["id"], "metadata": []}
    if "--discover" in sys.argv:
        print(json.dumps({"streams": [entry]}))
        return
    if config.get("stubborn"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    state = option("--state").get("bookmarks", {}).get("rows", {})
    start = state.get("replication_key_value", 0)
    # What a second tenant's catalog or state would betray: the tap says what it was given.
    log("info", f"starts at {start} as {config['tenant']} with state of {state.get('tenant', 'nobody')}")
    log("info", f"with {config.get('max_api_calls')} calls; looks back {config.get('lookback_days')}")
    if config.get("peek"):
        seen = sorted(name for name in os.environ if name.startswith(("ACME", "GLOBEX", "COMMON")))
        log("info", f"sees {', '.join(seen)}")
    if config.get("api_key"):
        log("warning", f"connecting with {config['api_key']}")
        print(f"plain {config['api_key']}", file=sys.stderr, flush=True)
    send({"type": "SCHEMA", "stream": "rows", "schema": key, "key_properties": ["id"]})
    rows = config.get("rows", 5)
    for number in range(start, start + rows):
        send({"type": "RECORD", "stream": "rows", "record": {"id": number, "tenant": config["tenant"]}})
        if number % 2:
            bookmark = {"replication_key": "id", "replication_key_value": number + 1, "tenant": config["tenant"]}
            send({"type": "STATE", "value": {"bookmarks": {"rows": bookmark}}})
        if config.get("hang") and number == start + rows // 2 and not Path(config["hang"]).exists():
            Path(config["hang"] + ".reached").touch()
            while not Path(config["hang"]).exists():
                time.sleep(0.02)
    count("record_count", rows, stream="rows")
    spend(config)
    if config.get("skipped"):
        count("skipped_stream_count", config["skipped"])
    leave(config)


def spend(config: dict) -> None:
    """Tells of three calls; with `calls_then_wait` of so many, and waits to be stopped for them."""
    if "calls_then_wait" in config:
        time.sleep(1)  # for the bookmark to be saved
    count("http_request_count", config.get("calls_then_wait", 3), endpoint="/rows")
    while "calls_then_wait" in config:
        time.sleep(0.02)


def mapper(config: dict) -> None:
    """Passes everything; counts like map-conversions; with `die_at` ends at that line, else at the end."""
    fetched = 0
    for number, line in enumerate(sys.stdin, 1):
        if number == config.get("die_at"):
            leave(config)
        fetched += '"RECORD"' in line
        sys.stdout.write(line)
        sys.stdout.flush()
    rejected, filtered = config.get("rejected", 0), config.get("filtered", 0)
    for metric, value in (
        ("fetched_count", fetched),
        ("reject_count", rejected),
    ):
        count(metric, value, stage=NAME, stream="rows")
    count("reject_rule_count", rejected, stage=NAME, stream="rows", rule="bad_time")
    # Every record goes into conversions, and those that are not filtered out into profiles as well.
    count("mapped_count", fetched - rejected, stage=NAME, stream="rows", into="conversions")
    count("mapped_count", fetched - rejected - filtered, stage=NAME, stream="rows", into="customer_profiles")
    count("filtered_count", filtered, stage=NAME, stream="rows", into="customer_profiles")
    leave(config)


def target(config: dict) -> None:
    """Appends each record to the file and prints each STATE after it."""
    path = Path(config["filepath"])
    path.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with path.open("a") as file:
        for line in sys.stdin:
            message = json.loads(line)
            if message["type"] == "RECORD":
                file.write(json.dumps(message["record"]) + "\n")
                file.flush()
                written += 1
                if written == config.get("die_at"):
                    leave(config)
            elif message["type"] == "STATE":
                print(json.dumps(message["value"]), flush=True)
    count("record_count", written, stream="rows")


if __name__ == "__main__":
    roles = {"tap-stub": tap, "map-stub": mapper, "target-stub": target}
    roles[NAME](option("--config"))
