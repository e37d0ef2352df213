"""Accuracies handed out one query at a time, with a ledger that shows tampering."""
