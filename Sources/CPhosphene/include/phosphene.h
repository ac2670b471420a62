/**
 * @file phosphene.h
 * @brief C interface of Phosphene: what a Keras network sees, as arrays.
 *
 * Naming     Every symbol starts with `ph_`, every macro and enumerator with `PH_`.
 * Errors     A function that can fail returns ::ph_status and writes its results through the
 *            pointers that come last. On failure nothing is written through them, unless the
 *            function says so.
 * Handles    A handle is looked up, never followed: one of another kind, one that was destroyed or
 *            any other pointer is refused with ::PH_INVALID_ARGUMENT. Functions that return what
 *            they are asked for return NULL (or 0) then, and ph_last_error_message() says why.
 * Ownership  A handle from a `_create`, `_open` or `_maximize` function belongs to the caller, who
 *            gives it back to the matching `_destroy` function. Handles keep alive what they need,
 *            so they may be destroyed in any order. Pointers in arguments are borrowed for the
 *            call; pointers in results belong to the handle that they were asked of.
 * Arrays     Dense row-major, channels where the Keras model has them. ::ph_array describes one.
 * Strings    UTF-8, NUL-terminated. Rich options and descriptions are JSON documents; their
 *            schemas are in python/docs/recipe.md.
 * Threads    Handles never change after they are made, so any number of threads may use one at
 *            the same time. Destroying a handle while another thread uses it is an error.
 * Cancelling A progress callback that returns non-zero ends the call with ::PH_CANCELLED.
 * Versions   Functions are only added within one ::PH_ABI_VERSION. A struct that may grow starts
 *            with `struct_size`.
 */
#ifndef PHOSPHENE_H
#define PHOSPHENE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Changes when a program built against an older header stops working. */
#define PH_ABI_VERSION 1

/** The largest number of axes of an array. */
#define PH_MAX_RANK 8

/** The result of a call that can fail; new codes may be added. */
typedef int32_t ph_status;
enum {
    PH_OK = 0,
    PH_INVALID_ARGUMENT = 1, /**< A value that the call can't accept. */
    PH_UNSUPPORTED = 2,      /**< The model uses something that the engine doesn't implement. */
    PH_MODEL_FILE = 3,       /**< A file can't be read or written, or isn't what it says it is. */
    PH_CANCELLED = 4,        /**< A callback asked to stop. */
    PH_OUT_OF_MEMORY = 5,    /**< More memory is needed than there is. */
    PH_INTERNAL = 6          /**< A library below the engine failed. */
};

/** The type of an array's elements. */
enum {
    PH_FLOAT32 = 1,
    PH_INT32 = 2,
    PH_BOOL = 3,
    PH_FLOAT16 = 4,
    PH_BFLOAT16 = 5,
    PH_INT8 = 6,
    PH_UINT8 = 7
};

/** A dense row-major array: `rank` lengths at `shape`, as many elements of `dtype` at `data`. */
typedef struct ph_array {
    void *data;
    int32_t dtype;
    int32_t rank;
    const int64_t *shape;
} ph_array;

/* ---- Library ------------------------------------------------------------------------------ */

/** Returns the ::PH_ABI_VERSION that the library was built with. */
uint32_t ph_abi_version(void);

/** Returns the version of the library, such as "0.1.0". */
const char *ph_version(void);

/**
 * Returns why the calling thread's latest failing call failed, in one sentence, or NULL.
 *
 * Read it only after a failure: success doesn't clear it. The library owns the string, which stays
 * valid until the thread's next failing call.
 */
const char *ph_last_error_message(void);

/** Returns a JSON object with `version`, `onednn`, `isa` and `threads` (the CPUs that the process
 * may use), or NULL if the engine can't start; then ph_last_error_message() says why. */
const char *ph_engine_json(void);

/**
 * Sets how many threads later calls compute with; 0 means the CPUs that the process may use.
 *
 * Results are bit-equal for equal thread counts only.
 */
ph_status ph_set_threads(int32_t count);

/** Returns how many threads calls compute with. */
int32_t ph_threads(void);

/* ---- Architectures ------------------------------------------------------------------------ */

/** The structure of a Keras model, without weights. */
typedef struct ph_architecture ph_architecture;

/**
 * Reads a Keras model's configuration.
 *
 * @param config_json `{"class_name": ..., "config": ...}` as `model.to_json()` writes it; bare
 *                    `Infinity` and `NaN` are accepted.
 * @return ::PH_UNSUPPORTED for a layer or setting that the engine doesn't know, named in the
 *         message; ::PH_INVALID_ARGUMENT for a text that is no configuration.
 */
ph_status ph_architecture_create(const char *config_json, ph_architecture **architecture_out);

/** Returns a JSON object with two sorted lists of Keras class names: the `layers` that architectures
 * may hold, and the `operations` of `keras.ops`. */
const char *ph_supported_json(void);

