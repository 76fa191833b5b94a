"""The SDK's own tap tests over several settings, and the command line as any Singer runner uses it."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest
from singer_sdk.testing import SuiteConfig, get_tap_test_class

from taps.base.files import choices, settings
from taps.csv.tap import TapCSV

FOLDER = Path(tempfile.mkdtemp(prefix="tap-csv-sdk-"))
TAP = str(Path(sys.executable).with_name("tap-csv"))


def samples() -> dict[str, dict[str, Any]]:
    (FOLDER / "plain.csv").write_text(
        "id,name,amount,at,flag\n" + "1,Ada,12.50,2024-01-01 10:00,true\n2,Bo,3,2024-01-02,no\n"
    )
    (FOLDER / "events.jsonl").write_text(
        '{"id": 1, "tags": ["a"], "who": {"name": "Ada"}, "n": 1.5}\n{"id": 2, "n": 2}\n'
    )
    (FOLDER / "cdnow.txt").write_text(" customer_id  date n  value\r\n" + "00001 19970101  1   11.77\r\n" * 400)
    duckdb.sql("SELECT i AS id, i::DECIMAL(9, 2) AS v, now() AS at FROM range(300) t(i)").write_parquet(
        str(FOLDER / "p.parquet")
    )
    typed = {"amount": "decimal", "at": "datetime", "flag": "boolean", "id": "integer"}
    return {
        "texts": {"streams": [{"stream": "texts", "path": str(FOLDER / "plain.csv")}]},
        "typed": {
            "streams": [{"stream": "typed", "path": str(FOLDER / "plain.csv"), "columns": typed, "keys": ["id"]}]
        },
        "inferred": {"streams": [{"stream": "inferred", "path": str(FOLDER / "plain.csv"), "infer_types": True}]},
        "formats": {
            "streams": [
                {"stream": "events", "path": str(FOLDER / "events.jsonl"), "keys": ["id"]},
                {"stream": "purchases", "path": str(FOLDER / "cdnow.txt"), "delimiter": "whitespace"},
                {"stream": "parquet", "path": str(FOLDER / "p.parquet"), "key_properties": ["id"]},
            ]
        },
        "snapshot": {
            "streams": [{"stream": "snapshot", "path": str(FOLDER / "*.csv"), "mode": "replace", "keys": ["id"]}]
        },
    }


SAMPLES = samples()
TestTexts = get_tap_test_class(TapCSV, config=SAMPLES["texts"])
TestTyped = get_tap_test_class(TapCSV, config=SAMPLES["typed"])
TestInferred = get_tap_test_class(TapCSV, config=SAMPLES["inferred"])
TestFormats = get_tap_test_class(TapCSV, config=SAMPLES["formats"], suite_config=SuiteConfig(max_records_limit=150))
TestSnapshot = get_tap_test_class(TapCSV, config=SAMPLES["snapshot"])


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TAP, *arguments], capture_output=True, text=True, env={**os.environ, **environment}, check=False
    )


@pytest.fixture
def config_file(tmp_path: Path) -> str:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(SAMPLES["typed"]))
    return str(path)


def test_discover_twice_gives_the_same_bytes_and_the_catalog_is_taken_back(config_file: str, tmp_path: Path):
    first = run("--config", config_file, "--discover")
    assert first.returncode == 0, first.stderr
    assert first.stdout == run("--config", config_file, "--discover").stdout
    (tmp_path / "catalog.json").write_text(first.stdout)
    synced = run("--config", config_file, "--catalog", str(tmp_path / "catalog.json"))
    messages = [json.loads(line) for line in synced.stdout.splitlines()]
    assert [message["type"] for message in messages] == ["SCHEMA", "RECORD", "RECORD", "STATE"]
    (tmp_path / "state.json").write_text(json.dumps(messages[-1]["value"]))
    again = run("--config", config_file, "--state", str(tmp_path / "state.json"))
    assert [json.loads(line)["type"] for line in again.stdout.splitlines()] == ["STATE", "SCHEMA"]


def test_about_names_every_setting_with_title_and_description():
    about = json.loads(run("--about", "--format", "json").stdout)
    assert about["capabilities"] == ["catalog", "state", "discover", "about", "structured-logging"]
    properties = about["settings"]["properties"]
    assert set(properties) == {"streams", "add_metadata_columns", "state_rows", "batch_config"}
    for name, schema in {**properties, **properties["streams"]["items"]["properties"]}.items():
        assert schema["title"], name
        assert schema["description"].endswith("."), name
    assert set(choices.STREAM) == set(settings.StreamSettings.__struct_fields__)
    assert "| streams |" in run("--about", "--format", "markdown").stdout


def test_test_mode_and_version(config_file: str):
    tested = run("--config", config_file, "--test")
    assert tested.returncode == 0, tested.stderr
    assert tested.stdout.count('"RECORD"') == 1
    assert run("--config", config_file, "--test=schema").stdout.count('"SCHEMA"') == 1
    assert run("--version").stdout.startswith("tap-csv v")


def test_settings_from_the_environment():
    done = run("--config", "ENV", TAP_CSV_STREAMS=json.dumps(SAMPLES["texts"]["streams"]), TAP_CSV_STATE_ROWS="5")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('"RECORD"') == 2


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["--config", "no-such-file.json"], 78, "cannot be read"),
        (["--config", __file__], 78, "not a JSON object"),
        (["--config", "{config}", "--state", __file__], 65, "the state cannot be used: the file is not a JSON object"),
        (["--config", "{config}", "--catalog", __file__], 65, "the catalog file is not a catalog"),
        ([], 78, "streams is missing"),
    ],
)
def test_command_line_errors_are_one_line_without_traceback(
    config_file: str, arguments: list[str], code: int, text: str
):
    done = run(
        *[argument.format(config=config_file) if argument.startswith("{") else argument for argument in arguments]
    )
    assert done.returncode == code
    assert text in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("unbuffered", ["", "1"])  # "1": every write goes straight to the system
def test_sigterm_ends_after_a_state_that_goes_on(tmp_path: Path, unbuffered: str):
    rows = 400_000
    (tmp_path / "big.csv").write_text("id\n" + "".join(f"{row:07}\n" for row in range(rows)))
    config = {"streams": [{"stream": "s", "path": str(tmp_path / "big.csv")}]}
    (tmp_path / "config.json").write_text(json.dumps(config))
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    command = [TAP, "--config", str(tmp_path / "config.json")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment) as tap:
        assert tap.stdout is not None
        head = tap.stdout.read(1000)  # it is writing, and the pipe is full
        time.sleep(0.2)
        tap.send_signal(signal.SIGTERM)
        out = head + tap.stdout.read()
        tap.wait(30)
    assert tap.returncode == 128 + signal.SIGTERM
    lines = out.splitlines()
    state = json.loads(lines[-1])["value"]
    read = state["bookmarks"]["s"]["reading"][0]["rows"]
    assert 0 < read < rows
    assert sum(1 for line in lines if line.startswith(b'{"type":"RECORD"')) == read
    (tmp_path / "state.json").write_text(json.dumps(state))
    rest = run("--config", str(tmp_path / "config.json"), "--state", str(tmp_path / "state.json"))
    assert rest.stdout.count('"RECORD"') == rows - read


def test_reader_that_leaves_early(tmp_path: Path):
    (tmp_path / "big.csv").write_text("id\n" + "1\n" * 300_000)
    (tmp_path / "config.json").write_text(json.dumps({"streams": [{"stream": "s", "path": str(tmp_path / "big.csv")}]}))
    done = subprocess.run(
        f"{TAP} --config {tmp_path}/config.json | head -1 | wc -l",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "1"
    assert "Traceback" not in done.stderr
    assert "retriable error: the next process in the pipe ended" in done.stderr


def test_records_through_the_interface_of_the_sdk():
    stream = TapCSV(config=SAMPLES["typed"]).streams["typed"]
    assert [record["amount"] for record in stream.get_records(None)] == ["12.50", "3"]
