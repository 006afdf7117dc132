"""What every normaliser agrees on: words and bounds, no code. The built-in one is `llm_obs_enrich.normalizer`."""
