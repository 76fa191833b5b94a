"""tap-csv: local CSV, TSV, JSON lines and Parquet files."""
