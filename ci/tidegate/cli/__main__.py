"""`python -m tidegate.cli`."""

from tidegate.cli.app import main

main()
