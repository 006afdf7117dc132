"""The embedded store of llm-obs: Parquet segments, DuckDB to read them, SQLite for what is where."""
