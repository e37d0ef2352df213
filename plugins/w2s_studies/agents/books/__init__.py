"""What a search spends and keeps: clock, journal, money, lineage."""
