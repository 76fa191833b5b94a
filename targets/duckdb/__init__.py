"""`target-duckdb`: the embedded warehouse, one file a tenant."""
