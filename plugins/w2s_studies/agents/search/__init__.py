"""Plain search, the agent without a language model."""
