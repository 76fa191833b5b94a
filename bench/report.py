"""What a benchmark found: the arithmetic, the table, the JSON."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from measure import Cost

MILLION = 1_000_000
HEADINGS = ("source", "contestant", "rows", "wall s", "rows/s", "CPU s / 1M", "peak MB", "time to ours")
_WIDTHS = (9, 26, 10, 8, 10, 10, 8, 12)


@dataclass(frozen=True)
class Result:
    """One contestant on one source."""

    source: str
    name: str
    title: str
    rows: int
    cost: Cost

    @property
    def rate(self) -> float:
        """Rows a second."""
        return self.rows / self.cost.wall

    @property
    def cpu_a_million(self) -> float:
        """CPU seconds of all processes for a million rows."""
        return self.cost.total_cpu * MILLION / self.rows


@dataclass(frozen=True)
class Failure:
    """One contestant that did not arrive, and why."""

    source: str
    name: str
    reason: str


def time_to(base: str, result: Result, every: Iterable[Result]) -> float | None:
    """How many times as long as `base` on the same source it takes for a row; None when `base` did not run."""
    found = [each for each in every if each.name == base and each.source == result.source]
    return found[0].rate / result.rate if found else None


def heading() -> str:
    """First line of the table."""
    return _line(HEADINGS)


def line(result: Result, ratio: float | None) -> str:
    """A result's line of the table."""
    cost = result.cost
    return _line(
        (
            result.source,
            result.title,
            f"{result.rows:,}",
            f"{cost.wall:.1f}",
            f"{result.rate:,.0f}",
            f"{result.cpu_a_million:.1f}",
            f"{cost.highest_peak:,.0f}",
            f"{ratio:.2f}x" if ratio else "",
        )
    )


def as_json(results: Sequence[Result], failures: Sequence[Failure], base: str) -> dict[str, Any]:
    """All of it, for programs: seconds, megabytes, rows; CPU and peak by process too."""
    return {
        "machine": machine(),
        "base": base,
        "results": [
            {
                "source": each.source,
                "contestant": each.name,
                "rows": each.rows,
                "wall_seconds": round(each.cost.wall, 3),
                "rows_per_second": round(each.rate),
                "cpu_seconds_per_million": round(each.cpu_a_million, 2),
                "peak_mb": round(each.cost.highest_peak, 1),
                "time_to_base": _rounded(time_to(base, each, results)),
                "cpu_seconds": {name: round(seconds, 2) for name, seconds in each.cost.cpu.items()},
                "peaks_mb": {name: round(peak, 1) for name, peak in each.cost.peak_mb.items()},
            }
            for each in results
        ],
        "failures": [{"source": each.source, "contestant": each.name, "reason": each.reason} for each in failures],
    }


def machine() -> dict[str, Any]:
    """What the figures belong to."""
    info = Path("/proc/cpuinfo")
    models = [row.partition(":")[2].strip() for row in info.read_text().splitlines() if row.startswith("model name")]
    return {
        "processor": models[0] if models else platform.processor(),
        "cores": os.cpu_count(),
        "load_at_start": round(os.getloadavg()[0], 2),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30), 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **{name: version(name) for name in ("duckdb", "pyarrow", "meltano", "singer-sdk")},
    }


def _rounded(ratio: float | None) -> float | None:
    return None if ratio is None else round(ratio, 3)


def _line(cells: Sequence[str]) -> str:
    left, right = cells[:2], cells[2:]
    parts = [f"{cell:<{width}}" for cell, width in zip(left, _WIDTHS, strict=False)]
    parts += [f"{cell:>{width}}" for cell, width in zip(right, _WIDTHS[2:], strict=True)]
    return " ".join(parts).rstrip()
