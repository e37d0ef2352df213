"""One row: its numbers, its status, its rank."""
