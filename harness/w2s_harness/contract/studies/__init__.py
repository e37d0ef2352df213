"""What studies offer to plugins: attacks of a red team, language models of agents."""
