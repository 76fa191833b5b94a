"""The tables of an identity store, and how a store of the version before becomes one of this."""

from __future__ import annotations

from typing import Final

OLDER: Final = 2
"""The version that `FROM_OLDER` starts from."""

_MERGE_DETAILS: Final = {"rule": "VARCHAR", "weight": "DOUBLE", "model": "VARCHAR", "reconcile": "INTEGER"}

_RECONCILE: Final = """
CREATE TABLE held (              -- identifiers and records that do not link as the others do
    hash UUID NOT NULL,
    rule VARCHAR NOT NULL        -- see identity.held
);
CREATE TABLE blocked (           -- shared identifiers, then and now
    hash VARCHAR NOT NULL,       -- keyed hash in hexadecimal
    kind VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    records BIGINT NOT NULL,
    names BIGINT NOT NULL,
    since BIGINT NOT NULL,       -- microseconds since 1970 UTC
    until BIGINT,                -- when it was released
    reconcile INTEGER NOT NULL
);
CREATE TABLE mapping (           -- whose a record (or a source's own customer) was and is
    source VARCHAR NOT NULL,     -- connection
    key VARCHAR NOT NULL,        -- the record's key; of a customer the keyed hash of its id
    person INTEGER NOT NULL,
    since BIGINT NOT NULL,
    until BIGINT,
    reconcile INTEGER NOT NULL
);
CREATE TABLE event (             -- what happened beside mints and merges, which their own tables tell
    event VARCHAR NOT NULL,
    event_id VARCHAR NOT NULL,
    from_id VARCHAR,
    to_id VARCHAR,
    identifier VARCHAR,          -- keyed hash in hexadecimal
    record_id VARCHAR,
    reason VARCHAR NOT NULL,
    rule VARCHAR NOT NULL,
    weight DOUBLE,
    model VARCHAR,
    run_id VARCHAR NOT NULL,
    moment BIGINT NOT NULL,
    reconcile INTEGER NOT NULL
);
CREATE TABLE told (              -- what was last said of a person in the stream identities
    person INTEGER NOT NULL,
    digest VARCHAR,              -- null: that it is no more
    reconcile INTEGER NOT NULL
);
CREATE TABLE decision (          -- what people decided
    left_key VARCHAR NOT NULL,   -- keys of two records, the smaller first
    right_key VARCHAR NOT NULL,
    decision VARCHAR NOT NULL,   -- link or unlink
    why VARCHAR NOT NULL,
    moment BIGINT NOT NULL
);
CREATE TABLE forgotten (         -- erased records: keyed hash of the record's key, and when
    hash UUID NOT NULL,
    moment BIGINT NOT NULL
);
CREATE TABLE erased (            -- rows of identity_map that were erased with their person
    identity_map_id VARCHAR NOT NULL,
    moment BIGINT NOT NULL,
    reconcile INTEGER NOT NULL
);
CREATE TABLE edge (              -- the links of the last reconcile, between units
    left_key VARCHAR NOT NULL,
    right_key VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,       -- model, identifier, same or manual
    rule VARCHAR,
    probability DOUBLE,
    weight DOUBLE,
    details VARCHAR              -- JSON: comparison -> weight, log2 of its Bayes factor
);
CREATE TABLE reconcile (         -- one row a reconcile that changed something, numbered from 1
    number INTEGER NOT NULL,
    moment BIGINT NOT NULL,
    run_id VARCHAR NOT NULL,
    input VARCHAR NOT NULL,      -- digest of what it was made from
    persons INTEGER NOT NULL,    -- how many there were afterwards, retired ones included
    report VARCHAR NOT NULL      -- JSON: counts and names of fields only
);
"""

SCORED: Final = """
CREATE TABLE IF NOT EXISTS scored (  -- the base of linking: pairs of units that speak for one person or against
    left_key VARCHAR NOT NULL,
    right_key VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,       -- model or veto
    rule VARCHAR,
    probability DOUBLE,
    weight DOUBLE,
    details VARCHAR,             -- as in edge
    vote DOUBLE NOT NULL         -- what the pair weighs when people are found
);
"""
"""Also made in a store that was there before this table was."""

TABLES: Final = f"""
CREATE TABLE meta (name VARCHAR NOT NULL, value VARCHAR NOT NULL);
CREATE TABLE source (id UINTEGER NOT NULL, name VARCHAR NOT NULL);
CREATE TABLE person (
    id INTEGER NOT NULL,
    uid VARCHAR NOT NULL,
    minted BIGINT                -- microseconds since 1970 UTC
);
CREATE TABLE ident (
    hash UUID NOT NULL,          -- keyed hash of the identifier: 120 bits, and 8 of zero
    person INTEGER NOT NULL,     -- whom it was first linked to, or moved to by a reconcile
    kind UTINYINT NOT NULL,      -- place in identity.fragments.KINDS
    source UINTEGER,             -- the source system, for a customer_id only
    first_seen BIGINT NOT NULL   -- since when it is this person's, microseconds since 1970 UTC
);
CREATE TABLE merge (
    retired INTEGER NOT NULL,    -- the person that was merged away
    survivor INTEGER NOT NULL,   -- at that time not retired
    moment BIGINT NOT NULL,      -- microseconds since 1970 UTC
    reason VARCHAR NOT NULL,
    record_id VARCHAR NOT NULL,
    run_id VARCHAR NOT NULL,
    {", ".join(f"{name} {kind}" for name, kind in _MERGE_DETAILS.items())}
);
{_RECONCILE}
{SCORED}
"""

FROM_OLDER: Final = f"""
ALTER TABLE person ADD COLUMN minted BIGINT;
UPDATE person SET minted = seen.moment
FROM (SELECT person, min(first_seen) AS moment FROM ident GROUP BY person) AS seen WHERE seen.person = person.id;
{"".join(f"ALTER TABLE merge ADD COLUMN {name} {kind};" for name, kind in _MERGE_DETAILS.items())}
{_RECONCILE.strip().rstrip(";")}
"""  # noqa: S608
