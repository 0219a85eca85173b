"""An OpenAI-compatible server that does as it is told, badly on purpose where a test wants it."""
