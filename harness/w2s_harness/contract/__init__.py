"""What plugins and the harness agree on: types, hooks, access, plans, evidence, the protocol of workers."""
