"""What crosses a process boundary: framed, strictly decoded, never pickled."""
