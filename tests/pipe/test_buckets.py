"""Batch files in buckets of S3 and of Google: the same life as on a disk."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from buckets import KINDS, Bucket

from pipe import batches, bucket_notes, outbox, remote
from pipe.errors import RetriableError
from pipe.outbox import LOCK, Outbox

ROWS = [{"id": 1, "name": "Zoë"}, {"id": 2, "name": None}]
LONG_AGO = 120


@pytest.fixture(params=KINDS)
def bucket(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """An empty bucket; what this machine keeps of it is in a folder of the test's own."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with KINDS[request.param]() as found:
        yield found


def write(box: Outbox) -> batches.BatchMessage:
    return batches.decode(box.write("s", [json.dumps(row).encode() for row in ROWS]), 1)


def in_another_process(code: str, root: str) -> None:
    code = f"from pipe.outbox import Outbox; box = Outbox({root!r}); {code}"
    subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=True)


def left_by_a_dead_run(root: str, age_s: float = LONG_AGO) -> None:
    in_another_process("box.write('s', [b'{}'])", root)
    for path in bucket_notes.folder(root).glob(f"{batches.PREFIX}*"):
        os.utime(path, (time.time() - age_s,) * 2)


def begin_another_run(root: str) -> None:
    in_another_process("box.hold(clear=True)", root)


def kept_here(root: str) -> list[str]:
    return [path.name for path in bucket_notes.folder(root).iterdir() if path.name != LOCK]


def test_what_was_written_is_read_and_removed(bucket: Bucket) -> None:
    message = write(Outbox(bucket.root))
    (uri,) = message.manifest
    assert uri.startswith(f"{bucket.root.partition('?')[0]}/growthnav-batch-")
    assert bucket.names() == [urlsplit(uri).path.lstrip("/")]
    assert [json.loads(row) for row in batches.records(message)] == ROWS
    batches.discard(message)
    assert (bucket.names(), kept_here(bucket.root)) == ([], [])
    batches.discard(message)  # as after a crash between the two removals
    with pytest.raises(RetriableError, match=r"the bucket 'tenant.*' cannot be reached"):
        list(batches.records(message))
    assert kept_here(bucket.root) == []


def test_what_this_machine_keeps_is_private(bucket: Bucket) -> None:
    message = write(Outbox(bucket.root))
    folder = bucket_notes.folder(bucket.root)
    with batches.local_files(message) as (copy,):
        kept = [path for path in folder.iterdir() if path.name != LOCK]
        assert copy in kept
        assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, *kept)] == [0o700, 0o600, 0o600]
    assert not copy.exists()


def test_files_of_other_makers_stay(bucket: Bucket, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"{}\n")
    uri = remote.join(bucket.root, "theirs.jsonl")
    remote.upload(tmp_path / "x", uri)
    message = batches.BatchMessage("s", {"format": "jsonl"}, [uri])
    assert list(batches.records(message)) == [b"{}"]
    batches.discard(message)
    assert bucket.names() == ["acme/batches/theirs.jsonl"]


def test_the_start_of_a_run_clears_what_a_dead_run_left(bucket: Bucket) -> None:
    left_by_a_dead_run(bucket.root)
    assert len(bucket.names()) == len(kept_here(bucket.root)) == 1
    begin_another_run(bucket.root)
    assert (bucket.names(), kept_here(bucket.root)) == ([], [])


def test_a_young_object_may_be_on_its_way_between_two_steps(bucket: Bucket) -> None:
    left_by_a_dead_run(bucket.root, age_s=20)
    begin_another_run(bucket.root)
    assert len(bucket.names()) == 1


def test_nothing_is_cleared_while_another_process_reads(bucket: Bucket) -> None:
    left_by_a_dead_run(bucket.root)
    (note,) = (path.read_text() for path in bucket_notes.folder(bucket.root).glob(f"{batches.PREFIX}*"))
    outbox.hold_folder_of(batches.BatchMessage("s", {"format": "jsonl"}, [note]))
    begin_another_run(bucket.root)
    assert len(bucket.names()) == 1


def test_a_note_that_was_cut_short_is_no_object(bucket: Bucket) -> None:
    left_by_a_dead_run(bucket.root)
    (note,) = bucket_notes.folder(bucket.root).glob(f"{batches.PREFIX}*")
    note.write_text("")
    os.utime(note, (time.time() - LONG_AGO,) * 2)
    begin_another_run(bucket.root)
    assert kept_here(bucket.root) == []


def test_a_bucket_that_is_away_is_told(bucket: Bucket) -> None:
    scheme, _, rest = bucket.root.replace("endpoint_override=", "endpoint_override=127.0.0.1:1&was=").partition("://")
    away = f"{scheme}://user:secret@{rest.rpartition('@')[2]}"
    with pytest.raises(RetriableError, match=r"cannot be reached .*See that the bucket exists") as caught:
        write(Outbox(away))
    assert "secret" not in str(caught.value)
    assert "endpoint" not in str(caught.value)
