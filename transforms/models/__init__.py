"""The SQL models: tables computed in the warehouse from the canonical streams. One file a model, DuckDB dialect."""
