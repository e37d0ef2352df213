"""The JSON document: its types, its canonical bytes, its schema."""
