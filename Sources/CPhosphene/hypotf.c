// Swift's runtime refers to hypotf, which glibc 2.35 gave a new version. With this one the library
// also loads on glibc 2.34 (Red Hat 9); nothing outside the library sees it.
#include <math.h>

float hypotf(float x, float y) {
    if (isinf(x) || isinf(y)) {
        return INFINITY;
    }
    // Squares of floats are exact in double and can't overflow there.
    return (float)sqrt((double)x * x + (double)y * y);
}
