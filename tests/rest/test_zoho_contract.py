"""tap-zoho keeps the contract of the REST taps."""

from contract.rest import RESTContract
from servers import zoho
from servers.rest import Service

from pipe.errors import DataError
from taps.zoho import streams
from taps.zoho.tap import TapZoho


class TestZoho(RESTContract):
    tap = TapZoho
    config = {**zoho.LOGIN, "start_date": "2024-01-01", "first_load": "query", "per_page": 15}
    secrets = (zoho.TOKEN, zoho.CLIENT_SECRET, zoho.REFRESH, "jenny@example.com")
    service = staticmethod(zoho.service)
    page_stream = "deals"
    forbidden_corpus = "Deals"
    fault_path = "/coql"
    declarations = (streams, ("Resource", "module"))
    renews = True

    def expected(self, standin: Service, stream: str) -> int:
        return len(standin.corpus[stream if stream == "users" else stream.capitalize()])

    def refuse(self, standin: Service) -> None:
        self.config = {**self.config, "refresh_token": "stale"}  # type: ignore[misc]

    def test_a_state_of_something_else_is_refused(self, standin: Service):
        run = self.run(standin, {"bookmarks": {self.page_stream: {"file": "a.csv"}}})
        assert isinstance(run.error, DataError)
        assert {call.path for call in standin.calls} <= {"/oauth/v2/token", "/crm/v8/settings/fields"}
