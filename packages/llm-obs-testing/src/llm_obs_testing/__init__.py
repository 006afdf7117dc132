"""Contract suites, an in-memory sink and log, and an imitation LLM provider for tests of llm-obs and of its plugins."""
