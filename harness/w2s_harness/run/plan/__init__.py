"""From flags and configuration to a plan."""
