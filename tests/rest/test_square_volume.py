"""tap-square reads 100,000 payments fast enough and in little memory."""

from pathlib import Path

import pytest
from contract.rest_volume import DEAREST, MEMORY, ROWS, measure
from servers import square
from servers.serve import apart
from usage import measured


@measured
@pytest.mark.alone
@pytest.mark.quality
def test_a_hundred_thousand_payments(tmp_path: Path):
    with apart("servers.square:large", ROWS) as url:
        config = {"access_token": square.TOKEN, "start_date": "2023-11-14", "api_url": url}
        volume = measure("tap-square", config, "payments", tmp_path)
    print(volume)
    assert volume.rows == ROWS
    assert volume.yardsticks <= DEAREST
    assert volume.megabytes < MEMORY
