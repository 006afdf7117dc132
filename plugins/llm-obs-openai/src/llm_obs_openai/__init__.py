"""Instruments the openai client: chat completions, responses and embeddings, sync, async and streaming."""
