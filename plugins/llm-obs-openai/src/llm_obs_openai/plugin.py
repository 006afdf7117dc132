"""What this distribution offers to llm-obs."""
