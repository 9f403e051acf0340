"""The books: which devices exist, what they were given, and who did what to them."""
