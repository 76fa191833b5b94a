"""tap-salesforce reads 100,000 opportunities fast enough and in little memory either way, and 250,000 in no more."""

from pathlib import Path

import pytest
from contract.rest_volume import DEAREST, MEMORY, ROWS, measure
from servers import salesforce
from servers.serve import apart
from usage import measured

MANY = 250_000


@measured
@pytest.mark.alone
@pytest.mark.quality
@pytest.mark.parametrize("way", ["bulk", "rest"])
def test_a_hundred_thousand_opportunities(tmp_path: Path, way: str):
    with apart("servers.salesforce:large", ROWS) as url:
        config = {**salesforce.LOGIN, "start_date": "2020-01-01", "api_url": url, "api_type": way, "quota_percent": 100}
        volume = measure("tap-salesforce", config, "opportunity", tmp_path)
    print(way, volume)
    assert volume.rows == ROWS
    assert volume.yardsticks <= DEAREST
    assert volume.megabytes < MEMORY


@measured
@pytest.mark.quality
def test_memory_does_not_grow_with_the_rows_of_a_bulk_job(tmp_path: Path):
    used = {}
    for rows in (MANY // 5, MANY):
        home = tmp_path / str(rows)
        home.mkdir()
        with apart("servers.salesforce:large", rows) as url:
            config = {**salesforce.LOGIN, "start_date": "2020-01-01", "api_url": url}
            volume = measure("tap-salesforce", config, "opportunity", home)
        print(volume)
        assert volume.rows == rows
        used[rows] = volume.megabytes
    assert used[MANY] < MEMORY
    assert used[MANY] < used[MANY // 5] + 20
