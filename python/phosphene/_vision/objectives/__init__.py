"""What to look for: one number a sample, made of terms that add up."""