/** Destroys an architecture; NULL is allowed. */
void ph_architecture_destroy(ph_architecture *architecture);

/**
 * Returns the description of an architecture as JSON: name, inputs, outputs, for each layer path,
 * class, shapes, connections and the keys, shapes and trainability of its weights, and the paths and
 * shapes of all outputs of all calls in order of execution (`trace`, `trace_shapes`); of inputs and
 * outputs also the axis that their channels lie along (`channel_axis`, `trace_channel_axes`), of inputs
 * what their numbers lie along (`form`: picture, signal, volume, row); and whether the network has layers
 * for one dimension and none for two (`reads_sequences`).
 */
const char *ph_architecture_json(const ph_architecture *architecture);

/* ---- Models ------------------------------------------------------------------------------- */

/** A model: an architecture with its weights. */
typedef struct ph_model ph_model;

/**
 * Joins an architecture with weights, which are copied.
 *
 * @param keys     For each array the weight's key, as the architecture's description lists it.
 * @param weights  The arrays, of type ::PH_FLOAT32 and in Keras' shapes.
 * @param metadata_json What a model file keeps beside the model (an object of strings), or NULL.
 * @return ::PH_INVALID_ARGUMENT for a missing, unknown or ill-shaped weight, named in the message.
 */
ph_status ph_model_create(
    const ph_architecture *architecture, const char *const *keys, const ph_array *weights,
    size_t count, const char *metadata_json, ph_model **model_out);

/**
 * Joins models into one, which holds the very weights that they do: nothing is copied.
 *
 * @param architecture A network in which each of the models is nested.
 * @param paths        For each model the path of the layer that it is there, such as `"a"`.
 * @param metadata_json As in ph_model_create().
 * @return ::PH_INVALID_ARGUMENT for a weight that no model has or that has another shape there,
 *         which the message names, and for models whose weights differ in precision.
 */
ph_status ph_model_join(
    const ph_architecture *architecture, const char *const *paths, const ph_model *const *models,
    size_t count, const char *metadata_json, ph_model **model_out);

/**
 * Opens a model file (.safetensors, as ph_model_save() writes it).
 *
 * @param map Non-zero maps the file into memory, which must then not be truncated while the model
 *            lives; zero reads it.
 * @return ::PH_MODEL_FILE for a file that is missing, truncated, edited or no model.
 */
ph_status ph_model_open(const char *path, int32_t map, ph_model **model_out);

/**
 * Makes a model of the same weights whose large ones (two axes or more, at least 65,536 elements)
 * are stored in another precision; everything is computed in float32.
 *
 * Destroy the first model to let its weights go. A model file always holds float32.
 *
 * @param precision `"bfloat16"` rounds to the upper halves of the floats, which take half of the
 *                  memory and of the time that dense layers take to read them; `"float32"` keeps
 *                  weights as they came.
 * @return ::PH_INVALID_ARGUMENT for another precision, or for weights that were rounded already.
 */
ph_status ph_model_with_precision(
    const ph_model *model, const char *precision, ph_model **model_out);

/** Writes a model file: beside the final place first, then renamed, so that it is never half
 * there. */
ph_status ph_model_save(const ph_model *model, const char *path);

/** Destroys a model; NULL is allowed. */
void ph_model_destroy(ph_model *model);

/** Returns the description of the model's architecture; see ph_architecture_json(). */
const char *ph_model_json(const ph_model *model);

/** Returns the Keras configuration that the model was made from. */
const char *ph_model_config_json(const ph_model *model);

/** Returns the metadata that the model was made with, as a JSON object of strings. */
const char *ph_model_metadata_json(const ph_model *model);

/**
 * Returns the SHA-256 of weights and configuration, in hexadecimal; of the weights as they came,
 * whatever precision they are stored in.
 */
const char *ph_model_digest(const ph_model *model);

/**
 * Describes one weight, of type ::PH_FLOAT32 or, in a model of that precision, ::PH_BFLOAT16; its
 * `data` and `shape` belong to the model and may only be read.
 */
ph_status ph_model_weight(const ph_model *model, const char *key, ph_array *weight_out);

/* ---- Plans: values and gradients ----------------------------------------------------------- */

/** A computation, prepared for inputs of given shapes. */
typedef struct ph_plan ph_plan;

/**
 * Prepares a computation.
 *
 * @param request_json `{"outputs": [...]}` with the paths of layers (`"conv1"`, `"inner/conv#1"`,
 *                     `"lstm:1"`) computes their outputs, in that order; without it, the model's
 *                     outputs. `{"gradient": {"objective": ..., "at": path or null}}` computes the
 *                     objective of each sample, then its gradient with respect to each input (or
 *                     to the output of the layer `at`). `"inputs": [paths]` feeds the outputs of
 *                     layers instead of the model's inputs. `"exact": true` computes every
 *                     convolution directly, which takes longer and keeps a digit more.
 * @param input_types  Shapes of the inputs with their batch axis, and the types in which they will be
 *                     handed over: float32, or int32, uint8 and bool, which are read as numbers;
 *                     `data` isn't read.
 */
