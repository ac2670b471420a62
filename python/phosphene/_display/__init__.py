"""Pictures on paper and screen: figures, sheets, files."""
