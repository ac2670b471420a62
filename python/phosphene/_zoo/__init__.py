"""Networks whose weights come in packages of other people."""
