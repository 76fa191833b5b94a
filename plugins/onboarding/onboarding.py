"""An onboarding from its first to its last status, or back to where it began."""

from __future__ import annotations

import dataclasses
import time
import uuid
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from pipe import times
from pipe.errors import EXIT_FAILED, ConfigurationError, DataError, InternalError, PipeError, RetriableError, of_system
from plugins import lock, plugin_call, runner
from plugins.onboarding import steps, tenant_file
from plugins.project import open_project
from plugins.registry import Customer, Onboarding, open_registry
from plugins.secrets import open_vault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plugins.onboarding.definition import DataSource, Definition
    from plugins.onboarding.steps import Step, Undo
    from plugins.processes import Stopper
    from plugins.progress import Reporter
    from plugins.project import Project
    from plugins.result import RunResult

    Keep = Callable[[Step, Undo], None]

STATUSES = (
    "PENDING",
    "VALIDATING",
    steps.PROVISIONING,
    steps.REGISTERING,
    steps.CONFIGURING,
    "COMPLETED",
)
"""In this order (F006); one that fails ends with ROLLED_BACK, or FAILED where something could not be taken back."""
ROLLED_BACK, FAILED = "ROLLED_BACK", "FAILED"


class LeftOverError(InternalError):
    """An onboarding failed, and something it made could not be taken back."""


class Watcher(Protocol):
    """Is told how an onboarding goes."""

    def status(self, status: str) -> None:
        """It has come to a status."""

    def tested(self, source: DataSource) -> None:
        """A data source answers."""

    def done(self, step: Step) -> None:
        """A change is made."""

    def undone(self, step: Step) -> None:
        """A change is taken back."""


@dataclass
class Outcome:
    """What came of it."""

    customer_id: str
    changes: list[Step] = field(default_factory=list)
    run: RunResult | None = None
    """The first sync."""
    quality: dict[str, Any] | None = None


