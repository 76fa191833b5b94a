"""`growthnav run --all`: every tenant, some at a time; what happens to one is nothing to the others."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pipe.errors import EXIT_FAILED, EXIT_PARTIAL, EXIT_SUCCESS, ConfigurationError, InternalError
from plugins import runner
from plugins.result import STATUS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from plugins.processes import Stopper
    from plugins.progress import Reporter
    from plugins.project import Project
    from plugins.result import RunResult


@dataclass(frozen=True)
class Summary:
    """How the tenants' runs ended."""

    results: Sequence[RunResult]

    @property
    def exit_code(self) -> int:
        """0 all done, 1 some are not, 2 none could be done."""
        codes = {result.exit_code for result in self.results}
        return codes.pop() if len(codes) == 1 else EXIT_PARTIAL

    def of(self, code: int) -> list[RunResult]:
        """Those that ended with an exit code."""
        return [result for result in self.results if result.exit_code == code]

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON: the counts, who failed and why, and every result."""
        counts = Counter(result.status for result in self.results)
        return {
            "exit_code": self.exit_code,
            **{status: counts[status] for status in STATUS.values()},
            "failed_tenants": {result.customer_id: result.error for result in self.of(EXIT_FAILED)},
            "partial_tenants": {result.customer_id: result.error for result in self.of(EXIT_PARTIAL)},
            "results": [result.as_dict() for result in self.results],
        }


def run(
    project: Project,
    request: runner.Request,
    max_parallel: int,
    reporter: Reporter,
    stopper: Stopper,
    *,
    broken: Mapping[str, str] = MappingProxyType({}),
) -> Summary:
    """Run every tenant that schedules a job (or every tenant, if a job is named), in the order of their names.

    Args:
        project: where the tenants are.
        request: what to run; its tenant does not matter.
        max_parallel: runs at a time.
        reporter: is told how it goes.
        stopper: passes signals on; runs that have not begun then do not begin.
        broken: tenants that have failed already, by the mistakes in their files.

    Raises:
        ConfigurationError: nothing to run.
    """
    names = sorted({*broken, *(name for name, tenant in project.tenants.items() if request.job or tenant.schedules)})
    if not names:
        raise ConfigurationError("no tenant schedules a job", remedy="Name one: growthnav run --all JOB")

    def one(name: str) -> RunResult:
        mine = request.for_tenant(name)
        if name in broken:
            result = runner.begin(mine)
            result.end(EXIT_FAILED, broken[name], ConfigurationError.kind)
            return result
        if stopper.signal_name:
            result = runner.begin(mine)
            result.end(EXIT_FAILED, f"not begun: stopped by {stopper.signal_name}", "interrupted")
            return result
        try:
            return runner.run(project, mine, reporter, stopper)
        except Exception as error:  # noqa: BLE001  whatever it is, the other tenants go on
            result = runner.begin(mine)
            result.end(EXIT_FAILED, f"unexpected {type(error).__name__}. Please report it", InternalError.kind)
            return result

    with ThreadPoolExecutor(max_parallel) as pool:
        return Summary(list(pool.map(one, names)))


def lines(summary: Summary) -> list[str]:
    """The summary for people: a count, then each tenant that is not all done."""
    counts = [f"{len(summary.of(code))} {status}" for code, status in STATUS.items() if summary.of(code)]
    total = len(summary.results)
    shown = [f"{total} tenant{'s' if total > 1 else ''}: {', '.join(counts)}"]
    for code in (EXIT_FAILED, EXIT_PARTIAL):
        shown += [f"  {STATUS[code]} {result.customer_id}: {result.error}" for result in summary.of(code)]
    return shown if summary.exit_code != EXIT_SUCCESS else shown[:1]
