"""Where a method's code runs: a worker process that holds no label, no text and no model."""
