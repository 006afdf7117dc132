"""Instruments the openai client for llm-obs: chat completions and embeddings, sync, async and streaming."""
