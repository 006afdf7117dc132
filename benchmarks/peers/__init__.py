"""Other collectors under the same load."""
