"""A sink for llm-obs that appends spans to a file as JSON lines."""
