"""The embedded store of llm-obs: Parquet segments, DuckDB and SQLite in one directory."""
