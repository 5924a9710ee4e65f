"""Access tokens: the store that keeps them, and one file for each identity provider that gives them."""
