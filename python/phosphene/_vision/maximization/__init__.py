"""Inputs that a part of a network likes best, and the pictures that come of them."""
