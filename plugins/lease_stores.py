"""Where leases are kept: in the state backend of the project, if machines can share it."""

from __future__ import annotations

import fcntl
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from pipe.errors import CredentialsError, RetriableError
from plugins import wiring

if TYPE_CHECKING:
    from plugins.lease import LeaseStore
    from plugins.project import Project

SUFFIX = ".lease"
_LATER = "Look whether its bucket exists, or run again later"


def open_store(project: Project, tenant: str) -> LeaseStore | None:
    """The tenant's place; None where the backend is one machine's own, or one we cannot lock."""
    backend = project.documents[0].content.get("state_backend") or {}
    variables = {**project.environment, "MELTANO_PROJECT_ROOT": str(project.root)}
    parts = urlsplit(wiring.expand(str(backend.get("uri", "")), variables))
    if parts.scheme == "file":
        # Meltano's form of a path that starts at the root has four slashes.
        return FileLease(Path("/", unquote(parts.path).lstrip("/")) / f"{tenant}{SUFFIX}")
    if parts.scheme not in {"s3", "gs"}:
        return None
    key = "/".join(filter(None, [parts.path.strip("/"), f"{tenant}{SUFFIX}"]))
    given = backend.get("s3" if parts.scheme == "s3" else "gcs") or {}
    settings = {name: wiring.expand(str(value), variables) for name, value in given.items()}
    if parts.scheme == "s3":
        return S3Lease(str(parts.hostname), key, settings)
    from plugins.lease_gcs import GCSLease

    return GCSLease(str(parts.hostname), key, settings)


class FileLease:
    """A file, on a disk that may be shared; whoever changes it holds the system's lock on it meanwhile."""

    def __init__(self, path: Path) -> None:
        """Use the file `path`."""
        self._path = path

    def read(self) -> tuple[bytes, str] | None:
        """As `LeaseStore.read`."""
        try:
            with self._path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH)  # else it may be read while half written
                content = file.read()
        except FileNotFoundError:
            return None
        return (content, _version(content)) if content else None

    def write(self, content: bytes, version: str | None) -> str | None:
        """As `LeaseStore.write`."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        return _version(content) if self._replace(content, version) else None

    def delete(self, version: str) -> None:
        """As `LeaseStore.delete`: the file stays, empty, since somebody may wait for its lock."""
        self._replace(b"", version)

    def _replace(self, content: bytes, version: str | None) -> bool:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            present = os.pread(descriptor, 65536, 0)
            if (_version(present) if present else None) != version:
                return False
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, content, 0)
            os.fsync(descriptor)
            return True
        finally:
            os.close(descriptor)


class S3Lease:
    """An object in S3, changed by conditional writes."""

    def __init__(self, bucket: str, key: str, settings: dict[str, str]) -> None:
        """Use that object; `settings` are those of Meltano's state backend."""
        import boto3  # comes with Meltano's own support for states in S3

        self._place = {"Bucket": bucket, "Key": key}
        self._client: Any = boto3.client(
            "s3",
            aws_access_key_id=settings.get("aws_access_key_id"),
            aws_secret_access_key=settings.get("aws_secret_access_key"),
            endpoint_url=settings.get("endpoint_url"),
        )

    def read(self) -> tuple[bytes, str] | None:
        """As `LeaseStore.read`."""
        found = self._call("get_object", missing=True)
        return (found["Body"].read(), found["ETag"]) if found else None

    def write(self, content: bytes, version: str | None) -> str | None:
        """As `LeaseStore.write`."""
        condition: dict[str, Any] = {"IfMatch": version} if version else {"IfNoneMatch": "*"}
        done = self._call("put_object", Body=content, **condition)
        return done["ETag"] if done else None

    def delete(self, version: str) -> None:
        """As `LeaseStore.delete`."""
        found = self.read()
        if found and found[1] == version:
            self._call("delete_object")

    def _call(self, method: str, *, missing: bool = False, **arguments: Any) -> Any:
        """The answer, or None where a condition was not met or, if `missing` is fine, nothing is there."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return getattr(self._client, method)(**self._place, **arguments)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}:
                return None
            if code in {"NoSuchKey", "404"} and (missing or "IfMatch" in arguments):
                return None
            if code in {"AccessDenied", "403", "InvalidAccessKeyId", "SignatureDoesNotMatch"}:
                raise CredentialsError(
                    f"the state backend refuses the lease ({code})",
                    remedy="Grant the right to read, write and delete objects beside the states",
                ) from None
            raise RetriableError(f"the state backend answers {code} for the lease", remedy=_LATER) from None
        except BotoCoreError as error:
            what = f"the state backend cannot be asked for the lease ({type(error).__name__})"
            raise RetriableError(what, remedy=_LATER) from None


def _version(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
