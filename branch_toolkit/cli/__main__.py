"""`python -m branch_toolkit.cli`."""

from branch_toolkit.cli import main

main()
