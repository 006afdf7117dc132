"""The web page of llm-obs: where its built files are."""
