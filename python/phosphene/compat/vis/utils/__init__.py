"""What keras-vis offers besides its methods."""
