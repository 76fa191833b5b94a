"""tap-stripe reads 100,000 charges fast enough and in little memory."""

from pathlib import Path

import pytest
from contract.rest_volume import DEAREST, MEMORY, ROWS, measure
from servers import stripe
from servers.serve import apart
from usage import measured


@measured
@pytest.mark.alone
@pytest.mark.quality
def test_a_hundred_thousand_charges(tmp_path: Path):
    with apart("servers.stripe:large", ROWS) as url:
        config = {"api_key": stripe.KEY, "start_date": "2023-11-14", "api_url": url}
        volume = measure("tap-stripe", config, "charges", tmp_path)
    print(volume)
    assert volume.rows == ROWS
    assert volume.yardsticks <= DEAREST
    assert volume.megabytes < MEMORY
