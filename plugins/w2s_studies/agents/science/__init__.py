"""What a search shows: numbers, pictures, against other searches."""
