"""What guards are shown and what they answer, with the statistics that they may use."""
