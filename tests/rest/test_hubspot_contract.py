"""tap-hubspot keeps the contract of the REST taps."""

from contract.rest import RESTContract
from servers import hubspot
from servers.hubspot import KINDS, LINKS
from servers.rest import Service

from pipe.errors import DataError
from taps.hubspot import streams
from taps.hubspot.tap import TapHubSpot


def account() -> Service:
    """An account where every column has a value somewhere."""
    service = hubspot.service()
    for kind, others in LINKS.items():
        for to in others:
            hubspot.link(service, kind, service.corpus[kind][0]["id"], to, service.corpus[to][0]["id"])
    for kind in KINDS:
        service.corpus[f"{kind} archived"].append(
            hubspot._object(kind, 900_000, hubspot.timedelta())
            | {"archived": True, "archivedAt": "2024-05-01T00:00:00.000Z"}
        )
    return service


class TestHubSpot(RESTContract):
    tap = TapHubSpot
    config = {"access_token": hubspot.TOKEN, "start_date": "2024-01-01", "page_size": 20}
    secrets = (hubspot.TOKEN, "jenny@example.com")
    service = staticmethod(account)
    page_stream = "contacts"
    fault_path = "/contacts/search"
    declarations = (streams, ("Resource", "CRMObject"))
    # Of objects that took in others, and of those others.
    allow_empty = frozenset(f"{kind}.{name}" for kind in KINDS for name in ("hs_merged_object_ids", "merged_into"))

    def expected(self, standin: Service, stream: str) -> int:
        return len(standin.corpus[stream]) + len(standin.corpus.get(f"{stream} archived", ()))

    def test_a_state_of_something_else_is_refused(self, standin: Service):
        run = self.run(standin, {"bookmarks": {self.page_stream: {"file": "a.csv"}}})
        assert isinstance(run.error, DataError)
        assert all("/properties/" in call.path for call in standin.calls)  # the columns are asked for first
