"""The error tree, grouped by what the caller should do next.

    PipeError                 exit  do
    ├── ConfigurationError     78   mend the settings, run again
    ├── CredentialsError       77   renew the secret or its rights, run again
    ├── RetriableError         75   run again later, nothing to mend
    ├── SkippableError          1   leave out this record or stream, go on, end as "partial"
    ├── DataError              65   mend the input or its mapping; stopped at a known place
    └── InternalError          70   a bug of ours: report it

The exit codes are those of BSD sysexits.h, so that a runner which sees only a number still knows the class.
Every error says where (stream, field), what is wrong, and the remedy; never a value out of a record.
"""

from __future__ import annotations

import errno
from typing import ClassVar


class PipeError(Exception):
    """Base of every error this project raises on purpose.

    ```python
    except PipeError as error:
        log.error(error)              # one sentence, no values
        sys.exit(error.exit_code)
    ```
    """

    kind: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 70

    def __init__(
        self,
        problem: str,
        *,
        stream: str | None = None,
        field: str | None = None,
        remedy: str | None = None,
    ) -> None:
        """Say what is wrong (`problem`), where, and what to do about it (`remedy`)."""
        super().__init__(problem)
        self.problem = problem
        self.stream = stream
        self.field = field
        self.remedy = remedy

    def __str__(self) -> str:
        """One sentence: where, what, what to do."""
        where = ", ".join(
            f"{label} '{name}'" for label, name in (("stream", self.stream), ("field", self.field)) if name
        )
        text = f"{where}: {self.problem}" if where else self.problem
        return f"{text}. {self.remedy}" if self.remedy else text


class ConfigurationError(PipeError):
    """A setting is missing, unknown or contradicts another."""

    kind = "configuration"
    exit_code = 78


class CredentialsError(PipeError):
    """A secret is missing, refused or lacks a right."""

    kind = "credentials"
    exit_code = 77


class RetriableError(PipeError):
    """The other side is busy, away or holds a lock; the same run may succeed later."""

    kind = "retriable"
    exit_code = 75


class SkippableError(PipeError):
    """One record or one stream cannot be taken; the others can.

    `rule` is the short, stable name under which rejects are counted.
    """

    kind = "skippable"
    exit_code = 1

    def __init__(
        self,
        problem: str,
        *,
        rule: str = "invalid",
        stream: str | None = None,
        field: str | None = None,
        remedy: str | None = None,
    ) -> None:
        """As `PipeError`, with the `rule` that was broken."""
        super().__init__(problem, stream=stream, field=field, remedy=remedy)
        self.rule = rule


class DataError(PipeError):
    """The input breaks the protocol or its own schema; nothing sensible follows."""

    kind = "data"
    exit_code = 65


class InternalError(PipeError):
    """Something that cannot happen did."""

    kind = "bug"
    exit_code = 70


EXIT_SUCCESS, EXIT_PARTIAL, EXIT_FAILED = 0, 1, 2
"""The operator's contract (F085): all done; some records or streams left out; nothing to rely on."""

KIND_BY_EXIT_CODE = {
    error.exit_code: error.kind
    for error in (
        ConfigurationError,
        CredentialsError,
        RetriableError,
        SkippableError,
        DataError,
        InternalError,
    )
}

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
_NOT_ALLOWED = {errno.EACCES, errno.EPERM, errno.EROFS}


def of_system(error: OSError) -> PipeError | None:
    """What an error of the disk means for the caller; None for any other."""
    if error.errno not in _NO_SPACE | _NOT_ALLOWED and error.filename is None:
        return None
    what = f"{error.filename or 'a file'} cannot be read or written ({error.strerror})"
    if error.errno in _NO_SPACE:
        return RetriableError(what, remedy="Free disk space and run again; what was committed is kept")
    return ConfigurationError(what, remedy="See that it is there and may be read and written")
