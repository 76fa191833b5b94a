"""A tenant's source looked at: its connection tested, a sample read, the review written. Nothing is loaded."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from discovery.model import KEY_VARIABLE
from pipe.errors import KIND_BY_EXIT_CODE, PipeError
from plugins import lock, meltano_call, meltano_log, redact, runner, verdict
from plugins.discover import mapping_path
from plugins.processes import Child, Stopper
from plugins.project import choose
from plugins.secrets import open_vault

if TYPE_CHECKING:
    from pathlib import Path

    from plugins.project import Plugin, Project, Tenant

DISCOVER = "discover-mapping"
_MAX_ROWS = "max_rows"
_SUMMARY = re.compile(r"\d+ columns?: ")
_LAST_LINE = re.compile(rf"\b({'|'.join(KIND_BY_EXIT_CODE.values())}) error: (.+)", re.DOTALL)


@dataclass(frozen=True)
class Discovered:
    """What came of it."""

    summary: str
    review: Path
    page: Path


class DiscoveryError(PipeError):
    """The tap or discovery gave up; it said why."""

    def __init__(self, problem: str, kind: str | None) -> None:
        """Take over the class of the error."""
        super().__init__(problem)
        self.kind = kind or "unknown"  # type: ignore[misc]


def run(project: Project, tenant_name: str, connector: str, sample: int, review: Path | None) -> Discovered:
    """Test the connection, sample every stream, write the review.

    Raises:
        PipeError: the connection does not work, or the source cannot be read; says why.
    """
    tenant = project.tenant(tenant_name)
    tap = _tap(project, tenant, connector)
    name = tap.name.removeprefix("tap-")
    home = runner.directory(project, tenant)
    review = (review or home / f"{name}.review.md").absolute()
    stored = open_vault(project).resolve(tenant)
    variables = {**project.environment, **stored}
    redact.check_references(project, tenant, [tap], variables)
    masked = redact.Redactor(redact.secrets_of(project, tenant, variables, stored))
    run_id = str(uuid.uuid4())
    settings = {
        "tenant": tenant.name,
        "connector": name,
        "review": str(review),
        "html": str(review.with_suffix(".html")),
        "decisions": str(mapping_path(project, tenant.name, name)),
        "sample": str(sample),
    }
    discover = project.plugins[DISCOVER]
    environment = {**meltano_call.environment(project, tenant, run_id), **stored}
    environment |= {KEY_VARIABLE: variables[KEY_VARIABLE]} if KEY_VARIABLE in variables else {}
    environment |= {discover.variable(setting): value for setting, value in settings.items()}
    if any(setting.get("name") == _MAX_ROWS for setting in tap.settings):
        environment[tap.variable(_MAX_ROWS)] = str(sample)
    call = meltano_call.command(tenant, [], run_id, full_refresh=True)
    before = call[: call.index("run")]
    with lock.hold(home / "run.lock", tenant.name) as held, Stopper() as stopper:
        work = _Work(project, tenant, environment, held, stopper)
        for words, what in (
            ([*before, "invoke", tap.name, "--test"], "the connection does not work"),
            ([*call, "--no-state-update", tap.name, DISCOVER], "it cannot be read"),
        ):
            log, code, stopped_by = work.call(words, tap)
            if code or stopped_by:
                end = verdict.judge(log.log, code, stopped_by)
                raise DiscoveryError(
                    masked(f"{tap.name}: {what}: {log.complaint or end.error}"), log.kind or end.error_class
                )
    return Discovered(masked(log.said), review, review.with_suffix(".html"))


def _tap(project: Project, tenant: Tenant, connector: str) -> Plugin:
    names = [str(entry.get("name")) for _, entry in tenant.entries("extractors")]
    taps = {name: project.plugins[name] for name in names}
    return choose(f"source of {tenant.name}", connector if connector in taps else f"tap-{connector}", taps)


@dataclass
class _Heard:
    """What was heard from one call of Meltano."""

    log: meltano_log.RunLog
    said: str = ""
    """The sentence in which discovery sums up."""
    complaint: str = ""
    """What one of our executables said as its last line."""
    kind: str | None = None
    """The class of that."""

    def take(self, event: meltano_log.Event) -> None:
        """Add an event; a plugin that is invoked alone speaks without Meltano's labels."""
        self.log.take(event)
        if found := _LAST_LINE.search(event.text):
            self.kind, self.complaint = found[1], found[2].strip()
        if event.plugin == DISCOVER and _SUMMARY.match(event.text):
            self.said = event.text


@dataclass(frozen=True)
class _Work:
    """Meltano, called under the tenant's lock."""

    project: Project
    tenant: Tenant
    environment: dict[str, str]
    held: lock.RunLock
    stopper: Stopper

    def call(self, words: list[str], tap: Plugin) -> tuple[_Heard, int, str | None]:
        """Run a command of Meltano; what was heard, its exit code, and the signal that stopped it."""
        heard = _Heard(meltano_log.RunLog({tap.name: meltano_log.EXTRACTOR, DISCOVER: meltano_log.LOADER}))
        meltano_call.sweep(self.project, self.tenant)
        child = Child(words, cwd=self.project.root, environment=self.environment, keep_open=[self.held.descriptor])
        try:
            self.held.note(child.group)
            self.stopper.watch(child)
            for line in child.log:
                heard.take(meltano_log.parse(line.decode(errors="replace")))
        finally:
            code = child.wait()
            meltano_call.sweep(self.project, self.tenant)
        return heard, code, child.stopped_by
