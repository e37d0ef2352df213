"""What a dossier measures of a method."""