class Onboarder:
    """Onboards one tenant."""

    def __init__(self, project: Project, definition: Definition, watcher: Watcher) -> None:
        """Look at what is there.

        Raises:
            ConfigurationError: the tenant's name is taken by a file that was not made by an onboarding.
        """
        self.world = steps.World(project, open_registry(project), open_vault(project))
        self.definition, self.watcher = definition, watcher
        self._check_name()

    def is_known(self) -> bool:
        """Whether the tenant is there already, and not as the rest of an onboarding that failed or was killed.

        Its file is written last, so without it there is only such a rest, and this onboarding completes it.
        """
        customer = self.world.registry.customer(self.definition.customer_id)
        file = tenant_file.path(self.world.project, self.definition.customer_id)
        return customer is not None and customer.is_active and file.exists()

    def was_never_read(self) -> bool:
        """Whether its first sync is still to come, such as where one was killed."""
        rows = self.world.registry.connectors(self.definition.customer_id)
        return bool(self.definition.data_sources) and not any(row.last_sync for row in rows)

    def plan(self) -> list[Step]:
        """What would be changed."""
        return steps.plan(self.world, self.definition)

    def run(self, changes: list[Step], reporter: Reporter, stopper: Stopper, *, initial_sync: bool) -> Outcome:
        """Make the changes, all or none.

        Raises:
            PipeError: it failed; everything it made is taken back.
        """
        outcome = Outcome(self.definition.customer_id, changes)
        with self._alone(), self._reported() as entry:
            entry("VALIDATING")
            self._test()
            with self._all_or_none() as keep:
                for status in STATUSES[2:5]:
                    entry(status)
                    for step in (step for step in changes if step.status == status):
                        keep(step, step.make())
                        self.watcher.done(step)
                        if stopper.signal_name:
                            raise RetriableError(f"stopped by {stopper.signal_name}", remedy="Onboard again")
                project = open_project(self.world.project.root)  # refuses mistakes in the file just written
                if initial_sync and self.definition.data_sources:
                    self._sync(project, outcome, reporter, stopper, keep)
            entry("COMPLETED")
        return outcome

    def _check_name(self) -> None:
        name = self.definition.customer_id
        tenant = self.world.project.tenants.get(name)
        if tenant and "growthnav" not in (tenant.environment.get("annotations") or {}):
            where = tenant.document.path.relative_to(self.world.project.root)
            raise ConfigurationError(
                f"tenant '{name}' is in {where}, which was written by hand",
                field="customer_id",
                remedy="Choose another customer_id, or move that file away",
            )

    def _test(self) -> None:
        """Connect to every data source before anything is kept.

        Raises:
            PipeError: one of them cannot be read, by its own class.
        """
        for source in self.definition.data_sources:
            plugin = self.world.project.plugins[source.extractor]
            own = {**source.connection_params, **source.credentials}
            config = plugin_call.settings(self.world.project, plugin, source.customer_id, own)
            config.pop("batch_config", None)  # it would write files
            try:
                plugin_call.call(self.world.project, plugin, config, "--test")
            except PipeError as error:
                raise type(error)(f"connector '{source.connector_id}': {error}") from None
            self.watcher.tested(source)

    def _sync(self, project: Project, outcome: Outcome, reporter: Reporter, stopper: Stopper, keep: Keep) -> None:
        """Read every data source in full, and look at what came.

        Raises:
            DataError: nothing came, though there are data sources.
            PipeError: a run failed, by its class.
        """
        from plugins.onboarding import quality
        from plugins.onboarding.leaving import forget_files

        name = self.definition.customer_id
        if not self.is_synced(project):
            step = steps.Step(steps.CONFIGURING, steps.CREATE, "state", name, lambda: lambda: None)
            keep(step, lambda: (forget_files(project, name), self.world.registry.remove_runs(name)))
        result = runner.run(project, runner.Request(name, full_refresh=True), reporter, stopper)
        outcome.run = result
        if result.exit_code == EXIT_FAILED:
            kind = plugin_call.ERRORS.get(str(result.error_class), RetriableError)
            raise kind(f"the first sync failed: {result.error}")
        outcome.quality = quality.report(project, name)
        if not any(outcome.quality["rows"].values()):
            raise DataError("the first sync brought no rows", remedy="Check streams and presets of the data sources")

    def is_synced(self, project: Project) -> bool:
        """Whether files of the tenant's runs are there already."""
        return (project.root / ".growthnav" / self.definition.customer_id).exists()

    @contextmanager
    def _all_or_none(self) -> Iterator[Keep]:
        """Take back every step that was kept, the last one first, unless all goes well.

        Raises:
            LeftOverError: some could not be taken back; the others were.
        """
        standing: list[Step] = []
        stack = ExitStack()

        def take_back(step: Step, undo: Undo) -> None:
            undo()
            standing.remove(step)
            self.watcher.undone(step)

        def keep(step: Step, undo: Undo) -> None:
            standing.append(step)
            stack.callback(take_back, step, undo)

        try:
            yield keep
        except BaseException as error:
            try:
                stack.close()  # goes on after one that fails
            finally:
                with suppress(PipeError):  # a registry that is away must not hide why this failed
                    self._leave_reason(error)
                if standing:
                    left = ", ".join(map(str, reversed(standing)))
                    raise LeftOverError(
                        f"{_sentence(error)}; and these could not be taken back: {left}",
                        remedy=f"Run: growthnav offboard {self.definition.customer_id} --purge",
                    ) from error
            raise

    def _leave_reason(self, error: BaseException) -> None:
        """An inactive row for a tenant that was not there before."""
        name = self.definition.customer_id
        before = self.world.registry.customer(name)
        if before is None or not before.is_active:
            row = before or Customer(name, self.definition.customer_name, self.definition.industry)
            reason = _sentence(error)
            row = dataclasses.replace(row, is_active=False, error_message=reason, updated_at=None)
            self.world.registry.put_customer(row)

    @contextmanager
    def _reported(self) -> Iterator[Any]:
        """Tell each status to the watcher; the registry keeps how it ended, once something was made."""
        row = Onboarding(str(uuid.uuid4()), self.definition.customer_id, STATUSES[0], started_at=times.now_text())

        def enter(status: str, error: BaseException | None = None) -> None:
            nonlocal row
            row = dataclasses.replace(
                row,
                status=status,
                error=_sentence(error) if error else None,
                error_class=getattr(error, "kind", type(error).__name__) if error else None,
                updated_at=times.now_text(),
            )
            if status in STATUSES[2:] or error:
                self.world.registry.put_onboarding(row)
            self.watcher.status(status)

        enter(STATUSES[0])
        try:
            yield enter
        except BaseException as error:
            if row.status in STATUSES[2:]:
                with suppress(PipeError):
                    enter(FAILED if isinstance(error, LeftOverError) else ROLLED_BACK, error)
            raise

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One onboarding of a tenant at a time."""
        path = self.world.project.root / ".growthnav" / "onboarding" / f"{self.definition.customer_id}.lock"
        with lock.hold(path, self.definition.customer_id, ["onboarding"], time.monotonic(), lambda _: True):
            try:
                yield
            finally:
                path.unlink(missing_ok=True)


def _sentence(error: BaseException) -> str:
    """Why, without values: errors of others may quote them."""
    known = of_system(error) if isinstance(error, OSError) else error
    if isinstance(known, PipeError):
        return str(known)
    return "interrupted" if isinstance(error, KeyboardInterrupt) else f"unexpected {type(error).__name__}"
