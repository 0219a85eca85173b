"""Tidegate: prove, gate and promote releases of LLM services by commits."""
