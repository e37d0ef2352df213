"""What an agent can do: its workspace, evaluations, forum."""