ph_status ph_plan_create(
    const ph_model *model, const char *request_json, const ph_array *input_types,
    size_t input_count, ph_plan **plan_out);

/** Destroys a plan; NULL is allowed. */
void ph_plan_destroy(ph_plan *plan);

/** Returns the number of a plan's outputs. */
size_t ph_plan_output_count(const ph_plan *plan);

/** Describes an output: its `shape` belongs to the plan, its `data` is NULL. */
ph_status ph_plan_output_type(const ph_plan *plan, size_t index, ph_array *type_out);

/**
 * Returns what a plan consists of as JSON: nodes, kernels, bytes of memory.
 *
 * `shared_outputs` lists pairs of an output and an earlier one that it equals but for the shape, as
 * behind a Flatten or a Dropout.
 */
const char *ph_plan_json(const ph_plan *plan);

/**
 * Computes.
 *
 * @param inputs  Arrays of the types that the plan was made for.
 * @param outputs Arrays of the output types, written to; they may not overlap anything, but the two of
 *                a pair in `shared_outputs` may be the same memory, which saves a copy.
 */
ph_status ph_plan_run(
    const ph_plan *plan, const ph_array *inputs, size_t input_count, const ph_array *outputs,
    size_t output_count);

/* ---- Maximization ------------------------------------------------------------------------- */

/** How far a maximization is. */
typedef struct ph_progress {
    size_t struct_size;
    int32_t step;  /**< Steps done. */
    int32_t steps; /**< Steps in all. */
    double score;  /**< The objective of the latest step, mean over the pictures. */
    void *pictures; /**< For ph_progress_picture() alone. */
} ph_progress;

/** Called on the calling thread after each step; a non-zero result stops. */
typedef int32_t (*ph_progress_fn)(void *user_data, const ph_progress *progress);

/** Inputs that maximize an objective, and how they came about. */
typedef struct ph_picture ph_picture;

/**
 * Finds the inputs that maximize an objective.
 *
 * @param recipe_json Objectives, parametrization, transforms, regularizers, optimizer, seed.
 * @param start       The picture to start from, (batch, height, width, channels) in the range of
 *                    the network's input, or NULL.
 * @param progress    May be NULL.
 * @param picture_out Receives the picture; with ::PH_CANCELLED the best so far (NULL if the first
 *                    step wasn't done).
 */
ph_status ph_maximize(
    const ph_model *model, const char *recipe_json, const ph_array *start,
    ph_progress_fn progress, void *user_data, ph_picture **picture_out);

/**
 * Returns the pictures as they stand, seen without transforms, to whom a progress callback calls.
 *
 * It costs one look of the network at them, and may be asked on the calling thread while the callback
 * runs; the picture may be kept.
 *
 * @param progress    What the callback received.
 * @param picture_out Receives a picture of its own.
 */
ph_status ph_progress_picture(const ph_progress *progress, ph_picture **picture_out);

/** Destroys a picture; NULL is allowed. */
void ph_picture_destroy(ph_picture *picture);

/** Returns scores, steps (after how many each picture was found), history, diagnoses (for each picture
 * what was wrong with its gradient, or null), frames (steps done and scores of each; as many as the
 * recipe asks for) and the full recipe (every default written out) as JSON. */
const char *ph_picture_json(const ph_picture *picture);

/** Describes the network's input that was found: float32 with batch axis, owned by `picture`. */
ph_status ph_picture_input(const ph_picture *picture, ph_array *input_out);

/** Describes the pictures to look at: uint8 (batch, height, width, channels), owned by `picture`. */
ph_status ph_picture_image(const ph_picture *picture, ph_array *image_out);

/**
 * Describes how much each pixel mattered, summed up over all steps: float32 (batch, height, width, 1),
 * the mean over channels of the gradient's absolute value, owned by `picture`. PH_INVALID_ARGUMENT unless
 * the recipe had "transparency": true.
 */
ph_status ph_picture_attention(const ph_picture *picture, ph_array *attention_out);

/**
 * Describes how opaque each pixel is: float32 (batch, height, width, 1) from 0 to 1, owned by `picture`.
 * ph_picture_image() shows the recipe's background through what is transparent. PH_INVALID_ARGUMENT unless
 * the recipe had "transparency": "optimized".
 */
ph_status ph_picture_alpha(const ph_picture *picture, ph_array *alpha_out);

/**
 * Describes the pictures at one moment of the way there, as ph_picture_image() does.
 *
 * @param index From 0; `frames` in ph_picture_json() says which there are, and their scores.
 */
ph_status ph_picture_frame(const ph_picture *picture, int32_t index, ph_array *image_out);

#ifdef __cplusplus
}
#endif

#endif
