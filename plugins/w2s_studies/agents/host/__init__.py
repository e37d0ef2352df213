"""The host of a search: referee, crew, board."""
