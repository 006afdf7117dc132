"""The contracts of llm-obs: hook specifications, interfaces, model, semantic conventions, pricing, configuration, errors."""
