"""What spans mean and cost: the built-in normaliser and price book of llm-obs."""
