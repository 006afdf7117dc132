"""Contract suites for plugins, an in-memory sink and log, an imitation of the OpenAI API."""
