"""The demo: a PostgreSQL warehouse, production data and a git remote, all on this machine."""
