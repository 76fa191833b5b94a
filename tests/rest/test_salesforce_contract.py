"""tap-salesforce keeps the contract of the REST taps."""

from contract.rest import RESTContract
from servers import salesforce
from servers.rest import Service

from pipe.errors import DataError
from taps.salesforce import streams
from taps.salesforce.tap import TapSalesforce


class TestSalesforce(RESTContract):
    tap = TapSalesforce
    config = {**salesforce.LOGIN, "start_date": "2020-01-01", "api_type": "rest", "page_size": 200}
    secrets = (salesforce.TOKEN, salesforce.SECRET, salesforce.REFRESH, "jenny@example.com")
    service = staticmethod(salesforce.service)
    page_stream = "opportunity"
    corpus_name = "Opportunity"
    row_key = "Id"
    fault_path = "/queryAll"
    declarations = (streams, ("Resource", "ObjectResource"))
    renews = True

    def expected(self, standin: Service, stream: str) -> int:
        return len(standin.corpus[next(name for name in salesforce.OBJECTS if name.lower() == stream)])

    def refuse(self, standin: Service) -> None:
        self.config = {**self.config, "refresh_token": "stale"}  # type: ignore[misc]

    def test_a_state_of_something_else_is_refused(self, standin: Service):
        run = self.run(standin, {"bookmarks": {self.page_stream: {"file": "a.csv"}}})
        assert isinstance(run.error, DataError)
        assert not [call for call in standin.calls if "query" in call.path.lower()]
