"""Prints how far Phosphene is from Keras for each case, on the backend of the environment."""

import sys

from intake.custom import CASES, error_of, made

for name in sys.argv[1:] or CASES:
    print(name, error_of(*made(name)))
