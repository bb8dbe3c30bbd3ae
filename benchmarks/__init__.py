"""Measurements beside each other: what we do, what a user would do instead, and the limit."""
