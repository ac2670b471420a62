"""What a network makes of a few inputs while it is trained."""
