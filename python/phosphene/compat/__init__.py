"""Old scripts alive: the names of earlier tools and articles, computed by Phosphene."""
