"""The demo: a small help desk that asks an imitation of a provider, watched by the real thing."""
