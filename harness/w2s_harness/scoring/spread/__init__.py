"""How far a number may be off: intervals over seeds, questions, pools and voters."""
