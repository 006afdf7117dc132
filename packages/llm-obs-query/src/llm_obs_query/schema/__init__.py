"""The GraphQL schema, written once in Python; `schema.graphql` beside the distribution is what it must print."""

from llm_obs_query.schema.build import build

__all__ = ["build"]
