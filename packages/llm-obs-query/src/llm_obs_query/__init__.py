"""The llm-obs query API: one GraphQL schema over every reader; serves the page."""
