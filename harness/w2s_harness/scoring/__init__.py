"""From predictions to numbers: accuracy, PGR, intervals, comparisons, ranks."""
