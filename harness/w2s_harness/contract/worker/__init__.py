"""What a method's code meets in its worker: rows, handles, the student."""
