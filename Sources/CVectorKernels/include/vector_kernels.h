/*
 * The kernels that are compiled once for each level of the instruction set.
 *
 * Sources/VectorKernels implements these functions; each level becomes a small library of its own,
 * of which the engine opens the best one that the processor can run. Nothing here is public.
 */
#ifndef VECTOR_KERNELS_H
#define VECTOR_KERNELS_H

#include <stdint.h>

/** What becomes of sums before they are written. */
typedef struct ph_epilogue {
    const float *bias;   /**< (filters), or NULL. */
    const float *addend; /**< Added, of the output's shape, or NULL. */
    /**
     * Of the output's shape, or NULL: where it isn't between `low` and `high`, zero is written.
     * Without it, what is written is clamped to that range. NaN stays NaN.
     */
    const float *gate;
    float low, high;
} ph_epilogue;

/** One call of the three steps of a Winograd convolution F(4x4, 3x3) on a run of tiles. */
typedef struct ph_winograd {
    const float *input; /**< (images, height, width, channels). */
    float *output;      /**< (images, output_height, output_width, filters). */
    ph_epilogue epilogue;
    int64_t height, width, channels;
    int64_t output_height, output_width, filters;
    int64_t pad_top, pad_left;
    int64_t tile_rows, tile_columns; /**< Tiles of one image. */
} ph_winograd;

/** Returns how many filters one block of packed weights has. */
int64_t ph_winograd_filter_block(void);

/**
 * Transforms the input's tiles `first` to `first + count - 1`.
 *
 * @param transformed (36, stride, channels); rows 0 to `count` rounded up to a multiple of 6 are
 *                    written, those without a tile with zeros.
 */
void ph_winograd_input(
    const ph_winograd *problem, int64_t first, int64_t count, float *transformed, int64_t stride);

/**
 * Multiplies transformed tiles with one block of filters.
 *
 * @param weights      The block of the first of 36 matrices (channels, filter block).
 * @param weights_step The distance between the matrices.
 * @param transformed  As ph_winograd_input() wrote it.
 * @param rows         How many tiles, a multiple of 6.
 * @param products     (36, rows, filter block).
 */
void ph_winograd_multiply(
    int64_t channels, const float *weights, int64_t weights_step, const float *transformed,
    int64_t stride, int64_t rows, float *products);

/**
 * Transforms products back and writes the outputs of tiles `first` to `first + count - 1`.
 *
 * @param filter The first filter of the block.
 */
void ph_winograd_output(
    const ph_winograd *problem, int64_t first, int64_t count, int64_t filter,
    const float *products, int64_t rows);

/** Returns how many columns a matrix of `count` columns has when it is packed. */
int64_t ph_panel_columns(int64_t count);

/**
 * Packs a matrix (depth, count) in blocks of columns, filled up with zeros.
 *
 * @param dense   Its elements, `depth_step` and `column_step` apart.
 * @param packed  `depth` times ph_panel_columns() floats.
 */
void ph_panel_pack(
    int64_t depth, int64_t count, const float *dense, int64_t depth_step, int64_t column_step,
    float *packed);

/** The input gradient of a convolution with few channels. */
typedef struct ph_fold {
    int64_t images, height, width, channels;
    int64_t output_height, output_width, filters;
    int64_t window_height, window_width, stride_y, stride_x;
    int64_t pad_top, pad_left;
} ph_fold;

/** Returns how many floats ph_fold_rows() works with for so many rows of the image. */
int64_t ph_fold_scratch(const ph_fold *problem, int64_t rows);

/**
 * Computes the rows `first` to `end - 1` of image number `number`.
 *
 * @param windows The cotangent, (images, output_height, output_width, filters): at least twelve
 *                windows.
 * @param weights The transpose of (window elements, filters), as ph_panel_pack() wrote it.
 * @param images  (images, height, width, channels).
 */
void ph_fold_rows(
    const ph_fold *problem, const float *windows, const float *weights, float *images,
    int64_t number, int64_t first, int64_t end, float *scratch);

/** A matrix of a dense layer and the samples that it meets. */
typedef struct ph_dense {
    const void *matrix; /**< (rows, columns), row-major. */
    int64_t columns;
    int32_t is_half;    /**< Whether elements are the upper halves of floats (bfloat16). */
    int64_t samples;
    const float *x;     /**< One row for each sample, `x_step` apart. */
    int64_t x_step;
} ph_dense;

/**
 * Adds rows of the matrix, each times the sample's factor for it, to one row for each sample:
 * `sums[s, j] += sum over listed rows r of x[s, r] * matrix[r, first + j]`.
 *
 * @param rows  The rows that are read, `count` of them.
 * @param first The first of `width` columns.
 * @param sums  (samples, width).
 */
void ph_dense_combine(
    const ph_dense *problem, const int32_t *rows, int64_t count, int64_t first, int64_t width,
    float *sums);

/**
 * Writes the products of rows of the matrix with all samples: for each listed row `r`,
 * `y[s * step + r] = sum over j of x[s, j] * matrix[r, j]`.
 */
void ph_dense_dot(
    const ph_dense *problem, const int32_t *rows, int64_t count, float *y, int64_t step);

/** A factor and a summand for each channel, an array that is added, and a range, in one passage. */
typedef struct ph_rescaling {
    int64_t period;      /**< After how many elements factors and summands begin anew. */
    const float *scale;  /**< (period), or NULL for ones. */
    const float *offset; /**< (period), NULL where `scale` is. */
    const float *x;
    const float *addend; /**< As many elements as `x`, or NULL. */
    float low, high;
    float *result;       /**< `x * scale + offset`, or `x + addend`; or NULL. */
    float *clamped;      /**< The result limited to the range, NaN left as it is; or NULL. */
    int32_t is_streaming; /**< Whether `result` isn't read soon: it bypasses the caches. */
} ph_rescaling;

/** Computes the elements `first`, a multiple of the period, to `end - 1`. */
void ph_rescale(const ph_rescaling *problem, int64_t first, int64_t end);

/** Sixteen floats, as Swift has them. */
typedef float ph_lanes __attribute__((ext_vector_type(16)));

/** Writes to a place aligned to 64 bytes, past the caches. */
static inline void ph_stream(float *target, ph_lanes lanes) {
    __builtin_nontemporal_store(lanes, (ph_lanes *)target);
}

/** Makes what was written past the caches visible to other threads. */
static inline void ph_end_stream(void) {
#if defined(__x86_64__)
    __asm__ volatile("sfence" ::: "memory");
#endif
}

/** Returns the path of the library that this code is linked into, which doesn't export it. */
__attribute__((visibility("hidden"))) const char *ph_library_path(void);

#endif
