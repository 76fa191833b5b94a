"""`target-bigquery`: checked on this machine by DuckDB, loaded by one job a stream, merged by one statement."""
