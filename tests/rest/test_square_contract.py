"""tap-square keeps the contract of the REST taps."""

from contract.rest import RESTContract
from servers import square

from taps.square import streams
from taps.square.tap import TapSquare


class TestSquare(RESTContract):
    tap = TapSquare
    config = {"access_token": square.TOKEN, "start_date": "2023-11-14"}
    secrets = (square.TOKEN, "jenny@example.com")
    service = staticmethod(square.service)
    page_stream = "customers"
    fault_path = "/v2/customers"
    declarations = (streams, ("listed", "found"))
    depends = ()
