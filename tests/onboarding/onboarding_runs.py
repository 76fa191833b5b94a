"""Onboarding within this process: who watches, and what there is before and after."""

from __future__ import annotations

from typing import Any

from onboarding_place import Place, definition

from plugins import progress
from plugins.onboarding import reading
from plugins.onboarding.onboarding import Onboarder, Outcome
from plugins.onboarding.steps import Step
from plugins.processes import Stopper

PATH = "growthnav-acme-connector-postgres-till"


class Watch:
    """Notes what it is told, and fails where it is asked to."""

    def __init__(self, fail_at: str = "") -> None:
        self.statuses: list[str] = []
        self.made: list[str] = []
        self.taken_back: list[str] = []
        self.fail_at = fail_at

    def status(self, status: str) -> None:
        self.statuses.append(status)

    def tested(self, source: Any) -> None:
        self._maybe("test")

    def done(self, step: Step) -> None:
        self.made.append(f"{step.what} {step.name}")
        self._maybe(step.what)

    def undone(self, step: Step) -> None:
        self.taken_back.append(f"{step.what} {step.name}")

    def _maybe(self, what: str) -> None:
        if what == self.fail_at:
            raise OSError("canary: a fault of the test")


def onboard(place: Place, watch: Watch | None = None, *, initial_sync: bool = False, **changes: Any) -> Outcome:
    """Onboard within this process."""
    project = place.project
    onboarder = Onboarder(project, reading.read(project, definition(**changes), "test"), watch or Watch())
    with Stopper() as stopper:
        return onboarder.run(onboarder.plan(), progress.PlainLines(), stopper, initial_sync=initial_sync)


def snapshot(place: Place) -> dict[str, Any]:
    """Files, datasets, secrets and registry; without the onboardings and the inactive rows they may leave."""
    registry, vault = place.registry, place.vault
    names = {customer.customer_id for customer in registry.customers()} | {"acme"}
    found: dict[str, Any] = {
        "files": place.files(".growthnav"),
        "more files": [name for name in place.files() if name.startswith(".growthnav/") and "registry." not in name],
        "customers": [customer for customer in registry.customers() if customer.is_active],
        "connectors": registry.connectors(),
        "secrets": {path: vault.read(name, path) for name in names for path in vault.paths(name)},
    }
    return found
