"""The `tidegate` command: prints what the layers below return and turns it into exit codes."""

from tidegate.cli.app import main

__all__ = ["main"]
