"""The llm-obs query API: GraphQL and REST over every reader; serves the page."""
