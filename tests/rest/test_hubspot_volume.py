"""tap-hubspot reads 100,000 contacts fast enough and in little memory."""

from pathlib import Path

import pytest
from contract.rest_volume import DEAREST, MEMORY, ROWS, measure
from servers import hubspot
from servers.serve import apart
from usage import measured


@measured
@pytest.mark.alone
@pytest.mark.quality
def test_a_hundred_thousand_contacts(tmp_path: Path):
    with apart("servers.hubspot:large", ROWS) as url:
        config = {"access_token": hubspot.TOKEN, "start_date": "2024-01-01", "api_url": url}
        volume = measure("tap-hubspot", config, "contacts", tmp_path)
    print(volume)
    assert volume.rows == ROWS
    assert volume.yardsticks <= DEAREST
    assert volume.megabytes < MEMORY
