"""What a user hands over, as models: files and live objects, layers, names, inputs, summaries."""
