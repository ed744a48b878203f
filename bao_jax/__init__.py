"""Behavioral Agentic Optimization in JAX: proactive language-model agents."""

__version__ = '0.1.0'
