// Gives the package manager something to compile; CABI implements the header in Swift.
#include "phosphene.h"
