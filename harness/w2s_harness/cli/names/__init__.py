"""What a name on the command line means: runs, cells, things."""
