"""tap-zoho reads 100,000 deals fast enough and in little memory, by bulk job and by queries."""

from pathlib import Path

import pytest
from contract.rest_volume import DEAREST, MEMORY, ROWS, measure
from servers import zoho
from servers.serve import apart
from usage import measured


@measured
@pytest.mark.alone
@pytest.mark.quality
@pytest.mark.parametrize("way", ["bulk", "query"])
def test_a_hundred_thousand_deals(tmp_path: Path, way: str):
    with apart("servers.zoho:large", ROWS) as url:
        config = {**zoho.LOGIN, "start_date": "2024-01-01", "api_url": url, "first_load": way}
        volume = measure("tap-zoho", config, "deals", tmp_path)
    print(way, volume)
    assert volume.rows == ROWS
    assert volume.yardsticks <= DEAREST
    assert volume.megabytes < MEMORY
