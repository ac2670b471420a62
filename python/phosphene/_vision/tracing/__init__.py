"""The outputs of all layers, as arrays, as files and as pictures."""
