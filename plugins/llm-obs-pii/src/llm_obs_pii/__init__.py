"""Scrubs secrets and personal data before anything reaches a disk."""
