#define _GNU_SOURCE // for dladdr, which Swift's module of the C library leaves out

#include "vector_kernels.h"

#include <dlfcn.h>

const char *ph_library_path(void)
{
    Dl_info information;
    return dladdr((const void *)ph_library_path, &information) ? information.dli_fname : 0;
}
