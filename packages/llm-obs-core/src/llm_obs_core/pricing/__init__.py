"""What tokens and prices mean: buckets, and their cost. The built-in price book is `llm_obs_enrich.pricing`."""
