"""A document as text, Markdown, CSV, LaTeX or figures."""
