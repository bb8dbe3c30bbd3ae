"""I/O managers whose assets are in production's schemas, and in a branch in the branch's own.

This package imports no driver and no pandas: each of its modules imports what it needs.
"""
