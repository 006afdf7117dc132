"""Instruments the openai client: chat completions and embeddings, sync, async and streaming."""
