"""Buckets of servers on this machine: S3's (moto) and a stand-in for Google's."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from unittest import mock

import boto3
from moto.server import ThreadedMotoServer
from servers import google_storage

KEYS = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}


@dataclass(frozen=True)
class Bucket:
    """An empty bucket."""

    root: str
    """URL of a folder in it, with its endpoint."""
    names: Callable[[], list[str]]
    """What it holds."""


@contextmanager
def s3() -> Iterator[Bucket]:
    """A bucket of S3, with its credentials in the environment."""
    bucket = f"tenant-{uuid.uuid4().hex[:8]}"  # all servers of a process share what they hold
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    client = boto3.client("s3", endpoint_url=f"http://{host}:{port}", region_name="us-east-1", **KEYS)
    client.create_bucket(Bucket=bucket)
    options = f"endpoint_override={host}:{port}&scheme=http&region=us-east-1"
    environment = {name.upper(): value for name, value in KEYS.items()} | {"AWS_EC2_METADATA_DISABLED": "true"}

    def names() -> list[str]:
        found = [each["Key"] for each in client.list_objects_v2(Bucket=bucket).get("Contents", [])]
        return [name for name in found if not name.endswith("/")]  # empty marks of folders, the library's own

    try:
        with mock.patch.dict(os.environ, environment):
            yield Bucket(f"s3://{bucket}/acme/batches?{options}", names)
    finally:
        client.close()
        server.stop()


@contextmanager
def google() -> Iterator[Bucket]:
    """A bucket of the stand-in, which wants no credentials."""
    with google_storage.server() as storage:
        place = storage.url.removeprefix("http://")
        root = f"gs://anonymous@tenant/acme/batches?endpoint_override={place}&scheme=http&retry_limit_seconds=2"
        yield Bucket(root, lambda: [name.partition("/")[2] for name in storage.objects])


KINDS = {"s3": s3, "gs": google}
