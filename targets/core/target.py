"""The target base: a Singer target with its own loop, the same for every warehouse.

Records are spooled as they came, loaded whole, and committed in one transaction over all streams; a STATE is printed
only once everything before it is durable. However a run ends, it keeps what it committed.
"""

from __future__ import annotations

import errno
import os
import sys
from abc import abstractmethod
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk.helpers.capabilities import PluginCapabilities
from singer_sdk.target_base import Target

from pipe.errors import ConfigurationError, PipeError, RetriableError
from pipe.mapper import RUN_ID_VARIABLE
from pipe.pump import BlockReader, BlockWriter
from pipe.rejects import RejectLog
from pipe.settings import StrictSettings
from targets.core.commit import Committer
from targets.core.flush import FlushPolicy, Pace
from targets.core.intake import Intake
from targets.core.metadata import RecordMetadata

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from targets.core.loader import Loader

_NOT_WRITABLE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}


class _Run:
    """What a run needs once input has come: the warehouse, and the way to it."""

    def __init__(self, target: CoreTarget, loader: Loader[Any], writer: BlockWriter) -> None:
        config = target.config
        rejects = RejectLog(
            target.name,
            config["tenant"],
            os.environ.get(RUN_ID_VARIABLE, ""),
            config["max_reject_ratio"],
            config["min_rejects"],
        )
        limits = FlushPolicy(config["batch_size_rows"], config["batch_size_bytes"], config["batch_wait_seconds"])
        self.loader = loader
        self.pace = Pace(limits)
        self.committer = Committer(loader, rejects, writer)
        self.intake = Intake(self.committer, self.pace, RecordMetadata() if config["add_record_metadata"] else None)


class CoreTarget(StrictSettings, Target):
    """Base of the targets: a subclass has settings and says how to open its `Loader`."""

    package_name = "growthnav-connectors"
    capabilities: ClassVar = [PluginCapabilities.ABOUT, PluginCapabilities.STRUCTURED_LOGGING]

    def __init__(self, **arguments: Any) -> None:
        """Take the SDK's arguments; the warehouse is opened when the input is."""
        super().__init__(**{"setup_mapper": False, **arguments})
        self.message_reader = BlockReader(self)
        self.stopping = False
        self._signal = 0
        self._writer = BlockWriter()
        self._run: _Run | None = None

    @abstractmethod
    def open_loader(self) -> Loader[Any]:
        """Open the warehouse.

        Raises:
            PipeError: it cannot be opened.
        """

    @classmethod
    def append_builtin_config(cls, config_jsonschema: dict[str, Any]) -> None:
        """Leave out the SDK's own settings: only what this target acts on is a setting."""

    def feed(self, lines: list[bytes], size: int) -> None:
        """Take a block of input lines."""
        if self.stopping:
            return  # whoever told us to end may have cut the tap off in the middle of a line
        with self._in_run() as run:
            try:
                run.intake.read(lines)
            except PipeError:
                if not run.committer.broken:
                    run.committer.commit()  # what came before the bad line is good
                raise
            run.committer.spill()
            run.pace.took(size)
            if run.pace.due(run.committer.rows, at_state=False):
                run.intake.commit()

    def idle(self) -> None:
        """The input pauses: commit what a STATE waits for.

        Before the first line nothing is opened: the tap of this very run may still be reading the warehouse.
        """
        if self._run is None:
            return
        with self._in_run() as run:
            if (run.committer.states and run.pace.idle()) or run.pace.due(run.committer.rows, at_state=False):
                run.intake.commit()

    def message_counts(self) -> Counter[str]:
        """Messages taken, by type."""
        if self._run is None:
            return Counter()
        others = self._run.intake.counts
        return others + Counter(RECORD=self._run.intake.position - others.total())

    def process_endofpipe(self) -> None:
        """The input has ended, or a signal asked to stop: commit the rest."""
        if self._run:
            with self._in_run() as run:
                if not self.stopping:
                    run.intake.activate_late()
                run.intake.commit()
            self._close()
        if self.stopping:
            sys.exit(128 + self._signal)

    @contextmanager
    def _in_run(self) -> Iterator[_Run]:
        """Leave no spool and no lock behind, whatever happens; say what a full or read-only disk is."""
        try:
            if self._run is None:
                self._run = _Run(self, self.open_loader(), self._writer)
            yield self._run
        except OSError as error:
            self._close()
            raise _storage_error(error) from None
        except BaseException:
            self._close()
            raise

    def _close(self) -> None:
        """Report, and let go of the warehouse."""
        run, self._run = self._run, None
        if run:
            run.intake.report()
            run.committer.report()
            run.loader.close()

    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """SIGTERM or SIGINT: commit what has come and end; a second one, or one before any input, ends now."""
        if self.stopping or self._run is None:
            sys.exit(128 + signum)
        self.stopping = True
        self._signal = signum

    # The SDK's message hooks are not used: its reader is replaced by ours.

    def _process_record_message(self, message_dict: dict[str, Any]) -> None:
        raise AssertionError(message_dict.keys())

    _process_schema_message = _process_state_message = _process_record_message
    _process_batch_message = _process_activate_version_message = _process_record_message


def _storage_error(error: OSError) -> PipeError:
    reason = error.strerror or type(error).__name__
    if error.errno in _NOT_WRITABLE:
        return ConfigurationError(
            f"the database's directory cannot be written to ({reason})",
            remedy="Give this user the right to write there, or set filepath to another place",
        )
    return RetriableError(
        f"the disk beside the database cannot be used ({reason})",
        remedy="Free space there and run again; what was committed is kept",
    )
