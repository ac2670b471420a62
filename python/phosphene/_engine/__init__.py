"""The C interface: the only modules that touch it."""
