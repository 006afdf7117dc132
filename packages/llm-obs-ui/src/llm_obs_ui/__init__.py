"""The web page of llm-obs, built by Vite."""
