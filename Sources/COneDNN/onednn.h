/*
 * The C API of oneDNN 3, and the entry points of the OpenMP runtime whose threads it computes with.
 *
 * Our own loops run on the same threads: a second pool beside OpenMP's spinning workers would
 * compete with them for the cores.
 */
#ifndef PHOSPHENE_ONEDNN_H
#define PHOSPHENE_ONEDNN_H

#include <dnnl.h>

#if !defined(DNNL_VERSION_MAJOR) || DNNL_VERSION_MAJOR != 3
#error "Phosphene needs oneDNN 3 (Debian 12's libdnnl-dev is 2.6): run `make build`, which fetches it"
#endif

/* GCC's OpenMP ABI (libgomp): runs `function(data)` once on each of `threads` threads. */
void GOMP_parallel(void (*function)(void *), void *data, unsigned threads, unsigned flags);
int omp_get_thread_num(void);
int omp_get_num_threads(void);
int omp_get_max_threads(void);
void omp_set_num_threads(int threads);

#endif
