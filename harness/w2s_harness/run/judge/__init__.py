"""The cells that a plan wants, and what guards say of them."""
