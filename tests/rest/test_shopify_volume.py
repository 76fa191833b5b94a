"""tap-shopify reads 100,000 orders in bulk fast enough and in little memory."""

from pathlib import Path

import pytest
from contract.rest_volume import DEAREST, MEMORY, ROWS, measure
from servers import shopify
from servers.serve import apart
from usage import measured


@measured
@pytest.mark.alone
@pytest.mark.quality
def test_a_hundred_thousand_orders(tmp_path: Path):
    with apart("servers.shopify:large", ROWS) as url:
        config = {"shop": "flowers", "access_token": shopify.TOKEN, "start_date": "2023-11-14", "api_url": url}
        volume = measure("tap-shopify", config, "orders", tmp_path)
    print(volume)
    assert volume.rows == ROWS
    assert volume.yardsticks <= DEAREST
    assert volume.megabytes < MEMORY
