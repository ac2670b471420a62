/*
 * Looks into a network: what its layers make of an array, and what one of its channels likes best.
 *
 *     look MODEL.safetensors ARRAY.f32 LAYER CHANNEL PICTURE.ppm
 *
 * The array is one input of the network, as raw float32 numbers. Prints shape, least and greatest
 * value of every layer's output, then writes the picture that excites a channel of a layer most.
 */
#include <phosphene.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void stop(const char *what, const char *why) {
    fprintf(stderr, "look: %s: %s\n", what, why);
    exit(EXIT_FAILURE);
}

static void check(ph_status status, const char *what) {
    if (status != PH_OK) stop(what, ph_last_error_message());
}

static void *allocate(size_t size) {
    void *memory = malloc(size);
    if (memory == NULL) stop("memory", "there is too little");
    return memory;
}

/* Returns where the list that belongs to a key starts. The library describes models in JSON; a
 * program would read it with its JSON library, here two keys are enough. */
static const char *list_in(const char *json, const char *key) {
    while ((json = strstr(json, key)) != NULL) {
        json += strlen(key);
        const char *value = json + strspn(json, " :\n");
        if (value > json && *value == '[') return value;
    }
    stop("the model's description lacks", key);
    return NULL;
}

/* Returns the end of the JSON string that starts with the quote at `text`. */
static const char *end_of_string(const char *text) {
    for (text++; *text != '"'; text++) text += *text == '\\';
    return text + 1;
}

/* Reads `[null, 28, 28, 1]`, the shape of the first input, as a batch of one. */
static int32_t read_shape(const char *json, int64_t *shape) {
    const char *text = list_in(list_in(json, "\"inputs\""), "\"shape\"");
    int32_t rank = 0;
    while (*text != ']' && rank < PH_MAX_RANK) {
        text += 1 + strspn(text + 1, " \n");
        shape[rank++] = *text == 'n' ? 1 : strtoll(text, NULL, 10);
        text += strcspn(text, ",]");
    }
    return rank;
}

static size_t element_count(const ph_array *array) {
    size_t count = 1;
    for (int32_t axis = 0; axis < array->rank; axis++) count *= (size_t)array->shape[axis];
    return count;
}

static void read_array(const char *path, ph_array *array) {
    size_t count = element_count(array);
    array->data = allocate(count * sizeof(float));
    FILE *file = fopen(path, "rb");
    if (file == NULL) stop(path, "can't be opened");
    if (fread(array->data, sizeof(float), count, file) != count || fgetc(file) != EOF) {
        fprintf(stderr, "look: %s must hold exactly %zu float32 numbers\n", path, count);
        exit(EXIT_FAILURE);
    }
    fclose(file);
}

static void trace(const ph_model *model, const char *path) {
    int64_t shape[PH_MAX_RANK];
    ph_array input = {.dtype = PH_FLOAT32, .shape = shape};
    input.rank = read_shape(ph_model_json(model), shape);
    read_array(path, &input);

    /* The list of everything that can be traced is also the request to compute it, in one run. */
    const char *paths = list_in(ph_model_json(model), "\"trace\""), *end = paths;
    while (*end != ']') end = *end == '"' ? end_of_string(end) : end + 1;
    int length = (int)(end + 1 - paths);
    char *request = allocate((size_t)length + 16);
    sprintf(request, "{\"outputs\": %.*s}", length, paths);
    ph_plan *plan;
    check(ph_plan_create(model, request, &input, 1, &plan), "ph_plan_create");
    size_t count = ph_plan_output_count(plan);
    ph_array *outputs = allocate((count + 1) * sizeof *outputs);
    for (size_t i = 0; i < count; i++) {
        check(ph_plan_output_type(plan, i, &outputs[i]), "ph_plan_output_type");
        outputs[i].data = allocate((element_count(&outputs[i]) + 1) * sizeof(float));
    }
    check(ph_plan_run(plan, &input, 1, outputs, count), "ph_plan_run");

    const char *name = paths;
    for (size_t i = 0; i < count; i++) {
        name = strchr(name, '"');
        const char *name_end = end_of_string(name);
        printf("%.*s (", (int)(name_end - name - 2), name + 1);
        for (int32_t axis = 0; axis < outputs[i].rank; axis++)
            printf("%s%lld", axis > 0 ? ", " : "", (long long)outputs[i].shape[axis]);
        const float *values = outputs[i].data;
        float least = values[0], greatest = values[0];
        for (size_t j = 0; j < element_count(&outputs[i]); j++) {
            if (values[j] < least) least = values[j];
            if (values[j] > greatest) greatest = values[j];
        }
        printf(") from %.9g to %.9g\n", least, greatest);
        free(outputs[i].data);
        name = name_end;
    }
    free(outputs);
    free(request);
    free(input.data);
    ph_plan_destroy(plan);
}

/* Called after each step, on this thread; a result other than 0 would end the search. */
static int32_t report(void *user_data, const ph_progress *progress) {
    (void)user_data;
    if (progress->step % 32 == 0)
        fprintf(stderr, "step %d of %d: %g\n", (int)progress->step, (int)progress->steps,
                progress->score);
    return 0;
}

static void maximize(const ph_model *model, const char *layer, int channel, const char *path) {
    const char *form =
        "{\"steps\": 128, \"seed\": 0, \"objectives\": [{\"terms\": [{\"weight\": 1, "
        "\"kind\": \"channel\", \"layer\": \"%s\", \"index\": %d}]}]}";
    char *recipe = allocate(strlen(form) + strlen(layer) + 16);
    sprintf(recipe, form, layer, channel);
    ph_picture *picture;
    check(ph_maximize(model, recipe, NULL, report, NULL, &picture), "ph_maximize");

    ph_array image; /* (picture, row, column, 1 grey or 3 colours), uint8 */
    check(ph_picture_image(picture, &image), "ph_picture_image");
    FILE *file = fopen(path, "wb");
    if (file == NULL) stop(path, "can't be written");
    const unsigned char *pixels = image.data;
    int64_t height = image.shape[1], width = image.shape[2], channels = image.shape[3];
    fprintf(file, "P6\n%lld %lld\n255\n", (long long)width, (long long)height);
    for (int64_t pixel = 0; pixel < height * width; pixel++)
        for (int colour = 0; colour < 3; colour++)
            fputc(pixels[pixel * channels + (channels == 3 ? colour : 0)], file);
    if (fclose(file) != 0) stop(path, "can't be written");
    ph_picture_destroy(picture);
    free(recipe);
}

int main(int argc, char **argv) {
    if (argc != 6) {
        fprintf(stderr, "usage: look MODEL.safetensors ARRAY.f32 LAYER CHANNEL PICTURE.ppm\n");
        return EXIT_FAILURE;
    }
    if (ph_abi_version() != PH_ABI_VERSION) stop("libphosphene", "isn't of this header's version");
    ph_model *model;
    check(ph_model_open(argv[1], 1, &model), "ph_model_open");
    trace(model, argv[2]);
    maximize(model, argv[3], atoi(argv[4]), argv[5]);
    ph_model_destroy(model);
    return EXIT_SUCCESS;
}
