"""Guards that w2s-harness ships, one a file; each is on unless `--guards` says otherwise."""
