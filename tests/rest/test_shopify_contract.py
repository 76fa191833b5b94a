"""tap-shopify keeps the contract of the REST taps."""

from contract.rest import RESTContract
from servers import shopify

from taps.shopify import streams
from taps.shopify.tap import TapShopify


class TestShopify(RESTContract):
    tap = TapShopify
    config = {"shop": "flowers", "access_token": shopify.TOKEN, "start_date": "2023-11-14", "first_load": "pages"}
    secrets = (shopify.TOKEN, "jenny@example.com")
    service = staticmethod(shopify.service)
    page_stream = "customers"
    fault_path = "graphql.json"
    declarations = (streams, ("listed", "Resource"))
