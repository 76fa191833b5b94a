"""The benchmark: its arithmetic, its output, and that what it compares is the same work."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import chart
import contestants
import duckdb
import measure
import ours
import pytest
import report
import rivals
import run
import second_run
import yaml
from measure import Cost
from report import Failure, Result
from sources import MISSING, Source

ROWS = 5000


def made(name: str, rows: int, wall: float, source: str = "csv") -> Result:
    return Result(source, name, name, rows, Cost(wall, {"1 a": wall, "2 b": wall / 2}, {"1 a": 100.0, "2 b": 250.4}))


def test_rates_and_cpu_are_for_the_rows_that_were_given() -> None:
    result = made("ours", 250_000, 10.0)
    assert result.rate == 25_000
    assert result.cpu_a_million == 60.0
    assert result.cost.highest_peak == 250.4


def test_a_ratio_is_time_for_a_row_on_the_same_source() -> None:
    every = [made("ours", 1000, 2.0), made("other", 500, 2.0), made("ours", 1000, 8.0, "postgres")]
    assert report.time_to("ours", every[1], every) == 2.0
    assert report.time_to("ours", every[2], every) == 1.0
    assert report.time_to("ours", made("other", 500, 2.0, "snowflake"), every) is None


def test_a_line_of_the_table_stands_below_its_headings() -> None:
    heading, line = report.heading(), report.line(made("other", 1_000_000, 2.5), 1.25)
    assert len(line) == len(heading)
    assert line.split() == ["csv", "other", "1,000,000", "2.5", "400,000", "3.8", "250", "1.25x"]


def test_the_json_has_everything_of_the_table_and_the_failures() -> None:
    every = [made("ours", 1000, 2.0), made("other", 500, 2.0)]
    found = json.loads(json.dumps(report.as_json(every, [Failure("csv", "third", "lost a row")], "ours")))
    assert found["machine"]["cores"] == os.cpu_count()
    assert [each["time_to_base"] for each in found["results"]] == [1.0, 2.0]
    assert found["results"][1]["cpu_seconds"] == {"1 a": 2.0, "2 b": 1.0}
    assert found["failures"] == [{"source": "csv", "contestant": "third", "reason": "lost a row"}]


def test_the_chart_has_a_bar_each_as_long_as_its_rate() -> None:
    drawn = ET.fromstring(chart.draw([made("slow & sure", 1000, 4.0), made("ours", 1000, 2.0)]))
    bars = [each for each in drawn.iter() if each.tag.endswith("rect") and each.get("x")]
    lengths = [float(bar.get("width", 0)) for bar in bars]
    assert lengths[0] == pytest.approx(2 * lengths[1], abs=0.2)
    assert bars[0].get("fill") == chart.OURS
    assert bars[1].get("fill") == chart.OTHERS


def test_a_pipe_costs_what_all_its_processes_cost(tmp_path: Path) -> None:
    burn = "sum(range(3_000_000))"
    twice = f"import subprocess, sys; {burn}; subprocess.run([sys.executable, '-c', '{burn}'], check=True)"
    once = measure.pipe([[sys.executable, "-c", burn]], tmp_path / "once.txt")
    both = measure.pipe([[sys.executable, "-c", twice], [sys.executable, "-c", burn]], tmp_path / "both.txt")
    assert len(both.cpu) == 2
    assert both.total_cpu > 2 * once.total_cpu
    with pytest.raises(RuntimeError, match=r"2 python.* failed: see .*broken\.txt"):
        measure.pipe(
            [[sys.executable, "-c", ""], [sys.executable, "-c", "raise SystemExit(3)"]], tmp_path / "broken.txt"
        )


def test_unknown_contestants_and_sources_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for option, value in (("--contestants", "nobody"), ("--sources", "csv,clay"), ("--rows", "0")):
        with pytest.raises(SystemExit):
            run.main([option, value])
    assert "there are csv, postgres, snowflake" in capsys.readouterr().err


def test_every_rival_is_pinned() -> None:
    every = [package for packages in rivals.VERSIONS.values() for package in packages]
    assert all(re.fullmatch(r"[\w\[\],-]+==[\d.]+", package) for package in every), every


def test_meltano_gets_the_settings_of_the_contestant_and_no_others(tmp_path: Path) -> None:
    source = Source("csv", ROWS, "tap-csv", {"streams": []}, {})
    made = ours.configs(source, tmp_path)
    for name, tap in (("files", made["tap-csv"]), ("records", source.settings)):
        written = yaml.safe_load((ours.project(made | {"tap-csv": tap}, tmp_path / name) / "meltano.yml").read_text())
        (plugin,) = (each for each in written["plugins"]["extractors"] if each["name"] == "tap-csv")
        (given,) = written["environments"][0]["config"]["plugins"]["extractors"]
        assert [
            setting["name"] for setting in plugin["settings"] if "value" in setting and setting["name"] not in tap
        ] == []
        assert given == {"name": "tap-csv", "config": tap}
        assert ("batch_config" in tap) is (name == "files")
        names = {each["name"] for kind in written["plugins"].values() for each in kind}
        names |= {each["name"] for mapper in written["plugins"]["mappers"] for each in mapper["mappings"]}
        assert set(written["jobs"][0]["tasks"][0].split()) <= names


def test_ours_and_duckdb_alone_store_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        rivals.environment("duckdb")
    except MISSING as error:
        if os.environ.get("CI_REQUIRE_SERVERS"):
            pytest.fail(str(error))
        pytest.skip(str(error))
    chosen = ["--contestants", "ours-batches,duckdb"]
    assert run.main(["--rows", str(ROWS), "--sources", "csv", "--home", str(tmp_path), *chosen]) == 0
    found = json.loads((tmp_path / "results.json").read_text())
    assert [each["contestant"] for each in found["results"]] == ["ours-batches", "duckdb"]
    assert [each["rows"] for each in found["results"]] == [ROWS, ROWS]
    assert found["failures"] == []
    assert len(capsys.readouterr().out.splitlines()) == 4
    assert ET.parse(tmp_path / "results.svg").getroot().tag.endswith("svg")
    shared = """transaction_id, "timestamp", value, currency, quantity, product_name, location_id, user_id, gclid,
      utm_source, utm_campaign"""
    with duckdb.connect() as connection:
        for name in ("ours-batches", "duckdb"):
            path = tmp_path / "runs" / f"csv-{name}" / "out.duckdb"
            connection.execute(f"ATTACH '{path}' AS \"{name}\" (READ_ONLY)")
        differing = connection.execute(
            f"""SELECT count(*) FROM (SELECT {shared} FROM "ours-batches".growthnav_bench.conversions EXCEPT
              SELECT {shared} FROM duckdb.growthnav_bench.conversions)"""
        ).fetchone()
    assert differing == (0,)


def test_a_lost_row_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def loses(source: object, home: Path) -> Cost:
        with duckdb.connect(str(home / "out.duckdb")) as connection:
            connection.execute("CREATE SCHEMA growthnav_bench")
            connection.execute("CREATE TABLE growthnav_bench.conversions AS SELECT 1 AS transaction_id, 2.5 AS value")
        return Cost(1.0, {"a": 1.0}, {"a": 1.0})

    loser = contestants.Contestant("loser", "loser", loses, ("csv",))
    monkeypatch.setattr(contestants, "ALL", (loser,))
    monkeypatch.setattr(contestants, "NAMES", ("loser",))
    assert run.main(["--rows", "100", "--sources", "csv", "--home", str(tmp_path)]) == 1
    assert "csv loser: rows, keys and sum are (1, 1, Decimal('2.50')), must be (100, 100, " in capsys.readouterr().err


def test_a_second_run_mints_nobody(tmp_path: Path) -> None:
    script = [sys.executable, second_run.__file__, "2000", "--home", str(tmp_path)]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "second run: " in done.stdout
    assert " 0 people minted\nunchanged: 2,000 rows, " in done.stdout
