"""Suites with which a plugin proves that it keeps a contract: subclass one in a test module and say what to test.

They need what `llm-obs-testing[contracts]` installs.
"""
