"""Base's materializations in a branch deployment, so that what is cloned looks materialized there.

A branch deployment has a Dagster instance of its own, which knows nothing of what production has
materialized. What is reported here is no guess: only assets whose table in the branch's environment
has base's rows, and only base's materializations that these rows come from.
"""
