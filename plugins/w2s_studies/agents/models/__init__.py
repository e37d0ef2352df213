"""Language models as agents: calls, conversations, prompts."""
