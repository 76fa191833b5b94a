"""tap-stripe keeps the contract of the REST taps."""

from contract.rest import RESTContract
from servers import stripe

from taps.stripe import streams
from taps.stripe.tap import TapStripe


class TestStripe(RESTContract):
    tap = TapStripe
    config = {"api_key": stripe.KEY, "start_date": "2023-11-14"}
    secrets = (stripe.KEY, "jenny@example.com", "secret_canary")
    service = staticmethod(stripe.service)
    page_stream = "charges"
    fault_path = "/v1/charges"
    declarations = (streams, ("listed",))
