"""How a run ended, from Meltano's log and exit code: the class of the error and one sentence about it."""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipe.errors import (
    EXIT_FAILED,
    EXIT_PARTIAL,
    EXIT_SUCCESS,
    KIND_BY_EXIT_CODE,
    ConfigurationError,
    InternalError,
    RetriableError,
    SkippableError,
)
from plugins.meltano_log import EXTRACTOR, LOADER, MAPPER

if TYPE_CHECKING:
    from plugins.meltano_log import Complaint, RunLog

INTERRUPTED, BUDGET, UNKNOWN = "interrupted", "budget", "unknown"
MAX_API_CALLS = "max_api_calls"
"""Setting of a tenant's runs, and of taps that keep to it themselves; a run that is stopped for it is told so."""
KILLED = 128 + signal.SIGKILL

_LOG_HINT = "The run's log has more"
_PLURAL = {"extractors": EXTRACTOR, "loaders": LOADER}
_UNSET = re.compile(r"Environment variable '(\w+)' referenced but not set")


@dataclass(frozen=True)
class Verdict:
    """Exit code of the operator's contract, and why."""

    exit_code: int
    error: str | None = None
    error_class: str | None = None
    plugin: str = ""


def judge(log: RunLog, returncode: int, stopped_by: str | None) -> Verdict:
    """The verdict on a run whose Meltano process ended with `returncode`; `stopped_by` names a signal we were sent."""
    if returncode == 0:
        return _finished(log)
    if stopped_by:
        return _interrupted(log, stopped_by)
    if (cause := log.cause) and not _left_out(log):
        return _by_complaint(log, cause)
    if log.exit_codes:
        return _by_exit_code(log)
    if returncode < 0 or returncode == KILLED:
        return Verdict(EXIT_FAILED, "Meltano was killed. Run again", RetriableError.kind)
    return _by_meltano(log)


def _left_out(log: RunLog) -> bool:
    """Whether a tap ended with 1, or a mapper that said why: all there is was loaded, but for what they left out."""
    if set(log.exit_codes.values()) != {SkippableError.exit_code} or "loaders" in log.exit_codes:
        return False
    return "extractors" in log.exit_codes or (log.cause is not None and log.cause.kind == SkippableError.kind)


def _finished(log: RunLog) -> Verdict:
    rejected, skipped = log.total("reject_count"), log.total("skipped_stream_count")
    if rejected or skipped:
        parts = [f"{_some(rejected, 'record')} rejected: see the table rejects and the log"] if rejected else []
        parts += [f"{_some(skipped, 'stream')} skipped"] if skipped else []
        return Verdict(EXIT_PARTIAL, "; ".join(parts), SkippableError.kind)
    return Verdict(EXIT_SUCCESS)


def _interrupted(log: RunLog, stopped_by: str) -> Verdict:
    if stopped_by == MAX_API_CALLS:
        return _out_of_calls(log)
    if log.states_saved:
        text = f"stopped by {stopped_by}; what was loaded is kept, the next run goes on from there"
        return Verdict(EXIT_PARTIAL, text, INTERRUPTED)
    return Verdict(EXIT_FAILED, f"stopped by {stopped_by} before a bookmark was saved; run again", INTERRUPTED)


def _by_complaint(log: RunLog, cause: Complaint) -> Verdict:
    if cause.kind == RetriableError.kind and MAX_API_CALLS in cause.text:
        return _out_of_calls(log)
    return Verdict(EXIT_FAILED, f"{cause.plugin}: {cause.text}", cause.kind, cause.plugin)


def _out_of_calls(log: RunLog) -> Verdict:
    """The budget is spent: what was read is loaded, and trying again at once would not help."""
    calls = f"max_api_calls is spent ({log.total('http_request_count'):,} calls)"
    if log.states_saved:
        return Verdict(EXIT_PARTIAL, f"{calls}; the next run goes on from there", BUDGET)
    return Verdict(EXIT_FAILED, f"{calls}, and no bookmark could be saved: allow more", BUDGET)


def _by_exit_code(log: RunLog) -> Verdict:
    """A plugin ended with a code and no sentence of our form: it is not one of ours, or was killed."""
    who, code = list(log.exit_codes.items())[-1]  # of tap and target, the target's matters more
    role = _PLURAL.get(who)
    plugin = next(iter(log.named(role)), who) if role else who
    if code < 0:
        text = f"{plugin} was killed by {signal.Signals(-code).name}, perhaps for lack of memory. Run again"
        return Verdict(EXIT_FAILED, text, RetriableError.kind, plugin)
    if plugin in log.crashed:
        return Verdict(EXIT_FAILED, f"{plugin} crashed with exit code {code}. {_LOG_HINT}", UNKNOWN, plugin)
    kind = KIND_BY_EXIT_CODE.get(code, UNKNOWN)
    if _left_out(log):
        cause = log.cause
        said = f": {cause.text}" if cause else f". {_LOG_HINT}"
        return Verdict(EXIT_PARTIAL, f"{plugin} left out some records or streams{said}", kind, plugin)
    if kind == SkippableError.kind:
        kind = UNKNOWN
    text = f"{plugin} ended with exit code {code}" + (f" ({kind})" if kind != UNKNOWN else "")
    return Verdict(EXIT_FAILED, f"{text}. {_LOG_HINT}", kind, plugin)


def _by_meltano(log: RunLog) -> Verdict:
    """Meltano itself gave up, or a mapper vanished."""
    text = next(iter(log.meltano_errors), log.verdict)
    if log.verdict.startswith("Unexpected completion sequence"):
        mappers = " or ".join(log.named(MAPPER)) or "a mapper"
        return Verdict(EXIT_FAILED, f"{mappers} ended without a word, perhaps killed. Run again", RetriableError.kind)
    if unset := _UNSET.search(text):
        return Verdict(EXIT_FAILED, f"environment variable {unset[1]} is not set", ConfigurationError.kind)
    if "Cannot start plugin" in log.verdict or "could not be found" in text or "not found" in text.lower():
        return Verdict(EXIT_FAILED, f"Meltano: {_first_line(log.verdict or text)}", ConfigurationError.kind)
    return Verdict(EXIT_FAILED, f"Meltano: {_first_line(text)}. {_LOG_HINT}", InternalError.kind)


def _some(count: int, what: str) -> str:
    return f"1 {what} was" if count == 1 else f"{count:,} {what}s were"


def _first_line(text: str) -> str:
    return text.strip().split("\n", 1)[0].rstrip(".") or "it ended without a word"
