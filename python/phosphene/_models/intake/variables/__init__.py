"""Variables as Keras' versions keep them, and as the engine wants them."""
