"""The speed of linking: `python bench/linking.py RECORDS [link | deterministic | components | arrivals]`.

Prints wall clock, CPU seconds and the process's peak of memory; `link` also the steps and how good the people are.
`arrivals` compares 10,000 new records with the rest, which is known; the step `score` is `predict_within` and
`predict_between` alone.
"""

from __future__ import annotations

import resource
import sys
import time
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.customers import customers
from identity.evaluate import evaluate
from identity.linking import LinkSettings, link

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

ARRIVALS = 10_000
IDENTIFIERS = ("email", "phone", "card", "loyalty_id")


def main() -> None:
    """Run one of the measurements."""
    records, what = int(sys.argv[1]), (sys.argv[2:] or ["link"])[0]
    given = made(records, ["person", *IDENTIFIERS] if what == "components" else None)
    truth, given = given.column("person").to_numpy(), given.drop_columns(["person"])
    if what == "arrivals":
        from identity.linking.known import Memory

        base = given.slice(ARRIVALS)
        first = link(base, memory=Memory())
        memory = Memory(base=base.column("record_id").combine_chunks(), known=first.known)
        linked = measured(lambda: link(given, memory=memory))
        print("seconds", linked.report.seconds)
        print(f"{linked.report.scope}: {len(linked.edges) - len(first.edges):,} links more")
    elif what == "components":
        components(given, len(given))
    else:
        method: Any = "deterministic" if what == "deterministic" else "auto"
        linked = measured(lambda: link(given, settings=LinkSettings(method=method)))
        quality = evaluate(zip(linked.clusters.column("cluster").to_pylist(), truth.tolist(), strict=True))
        print("seconds", linked.report.seconds)
        print(f"F1 {quality.f1:.4f}  precision {quality.precision:.4f}  B-cubed F1 {quality.bcubed_f1:.4f}")
        print(f"largest cluster {linked.report.largest_cluster}, pairs {linked.report.pairs_scored:,}")


def made(records: int, columns: list[str] | None) -> pa.Table:
    """The customers, made by another process: our peak of memory shall be that of linking."""
    import pyarrow as pa

    with TemporaryDirectory() as directory:
        path = Path(directory) / "customers.arrow"
        maker = get_context("spawn").Process(target=make, args=(records, columns, path))
        maker.start()
        maker.join()
        with pa.OSFile(str(path)) as file:
            return pa.ipc.open_file(file).read_all()


def make(records: int, columns: list[str] | None, path: Path) -> None:
    """Write the customers, or some of their columns, to an Arrow file."""
    import pyarrow as pa

    table = customers(records)
    table = table.select(columns) if columns else table
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)


def components(given: pa.Table, count: int) -> None:
    """Connected components over all identifiers, from the table to the labels."""
    import numpy as np

    from identity.linking.cluster import components as find

    def run() -> Any:
        nodes, ends, offset = [], [], count
        for name in IDENTIFIERS:
            codes = given.column(name).combine_chunks().dictionary_encode()
            filled = np.flatnonzero(codes.indices.is_valid().to_numpy(zero_copy_only=False))
            nodes.append(filled)
            ends.append(np.asarray(codes.indices.drop_null()).astype(np.int64) + offset)
            offset += len(codes.dictionary)
        return find(offset, np.concatenate(nodes), np.concatenate(ends))[:count]

    print(f"{len(set(measured(run).tolist())):,} components")


def measured(run: Callable[[], Any]) -> Any:
    """What `run` gives; prints what it cost."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = run()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{time.perf_counter() - wall:.1f} s, {time.process_time() - cpu:.1f} CPU s, {peak:,.0f} MB at most")
    return result


if __name__ == "__main__":
    main()
