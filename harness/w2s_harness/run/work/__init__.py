"""The unit of work, its results and the engine that works a graph of them off."""
