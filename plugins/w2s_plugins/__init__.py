"""The plugins that w2s-harness ships, written against its public names only."""
