"""What a document says in sentences, and how it is compared with others."""
