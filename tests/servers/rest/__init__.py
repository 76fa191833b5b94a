"""A stand-in for a REST service; see `service`."""

from servers.rest.faults import Fault
from servers.rest.pages import Paging, after_last, by_number, by_offset, by_token, whole
from servers.rest.service import Endpoint, Filter, Handler, Service
from servers.rest.values import Answer, Packed, Params, Request, Row, encode, merged, nested

__all__ = [
    "Answer", "Endpoint", "Fault", "Filter", "Handler", "Packed", "Paging", "Params", "Request", "Row", "Service",
    "after_last", "by_number", "by_offset", "by_token", "encode", "merged", "nested", "whole",
]  # fmt: skip
