"""Networks that are put together in Python, call by call, and written as Keras configurations."""
