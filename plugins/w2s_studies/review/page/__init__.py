"""A dossier as a page: questions, words, layout."""
