"""Observability for applications that call large language models: the facade, the `llm-obs` command, every extra."""
