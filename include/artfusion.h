/** @file
 * SPDX-License-Identifier: MIT
 *
 * artfusion.h - arbitrary style transfer by dual-conditional latent diffusion
 *
 * After D.-Y. Chen, "ArtFusion: Controllable Arbitrary Style Transfer using
 * Dual Conditional Latent Diffusion Models", arXiv 2306.09330.
 *
 * A content picture gives the shapes, a style picture the colours, texture and
 * strokes. Two independent guidance scales say how much of each is wanted.
 *
 * -- The whole library in one call ------------------------------------------
 *
 *     if (artfusion_stylize_file("mini.artfusion", "photo.jpg", "painting.jpg",
 *                                "out.png") != ARTFUSION_OK)
 *         fprintf(stderr, "%s\n", artfusion_error_message());
 *
 * -- The same in its steps --------------------------------------------------
 *
 *     artfusion_context *context;
 *     artfusion_model   *model;
 *     artfusion_image   *photo, *painting, *result;
 *     artfusion_style   *style;
 *     artfusion_sampler *sampler;
 *     artfusion_sampler_options options;
 *
 *     artfusion_context_create(NULL, &context);
 *     artfusion_model_open_file(context, "mini.artfusion", &model);
 *     artfusion_image_load_file("photo.jpg", NULL, &photo);
 *     artfusion_image_load_file("painting.jpg", NULL, &painting);
 *     artfusion_style_from_image(model, painting, &style);
 *
 *     artfusion_sampler_options_init(&options, sizeof options, model);
 *     artfusion_sampler_options_set_size(&options, model, photo, 0);
 *     artfusion_sampler_create(model, &options, &sampler);
 *     artfusion_sampler_set_content(sampler, ARTFUSION_ALL, photo);
 *     artfusion_sampler_set_style(sampler, ARTFUSION_ALL, style);
 *     artfusion_sampler_run(sampler);
 *     artfusion_sampler_image(sampler, 0, &result);
 *     artfusion_image_save_file(result, "out.png", NULL);
 *
 * A real program also checks every return value, and destroys the handles when
 * it is done, in any order. The one call and these steps write the same file,
 * byte for byte.
 *
 * -- Contents ---------------------------------------------------------------
 *
 *     1 Errors    2 One call    3 Context    4 Images
 *     5 Model     6 Style       7 Sampler    8 Advanced
 *
 * For the one call, read sections 1 and 2. For the steps, look up the functions
 * above in sections 3 to 7; the rest of these is for options, batches, previews,
 * blended styles and saved runs. Section 8 is for research.
 *
 * -- Conventions ------------------------------------------------------------
 *
 * Status     Calls that can fail return an artfusion_status. 0 is success,
 *            negative is an error, positive is success with something to
 *            report (only ARTFUSION_DONE so far). After an error
 *            artfusion_error_message() has a sentence about it.
 * Results    are returned through out-parameters, which come last, together
 *            with the size or count that describes them. What they receive
 *            belongs to the caller unless it is said to be borrowed. After a
 *            failure an out-parameter for a handle or a buffer holds NULL.
 * Handles    are opaque. Destroying NULL does nothing. A handle keeps alive
 *            what it was made from, so handles may be destroyed in any order.
 * Pointers   returned by accessors are borrowed: they are valid for as long as
 *            the handle that they came from exists, unless said otherwise.
 * Strings    are UTF-8, paths included. Static ones stay valid while the
 *            library is loaded.
 * Options    are structs that begin with their size. `..._init` fills in the
 *            size and every default; NULL options mean all defaults. A value
 *            at the start of a field's comment is its default. A caller
 *            compiled against an older header passes a smaller struct; the
 *            fields that it lacks then have their defaults. A larger struct is
 *            accepted if all bytes unknown to this library are zero; otherwise
 *            the call fails with UNSUPPORTED, even if its list of errors does
 *            not repeat that.
 * Names      of constants are shortened in comments: UNSUPPORTED is
 *            ARTFUSION_ERROR_UNSUPPORTED.
 * Tensors    are dense float32 in N,C,H,W order, in CPU memory even if the
 *            model is on a GPU.
 * Threads    Any number of threads may use a context and a model at once.
 *            One thread at a time may use an image, a style, a sampler or a
 *            random number generator; styles and images that nobody changes
 *            may be read by many. Error messages are per thread.
 * Callbacks  run on the thread whose call invoked them. They may use any
 *            function except those that change the handle which that call
 *            works on. Unless said otherwise, a nonzero return ends the call
 *            with CANCELLED. No exception or longjmp may leave them.
 * Process    The library never aborts, exits, prints, or changes the locale,
 *            signal handlers or floating-point environment. It computes in
 *            the default floating-point environment, whatever the program has
 *            set; callbacks run in the program's own.
 *            The engine is the code that computes a model's networks; a
 *            network is a neural network throughout, and a network call is one
 *            call of the engine. An engine belongs to one process. After fork()
 *            in a process that has opened a model, calls in the child that use
 *            the engine fail with ENGINE. All others work, and handles that no
 *            other thread was using at the time of fork() may be destroyed.
 *            exit() waits for network calls and model loads in progress on
 *            other threads, for up to a minute and only while they make
 *            progress; those begun later fail with ENGINE.
 *            Isolated models (artfusion_isolation) differ in both respects: a
 *            forked child may open isolated models of its own, whatever the
 *            program had opened (the parent's isolated models fail there with
 *            ENGINE), and exit() does not wait for the calls of isolated models.
 *            The library may be unloaded once its handles are destroyed; its
 *            engine stays loaded.
 *
 * Everything here has existed since 1.0 unless said otherwise.
 */
#ifndef ARTFUSION_H
#define ARTFUSION_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Marks a public declaration as visible. A program that links the static library must define
 * ARTFUSION_STATIC; no other program needs to define anything. */
#if defined(ARTFUSION_STATIC)
#define ARTFUSION_API
#elif defined(_WIN32)
#ifdef ARTFUSION_BUILD
#define ARTFUSION_API __declspec(dllexport)
#else
#define ARTFUSION_API __declspec(dllimport)
#endif
#else
#define ARTFUSION_API __attribute__((visibility("default")))
#endif

/** The major release number of this header; it changes when compatibility is broken. */
#define ARTFUSION_VERSION_MAJOR 1
/** The minor release number; it changes when something is added. */
#define ARTFUSION_VERSION_MINOR 1
/** The patch release number; it changes in all other releases. */
#define ARTFUSION_VERSION_PATCH 0
/** The header's release as one number, in the form of artfusion_version(). */
#define ARTFUSION_VERSION \
    (ARTFUSION_VERSION_MAJOR * 1000000u + ARTFUSION_VERSION_MINOR * 1000u + ARTFUSION_VERSION_PATCH)

/** The release of the running library, as major * 1000000 + minor * 1000 + patch. Never
 * fails. */
ARTFUSION_API uint32_t artfusion_version(void);

/** The same as text, "1.1.0". Static. */
ARTFUSION_API const char *artfusion_version_string(void);

/* ======================================================================
 * 1. Errors
 * ====================================================================== */

/** How a call ended: 0 is success, a negative number an error, a positive one success
 * with something to report. */
typedef int32_t artfusion_status;
enum {
    ARTFUSION_OK = 0,
    ARTFUSION_DONE = 1,               /**< artfusion_sampler_next: no step is left */
    ARTFUSION_ERROR_ARGUMENT = -1,    /**< NULL, NaN, out of range, unknown constant */
    ARTFUSION_ERROR_MEMORY = -2,      /**< an allocation failed */
    ARTFUSION_ERROR_IO = -3,          /**< a file could not be opened, read or written */
    ARTFUSION_ERROR_FORMAT = -4,      /**< the bytes are not what they should be */
    ARTFUSION_ERROR_UNSUPPORTED = -5, /**< valid, but beyond this build or machine */
    ARTFUSION_ERROR_LIMIT = -6,       /**< beyond a limit: one of the options' or a fixed one */
    ARTFUSION_ERROR_STATE = -7,       /**< a call out of order */
    ARTFUSION_ERROR_CANCELLED = -8,   /**< artfusion_sampler_cancel or a callback ended the call */
    ARTFUSION_ERROR_ENGINE = -9,      /**< the engine is missing or failed */
    ARTFUSION_ERROR_MISMATCH = -10,   /**< a style code of another model, whose weights or width
                                       * differ, or a saved run with other options or weights */
    ARTFUSION_ERROR_NUMERIC = -11,    /**< a value is NaN or infinity */
    ARTFUSION_ERROR_CHECKSUM = -12    /**< the bytes were damaged, or changed after they had been
                                       * checked */
};

/** What went wrong in the calling thread's last call that failed: a sentence
 * that names the value and what would be right. It may quote a path or a file's text:
 * escape its control characters before you send it to a terminal or a log. Never NULL;
 * empty if nothing has failed yet. Valid until the thread's next failing call. */
ARTFUSION_API const char *artfusion_error_message(void);

/** The name of a status, such as "ARTFUSION_ERROR_IO"; "unknown status" for
 * any other value. Static. */
ARTFUSION_API const char *artfusion_status_name(artfusion_status status);

/** Whether the running library fits a program that was compiled with the
 * header of release `header_version`: pass ARTFUSION_VERSION. It fits if its major
 * release is the same and its minor release is not older. Programs that load the library
 * at run time should call this first.
 * Errors: UNSUPPORTED, with both releases in the message. */
ARTFUSION_API artfusion_status artfusion_check_version(uint32_t header_version);

/* ======================================================================
 * 2. One call
 * ====================================================================== */

/** Opens the model, stylises the content file with the style file, and writes a PNG,
 * JPEG or WebP, chosen by the output's suffix. The result keeps the content's
 * proportions; its longer side is the model's native longer side. Everything else is the
 * model's default. The output is written to a temporary file in the same folder, then
 * renamed, so that a failure leaves what was there. Since 1.1 a NULL `model_path` means the
 * default model (artfusion_default_model_path). Errors: any. */
ARTFUSION_API artfusion_status artfusion_stylize_file(const char *model_path,
                                                      const char *content_path,
                                                      const char *style_path,
                                                      const char *output_path);

/* ======================================================================
 * 3. Context: device, threads, log
 * ====================================================================== */

/** Holds the device, the threads and the log of the models opened with it. Any number of
 * threads may use it at once. */
typedef struct artfusion_context artfusion_context;

/** Where networks run. */
typedef int32_t artfusion_device;
enum {
    ARTFUSION_DEVICE_AUTO = 0, /**< the CPU, unless the engine finds a CUDA GPU */
    ARTFUSION_DEVICE_CPU = 1,
    ARTFUSION_DEVICE_CUDA = 2
};

/** The type that networks compute in. Since 1.1. */
typedef int32_t artfusion_precision;
enum {
    ARTFUSION_PRECISION_AUTO = 0,     /**< BFLOAT16 if the device has instructions for it (CPUs with
                                       * AVX-512 BF16 or AMX, GPUs of compute capability 8.0 or
                                       * more), else FLOAT32 */
    ARTFUSION_PRECISION_FLOAT32 = 1,  /**< parity with the published code is measured in it */
    ARTFUSION_PRECISION_BFLOAT16 = 2, /**< for weights and layers; sums are float32. Slower than
                                       * FLOAT32 on a device without instructions for it */
    ARTFUSION_PRECISION_FLOAT16 = 3   /**< the same in float16, for GPUs; slow on CPUs */
};

/** In which process the engine computes a model file's networks. Since 1.1. */
typedef int32_t artfusion_isolation;
enum {
    /** In the program's own process. Whatever ends the engine also ends the program: a crash, or
     * the system when memory runs out. A bug in the engine can reach everything that the program
     * can. */
    ARTFUSION_ISOLATION_NONE = 0,
    /** In a process of its own for each model, which the library starts and ends. The process runs
     * artfusion-engine-host. The environment variable ARTFUSION_ENGINE_HOST may give its path; else
     * it is looked for beside the library and in the folder `artfusion` there.
     *
     * That process may end by a signal, by exit, or because a call took longer than
     * `isolation_timeout`. The calls in progress in it then fail with ENGINE, and the message names
     * what ended it. The program, its other models and all handles live on. The model's next call
     * starts another process. A sampler's next call repeats the step that failed, and the result is
     * the same, byte for byte, as that of an undisturbed run. Cancelling a sampler also ends its
     * network call in progress.
     *
     * Before it gets the model file, the process gives up all access that it does not need: to
     * files, sockets, other programs and other processes. seccomp and Landlock enforce this. If the
     * kernel lacks either of them, `log` gets a message, and the process runs without that one.
     * With a GPU the process keeps what the driver needs, including the right to read files, so
     * the protection is weaker than on the CPU. The system enforces a memory_limit on the
     * process, except with a GPU. docs/security.md has the details.
     *
     * Each buffer is copied twice per call. A model that was not opened from a file keeps a copy of
     * its bytes. Linux only: on other systems opening a model fails with UNSUPPORTED. */
    ARTFUSION_ISOLATION_PROCESS = 1,
    /** NONE for the model files that came with the library and those that `trusted` names, PROCESS
     * for all others; artfusion_model_info.isolation says which it became. A file is recognised by
     * the SHA-256 of all its bytes. The digest in its manifest (weights_sha256) would not do,
     * because in format 1 it leaves out the manifest. A trusted file is kept in memory while it is
     * opened, so that the bytes that run are the bytes that were checked. */
    ARTFUSION_ISOLATION_AUTO = 2
};

/** How serious a message is; smaller numbers are more serious. */
typedef int32_t artfusion_log_level;
enum {
    ARTFUSION_LOG_NONE = 0,
    ARTFUSION_LOG_WARNING = 1,
    ARTFUSION_LOG_INFO = 2,
    ARTFUSION_LOG_DEBUG = 3
};

/** Receives a log message. `message` has no newline at its end and is valid during the call only.
 * May be called on any thread that uses the context, and on several at once. */
typedef void (*artfusion_log_callback)(void *user_data, artfusion_log_level level,
                                       const char *message);

/** Options for artfusion_context_create(). */
typedef struct artfusion_context_options {
    uint32_t struct_size;          /**< sizeof the struct, in bytes */
    artfusion_device device;       /**< AUTO */
    int32_t device_index;          /**< 0: which GPU, counted from 0; must be 0 for the CPU */
    int32_t threads;               /**< 0: the number of threads the engine is already set to use
                                    * in this process, or libtorch's choice in an isolated one;
                                    * else 1..1024, set during a call and restored after it */
    const char *engine_path;       /**< NULL: the environment variable ARTFUSION_ENGINE, then an
                                    * engine linked into the program, then beside the library or
                                    * in the folder `artfusion` there, then the loader's search
                                    * path. Copied. */
    artfusion_log_callback log;    /**< NULL: silent */
    void *log_user_data;           /**< passed to `log` */
    artfusion_log_level log_level; /**< WARNING: messages of this level and more serious ones */
    artfusion_precision precision; /**< AUTO. Since 1.1; before, it was reserved and 0 */
    uint64_t memory_limit;         /**< 0: none; else how many bytes a run may take besides the
                                    * model (artfusion_sampler_memory_needed). A batch that would
                                    * take more is computed in smaller parts; if even one picture
                                    * does not fit, artfusion_sampler_create fails with LIMIT. With
                                    * glibc this also makes the whole process return large freed
                                    * blocks to the system at once (mallopt). Since 1.1 */
    artfusion_isolation isolation; /**< NONE: as in 1.0, without a second program to install, start
                                    * and copy to. AUTO is not the default, because a program
                                    * written for 1.0, with a model of its own, would get a second
                                    * process without asking for one. A program that opens untrusted
                                    * model files should choose AUTO or PROCESS. Since 1.1 */
    int32_t isolation_timeout;     /**< 0: none; else how many milliseconds a network call, or
                                    * opening the model, may take under PROCESS. There is no default
                                    * limit, because the time depends on the model, the size and the
                                    * machine. Ignored under NONE. Since 1.1 */
    const char *trusted;           /**< NULL: none; else the SHA-256 digests of further model files
                                    * that AUTO trusts, 64 hexadecimal digits each, as sha256sum
                                    * prints them, separated by spaces, line ends or commas.
                                    * Copied. Ignored except under AUTO. Since 1.1 */
} artfusion_context_options;

/** Fills the first `struct_size` bytes with the defaults; pass
 * sizeof(artfusion_context_options). Errors: ARGUMENT. */
ARTFUSION_API artfusion_status artfusion_context_options_init(artfusion_context_options *options,
                                                              size_t struct_size);

/** Creates a context. It loads no engine yet: the first model does.
 * Errors: ARGUMENT, MEMORY. */
ARTFUSION_API artfusion_status artfusion_context_create(const artfusion_context_options *options,
                                                        artfusion_context **context);

/** Releases a context; models opened with it keep it alive. NULL does nothing. */
ARTFUSION_API void artfusion_context_destroy(artfusion_context *context);

/* ======================================================================
 * 4. Images: 8-bit RGB, rows top to bottom
 * ====================================================================== */

/** A picture of 8-bit RGB. One thread at a time may change it; any number may read it. */
typedef struct artfusion_image artfusion_image;

/** How pictures are resampled. When scaling down, each kernel is widened (antialiasing). */
typedef int32_t artfusion_filter;
enum {
    ARTFUSION_FILTER_BICUBIC = 0, /**< a = -0.5; what the models were trained with */
    ARTFUSION_FILTER_BOX = 1,
    ARTFUSION_FILTER_BILINEAR = 2,
    ARTFUSION_FILTER_LANCZOS = 3 /**< with three lobes */
};

/** The format that a picture is written in. */
typedef int32_t artfusion_file_format;
enum {
    ARTFUSION_FORMAT_AUTO = 0, /**< by the path's suffix: .png, .jpg, .jpeg, .webp */
    ARTFUSION_FORMAT_PNG = 1,
    ARTFUSION_FORMAT_JPEG = 2,
    ARTFUSION_FORMAT_WEBP = 3 /**< since 1.1 */
};

/** How a file's numbers become colours. Since 1.1. */
typedef int32_t artfusion_reading;
enum {
    /** As a person sees the picture in a browser: colours are converted to sRGB by their profile
     * (or by a PNG's cICP, or its gAMA and cHRM), transparent pixels show the background, and the
     * orientation in EXIF or XMP turns the picture upright. */
    ARTFUSION_READING_VIEWED = 0,
    /** As release 1.0 and the published code read it, with the rules of Pillow's convert("RGB"):
     * profiles and gamma are ignored, alpha is dropped whatever the background is, and only a
     * JPEG's EXIF orientation is applied. For comparisons with that code. */
    ARTFUSION_READING_REFERENCE = 1
};

/** Options for reading a picture. */
typedef struct artfusion_load_options {
    uint32_t struct_size;       /**< sizeof the struct, in bytes */
    int32_t ignore_orientation; /**< 0: the orientation in the file is applied; 1: it is ignored */
    uint64_t max_pixels;        /**< 178956970, as in Pillow; checked before allocating. Besides 3
                                 * bytes per pixel, reading holds up to about 8 more for an
                                 * interlaced PNG, a progressive JPEG or a WebP, and 3 more while it
                                 * turns a picture. A progressive JPEG whose coefficients take more
                                 * than 3 bytes * max_pixels + 16 MiB fails with LIMIT */
    uint64_t max_file_bytes;    /**< 1 GiB */
    uint8_t background[4];      /**< {255, 255, 255, 1}: red, green and blue in sRGB behind
                                 * transparent pixels, then 1 if this is used, or 0 if alpha is
                                 * dropped, which shows the hidden colours. 1.0 had {0, 0, 0, 0} */
    artfusion_reading reading;  /**< VIEWED. Since 1.1; before, it was reserved and 0 */
    int32_t salvage;            /**< 0: a damaged file is an error, except a JPEG that is damaged
                                 * in the middle or lacks only its end marker; 1: as much is read
                                 * as there is. artfusion_image_warning says what is wrong. Since
                                 * 1.1 */
    uint32_t reserved;          /**< 0. Since 1.1 */
} artfusion_load_options;

/** Options for writing a picture. */
typedef struct artfusion_save_options {
    uint32_t struct_size;         /**< sizeof the struct, in bytes */
    artfusion_file_format format; /**< AUTO */
    int32_t jpeg_quality;         /**< 95; 1..100. Chroma is not subsampled from 90 on */
    int32_t png_compression;      /**< 6; 0..9 */
    int32_t webp_quality;         /**< 90; 0..100, for a WebP that is not lossless. Since 1.1 */
    int32_t webp_lossless;        /**< 0: by webp_quality; 1: every pixel is kept. Since 1.1 */
} artfusion_save_options;

/** Fills the first `struct_size` bytes with the defaults. Errors: ARGUMENT. */
ARTFUSION_API artfusion_status artfusion_load_options_init(artfusion_load_options *options,
                                                           size_t struct_size);

/** Fills the first `struct_size` bytes with the defaults. Errors: ARGUMENT. */
ARTFUSION_API artfusion_status artfusion_save_options_init(artfusion_save_options *options,
                                                           size_t struct_size);

/** Creates a black image with memory of its own. Width and height are 1..65535 pixels.
 * Errors: ARGUMENT, MEMORY. */
ARTFUSION_API artfusion_status artfusion_image_create(int32_t width, int32_t height,
                                                      artfusion_image **image);

/** Makes an image of the caller's pixels, which must outlive it and stay where they
 * are. `stride` is in bytes, at least 3 * width. Errors: ARGUMENT, MEMORY. */
ARTFUSION_API artfusion_status artfusion_image_wrap(uint8_t *pixels, int32_t width, int32_t height,
                                                    size_t stride, artfusion_image **image);

/** Reads a PNG, JPEG or WebP of any colour type. The format is recognised by the first bytes, not
 * by the name. Grey and palettes are expanded, 16 bits become 8, CMYK and YCCK are converted (inks
 * are inverted if Adobe's marker is there, and always under REFERENCE), and only the first frame of
 * an animation is read. Colour, transparency and orientation follow `options->reading`. If an
 * embedded profile cannot be used, the pixels are taken as sRGB, and artfusion_image_warning
 * reports it.
 * Errors: ARGUMENT, IO, FORMAT (the message names the format, if it is not one of these, or says
 * where the damage is, or quotes the codec), LIMIT, MEMORY. */
ARTFUSION_API artfusion_status artfusion_image_load_file(const char *path,
                                                         const artfusion_load_options *options,
                                                         artfusion_image **image);

/** The same from a file in memory, which is needed during the call only.
 * Errors: the same except IO. */
ARTFUSION_API artfusion_status artfusion_image_load_memory(const void *data, size_t size,
                                                           const artfusion_load_options *options,
                                                           artfusion_image **image);

/** Says what was wrong when this image was read, such as missing rows or a profile that could not
 * be used. "" if nothing was, if the image was not made by a load function, and for NULL. Borrowed
 * from the image. Since 1.1. */
ARTFUSION_API const char *artfusion_image_warning(const artfusion_image *image);

/** Writes the image to a temporary file in the folder of `path`, then renames it to `path`.
 * Errors: ARGUMENT (unknown suffix), IO, MEMORY, LIMIT (a JPEG beyond 65500 pixels a side, a WebP
 * beyond 16383). */
ARTFUSION_API artfusion_status artfusion_image_save_file(const artfusion_image *image,
                                                         const char *path,
                                                         const artfusion_save_options *options);

/** Writes the image to a new buffer (`*data`, `*size`); release it with artfusion_free().
 * `options` must not be NULL, and `options->format` must not be AUTO, since there is no suffix to
 * choose by. Errors: ARGUMENT, MEMORY, LIMIT. */
ARTFUSION_API artfusion_status artfusion_image_save_memory(const artfusion_image *image,
                                                           const artfusion_save_options *options,
                                                           uint8_t **data, size_t *size);

/** Resizes to exactly width x height, antialiased. The result equals that of Pillow's
 * Image.resize to the last bit: the horizontal pass comes first, and each pass is rounded
 * to 8 bits. Sizes are 1..65535 pixels. Errors: ARGUMENT, MEMORY. */
ARTFUSION_API artfusion_status artfusion_image_resize(const artfusion_image *image, int32_t width,
                                                      int32_t height, artfusion_filter filter,
                                                      artfusion_image **resized);

/** Resizes to the largest size within width x height that keeps the image's proportions;
 * no side is below 1. Errors: ARGUMENT, MEMORY. */
ARTFUSION_API artfusion_status artfusion_image_resize_fit(const artfusion_image *image,
                                                          int32_t width, int32_t height,
                                                          artfusion_filter filter,
                                                          artfusion_image **resized);

/** Scales the image, in proportion, until it covers width x height, and cuts off what lies beyond,
 * equally on both sides. Errors: ARGUMENT, MEMORY. */
ARTFUSION_API artfusion_status artfusion_image_resize_cover(const artfusion_image *image,
                                                            int32_t width, int32_t height,
                                                            artfusion_filter filter,
                                                            artfusion_image **resized);

/** Pixels; 0 for NULL. */
ARTFUSION_API int32_t artfusion_image_width(const artfusion_image *image);

/** Pixels; 0 for NULL. */
ARTFUSION_API int32_t artfusion_image_height(const artfusion_image *image);

/** Bytes from one row to the next; 0 for NULL. */
ARTFUSION_API size_t artfusion_image_stride(const artfusion_image *image);

/** The first pixel of the first row: red, green, blue. The memory is the image's own, or
 * the caller's if it was wrapped. NULL for NULL. */
ARTFUSION_API uint8_t *artfusion_image_pixels(artfusion_image *image);

/** Destroys an image. Pixels that were wrapped stay with the caller. NULL does nothing. */
ARTFUSION_API void artfusion_image_destroy(artfusion_image *image);

/** Frees a buffer or a path that a function says to release with artfusion_free(). Pass it nothing
 * that is borrowed, and no handle. NULL does nothing. */
ARTFUSION_API void artfusion_free(void *memory);

/* ======================================================================
 * 5. Model
 * ====================================================================== */

/** A model file's networks, loaded. Any number of threads may use them at once.
 * Since 1.1 a model remembers the style codes and latents of the last pictures it
 * was given, by the SHA-256 of their pixels, in at most 64 entries and 16 MiB:
 * another run of the same pictures costs only its steps and the decoder. */
typedef struct artfusion_model artfusion_model;

/** Finds the default model. If the environment variable ARTFUSION_MODEL is not empty, its value is
 * the path, unchecked. Otherwise it is the first mini.artfusion found in these folders: the
 * library's own; share/artfusion under the prefix whose lib (or lib/NAME, as on Debian) holds the
 * library; `models` in the source tree that the library was built in. If the library is linked
 * statically, the program's folder takes the place of the library's. `*path` is absolute
 * unless ARTFUSION_MODEL is relative; release it with artfusion_free(). Any thread may call this.
 * Since 1.1. Errors: ARGUMENT, IO (no model was found: the message names the places), MEMORY. */
ARTFUSION_API artfusion_status artfusion_default_model_path(char **path);

/** The method that takes the latent from one timestep to the next. */
typedef int32_t artfusion_solver;
enum {
    ARTFUSION_SOLVER_DDIM = 0,         /**< Song et al., arXiv 2010.02502 */
    ARTFUSION_SOLVER_DDPM = 1,         /**< Ho et al., arXiv 2006.11239: ancestral */
    ARTFUSION_SOLVER_DPMPP_2M = 2,     /**< Lu et al., arXiv 2211.01095: second order */
    ARTFUSION_SOLVER_DPMPP_2M_SDE = 3, /**< its stochastic form */
    ARTFUSION_SOLVER_UNIPC = 4         /**< Zhao et al., arXiv 2302.04867: UniPC-2, B2 */
};

/** Which of the training's timesteps a run visits, if it has fewer steps than the training. */
typedef int32_t artfusion_spacing;
enum {
    ARTFUSION_SPACING_UNIFORM = 0,  /**< the published code's: the last step goes from t = 1 to
                                     * alphas_cumprod[0] */
    ARTFUSION_SPACING_QUAD = 1,     /**< the published code's quadratic one */
    ARTFUSION_SPACING_TRAILING = 2, /**< starts at the last timestep, ends at x0 */
    ARTFUSION_SPACING_LINSPACE = 3  /**< evenly from the last timestep to the first */
};

/** How the training's noise grows with the timestep. The names are the published code's, although
 * its LINEAR is linear in sqrt(beta), and its SQRT_LINEAR in beta. */
typedef int32_t artfusion_schedule;
enum {
    ARTFUSION_SCHEDULE_LINEAR = 0,      /**< linear in sqrt(beta): the published model's */
    ARTFUSION_SCHEDULE_COSINE = 1,      /**< Nichol & Dhariwal, arXiv 2102.09672 */
    ARTFUSION_SCHEDULE_SQRT_LINEAR = 2, /**< linear in beta */
    ARTFUSION_SCHEDULE_SQRT = 3         /**< square root of SQRT_LINEAR's */
};

/** What the UNet predicts. */
typedef int32_t artfusion_prediction;
enum {
    ARTFUSION_PREDICTION_EPS = 0,
    ARTFUSION_PREDICTION_V = 1, /**< v = sqrt(a) eps - sqrt(1 - a) x0: arXiv 2202.00512 */
    ARTFUSION_PREDICTION_X0 = 2
};

/** Random access to a model's bytes: fills `buffer` with exactly `size` bytes
 * from `offset` and returns 0, or returns nonzero if it cannot. It is called only during
 * artfusion_model_open_reader, on the thread of that call. */
typedef int32_t (*artfusion_read_callback)(void *user_data, uint64_t offset, void *buffer,
                                           size_t size);

/** Opens a model: checks the archive, the manifest and the weights' checksum, then gives the
 * records to the engine. During these checks a second thread loads the engine's libraries; that
 * thread has ended when the call returns. Do not call this from a shared library's constructor: it
 * deadlocks on the loader's lock. A model file is a program: open only files whose origin you
 * trust, or isolate them.
 * Errors: ARGUMENT, IO, FORMAT, UNSUPPORTED (a newer format, no such device),
 * CHECKSUM, LIMIT (docs/security.md lists the limits), ENGINE, MEMORY. */
ARTFUSION_API artfusion_status artfusion_model_open_file(artfusion_context *context,
                                                         const char *path, artfusion_model **model);

/** The same from memory, which is needed during the call only.
 * Errors: the same except IO. */
ARTFUSION_API artfusion_status artfusion_model_open_memory(artfusion_context *context,
                                                           const void *data, size_t size,
                                                           artfusion_model **model);

/** The same from a file of `size` bytes, which a callback reads. Errors: the same, and IO if the
 * callback fails. */
ARTFUSION_API artfusion_status artfusion_model_open_reader(artfusion_context *context,
                                                           artfusion_read_callback read,
                                                           void *user_data, uint64_t size,
                                                           artfusion_model **model);

/** Releases a model; its samplers and styles keep it alive. Once the model and all of these are
 * destroyed, the model's memory goes back to the system, together with whatever else the process's
 * allocator holds unused (malloc_trim). NULL does nothing. */
ARTFUSION_API void artfusion_model_destroy(artfusion_model *model);

/** What a model is. Strings and arrays are borrowed from the model. */
typedef struct artfusion_model_info {
    uint32_t struct_size;            /**< sizeof the struct, in bytes */
    int32_t latent_channels;         /**< how many channels a latent has */
    int32_t downsample;              /**< pixels per latent pixel, each way */
    int32_t size_multiple;           /**< pixels: the networks work on sides that are
                                      * multiples of it; a sampler takes any size */
    int32_t native_width;            /**< pixels: the width of the training's pictures */
    int32_t native_height;           /**< pixels: the height of the training's pictures */
    int32_t style_width;             /**< values in a style code */
    int32_t style_min_size;          /**< pixels: smaller style pictures are enlarged to it */
    int32_t timesteps;               /**< of the training schedule */
    artfusion_schedule schedule;     /**< the training's */
    artfusion_prediction prediction; /**< the UNet's */
    artfusion_device device;         /**< never AUTO */
    const char *name;                /**< short, for lists */
    const char *description;         /**< one sentence */
    const char *licence;             /**< SPDX identifier of the weights' licence */
    const char *origin;              /**< who or what made it */
    const char *weights_sha256; /**< 64 hexadecimal digits. Covers the file's records, and in format
                                 * 2 also their lengths and the manifest, so that files with the
                                 * same digest are the same model. In format 1, files with the same
                                 * digest may still differ in the manifest and in where one record
                                 * ends and the next begins: docs/model-format.md */
    const char *engine;         /**< e.g. "torchscript 2.13.0" */
    const char *device_name;    /**< e.g. "cpu", "NVIDIA H100" */
    const char *arithmetic;     /**< the type that networks compute in, e.g. "float32" */
    const float *latent_shift;  /**< [latent_channels]: scaled = (z - shift) * scale */
    const float *latent_scale;  /**< [latent_channels] */
    const double *alphas_cumprod;  /**< [timesteps], float32 values as in the published code */
    int32_t device_index;          /**< which GPU */
    int32_t threads;               /**< what a network call uses */
    artfusion_isolation isolation; /**< NONE or PROCESS: never AUTO. Since 1.1 */
    int32_t reserved;              /**< 0. Since 1.1 */
} artfusion_model_info;

/** Fills the first `struct_size` bytes. Errors: ARGUMENT. */
ARTFUSION_API artfusion_status artfusion_model_get_info(const artfusion_model *model,
                                                        artfusion_model_info *info,
                                                        size_t struct_size);

/** Finds the size with the proportions of width x height and a longer side of `longest` pixels; the
 * shorter side is rounded to whole pixels, at least 1. If `longest` is 0, the model's native longer
 * side is used. Errors: ARGUMENT. */
ARTFUSION_API artfusion_status artfusion_model_fit_size(const artfusion_model *model, int32_t width,
                                                        int32_t height, int32_t longest,
                                                        int32_t *fit_width, int32_t *fit_height);

/* Presets are ways to sample that the model's maker has named, such as "subtle",
 * "balanced" and "bold"; artfusion_sampler_options_set_preset takes a name. */

/** How many presets the model has, 0..16. 0 for NULL. */
ARTFUSION_API int32_t artfusion_model_preset_count(const artfusion_model *model);

/** The name of preset `index`, 0..count - 1, in the manifest's order: 1..31 characters of
 * a-z, 0-9 and '-'. Borrowed from the model. NULL for another index or a NULL model. */
ARTFUSION_API const char *artfusion_model_preset_name(const artfusion_model *model, int32_t index);

/* ======================================================================
 * 6. Style: a style picture's code, which outlives the picture
 * ====================================================================== */

/** The style code of a picture, or a blend of several, for one model. One thread at a
 * time may change it; any number may read it. */
typedef struct artfusion_style artfusion_style;

/** Computes the style code of a picture of any size. The picture is first resized (bicubic)
 * to the largest size inside the model's native_width x native_height that keeps its
 * proportions, because that is the size at which the model learned to read styles. In
 * 1.0 it was not resized; artfusion_style_from_image_exact does what 1.0 did.
 * Errors: ARGUMENT, ENGINE, NUMERIC, MEMORY. */
ARTFUSION_API artfusion_status artfusion_style_from_image(artfusion_model *model,
                                                          const artfusion_image *image,
                                                          artfusion_style **style);

/** The same without resizing, for parity with the published code and for callers who choose
 * the size themselves. The picture is enlarged only if a side is below the model's
 * style_min_size. Larger pictures cost the style network more time and memory, in
 * proportion to their pixels. Since 1.1. Errors: the same; ARGUMENT also if the picture is
 * too narrow to be enlarged. */
ARTFUSION_API artfusion_status artfusion_style_from_image_exact(artfusion_model *model,
                                                                const artfusion_image *image,
                                                                artfusion_style **style);

/** Computes the weighted sum of style codes of one model. Weights are finite and need not
 * add up to 1. Errors: ARGUMENT, MISMATCH, NUMERIC (a sum beyond float), MEMORY. */
ARTFUSION_API artfusion_status artfusion_style_blend(const artfusion_style *const *styles,
                                                     const double *weights, size_t count,
                                                     artfusion_style **style);

/** Makes a style from `count` values. `count` must be the model's style_width, and the
 * values must be finite. Errors: ARGUMENT, MISMATCH (another `count`), MEMORY. */
ARTFUSION_API artfusion_status artfusion_style_from_values(artfusion_model *model,
                                                           const float *values, size_t count,
                                                           artfusion_style **style);

/** Makes a handle to the model's learned null style, which stands for no style in particular.
 * Errors: ARGUMENT, MEMORY. */
ARTFUSION_API artfusion_status artfusion_style_null(artfusion_model *model,
                                                    artfusion_style **style);

/** Serialises the style into a new buffer (`*data`, `*size`); release it with
 * artfusion_free(). The buffer holds the model's digest, a checksum and the values, 4 bytes each.
 * It is the same on every machine. Since 1.1. Errors: ARGUMENT, MEMORY. */
ARTFUSION_API artfusion_status artfusion_style_save_memory(const artfusion_style *style,
                                                           uint8_t **data, size_t *size);

/** The same to a file, which is written under a temporary name, then renamed. Since 1.1.
 * Errors: the same, and IO. */
ARTFUSION_API artfusion_status artfusion_style_save_file(const artfusion_style *style,
                                                         const char *path);

/** Restores a style that artfusion_style_save_memory saved, for a model with the same
 * weights. Since 1.1. Errors: ARGUMENT, FORMAT, UNSUPPORTED (a newer format), CHECKSUM,
 * MISMATCH (another model's style), MEMORY. */
ARTFUSION_API artfusion_status artfusion_style_load_memory(artfusion_model *model, const void *data,
                                                           size_t size, artfusion_style **style);

/** The same from a file. Since 1.1. Errors: the same, and IO, LIMIT (a file far larger
 * than a style code). */
ARTFUSION_API artfusion_status artfusion_style_load_file(artfusion_model *model, const char *path,
                                                         artfusion_style **style);

/** The code's values, `*count` of them. For a NULL style it returns NULL and sets `*count` to 0.
 * `count` may be NULL. */
ARTFUSION_API const float *artfusion_style_values(const artfusion_style *style, size_t *count);

/** Destroys a style; samplers have copied what they need. NULL does nothing. */
ARTFUSION_API void artfusion_style_destroy(artfusion_style *style);

/* ======================================================================
 * 7. Sampler: one run
 * ====================================================================== */

/** One run, from noise to a batch of pictures. One thread at a time may use it, except for
 * artfusion_sampler_cancel. */
typedef struct artfusion_sampler artfusion_sampler;

#define ARTFUSION_ALL (-1) /**< for an index: every picture of the batch */

/** Where random numbers come from. */
typedef int32_t artfusion_rng_kind;
enum {
    ARTFUSION_RNG_COUNTER = 0,  /**< Philox 4x32-10; picture n's numbers depend on the seed and n
                                 * alone, not on the batch */
    ARTFUSION_RNG_TORCH_CPU = 1 /**< torch's own on the CPU after torch.manual_seed(seed), to the
                                 * last bit */
};

/** The distribution that x_T, the noise at the start, is drawn from. */
typedef int32_t artfusion_noise_kind;
enum {
    ARTFUSION_NOISE_NORMAL = 0,
    ARTFUSION_NOISE_UNIFORM = 1 /**< x_T in [0, 1), as the published notebook draws it */
};

/** What a noise callback's numbers are for. */
typedef int32_t artfusion_noise_use;
enum {
    ARTFUSION_NOISE_X_T = 0,  /**< the start */
    ARTFUSION_NOISE_STEP = 1, /**< the noise that a stochastic solver adds in a step */
    ARTFUSION_NOISE_MASK = 2  /**< the noise that brings the masked latent to a step's timestep */
};

/** Fills values[batch, channels, height, width] (latent pixels) with the noise
 * of step `step` (0 is the first) and returns 0, or returns 1 to leave that to
 * the sampler's generator. Any other value cancels. */
typedef int32_t (*artfusion_noise_callback)(void *user_data, artfusion_noise_use use, int32_t step,
                                            float *values, size_t count);

/** Called after each step. It may read the sampler's progress, tensors and images (a
 * preview: the current x0, decoded). Nonzero ends the call. */
typedef int32_t (*artfusion_step_callback)(void *user_data, artfusion_sampler *sampler);

/** Called before each solver update. It may change the guided eps[batch, channels, height,
 * width] in place. Nonzero cancels. */
typedef int32_t (*artfusion_eps_callback)(void *user_data, artfusion_sampler *sampler, float *eps,
                                          size_t count);

/** Options for artfusion_sampler_create(). */
typedef struct artfusion_sampler_options {
    uint32_t struct_size;       /**< sizeof the struct, in bytes */
    int32_t width;              /**< pixels of the result, from 1 to the largest multiple of the
                                 * model's size_multiple that is not above 65535. The networks work
                                 * on the next multiple: the content is continued to it by
                                 * reflection, and the result is cut. In 1.0 the width had to be a
                                 * multiple */
    int32_t height;             /**< pixels, likewise */
    int32_t batch;              /**< 1; pictures in this run, 1..256. On a CPU the library divides
                                 * them into parts of the size that it computes fastest */
    int32_t steps;              /**< 1..the model's timesteps */
    artfusion_solver solver;    /**< the model's */
    artfusion_spacing spacing;  /**< the model's */
    artfusion_rng_kind rng;     /**< COUNTER */
    artfusion_noise_kind noise; /**< NORMAL: the distribution of x_T */
    int32_t keep_every;         /**< 0: keep nothing; k: keep x_T, the first step's x and x0, and
                                 * those of every k-th step counted back from the last */
    uint64_t seed;              /**< 0 */
    double content_scale;       /**< guidance scale, -1000..1000: 0 ignores the content, 1 uses it
                                 * as trained, above 1 exaggerates. A scale of 1 saves one pass
                                 * through the UNet per step */
    double style_scale;         /**< the same for the style */
    double content_start;       /**< 0: where the part of the run begins in which content_scale
                                 * holds, as a fraction of the steps */
    double content_end;         /**< 1: where that part ends, >= content_start; outside it the
                                 * scale is 1 */
    double style_start;         /**< 0: where the part begins in which style_scale holds */
    double style_end;           /**< 1: where that part ends, >= style_start */
    double eta;                 /**< noise added in each step, 0..1000: 0 is DDIM's ODE, 1 is DDPM's
                                 * noise; for DDIM and 2M-SDE */
    double temperature;         /**< 1: factor for each step's noise, 0..1000 */
    double noise_dropout;       /**< 0: share of the noise's elements that are set to zero in each
                                 * step, 0 <= p < 1 */
    double denoising_strength;  /**< 1; 0..1. At 1 the run does all steps, from x_T; below 1 it
                                 * starts from the noised init latent and does the last
                                 * round(this * steps) steps, at least one */
    const int32_t *timesteps;   /**< NULL: by `spacing`; else `steps` of them, not increasing; the
                                 * last step ends at x0. Copied. */
    artfusion_noise_callback noise_callback; /**< NULL: the generator draws */
    void *noise_user_data;                   /**< passed to noise_callback */
    artfusion_step_callback step_callback;   /**< NULL: none */
    void *step_user_data;                    /**< passed to step_callback */
    artfusion_eps_callback eps_callback;     /**< NULL: none */
    void *eps_user_data;                     /**< passed to eps_callback */
} artfusion_sampler_options;

/** Fills in the model's own defaults, including its native size. With a NULL model it
 * fills in those of the published code: 250 DDIM steps, eta 0, both scales 1,
 * 256 x 256. Errors: ARGUMENT. */
ARTFUSION_API artfusion_status artfusion_sampler_options_init(artfusion_sampler_options *options,
                                                              size_t struct_size,
                                                              const artfusion_model *model);

/** Overwrites fields of initialised options with the model's preset `name`: the solver,
 * spacing, steps, eta, both scales and both intervals; `timesteps` becomes NULL. What the
 * preset leaves open gets the model's default. Other fields keep their values; after an error all
 * fields do.
 * Errors: ARGUMENT (no such preset: the message lists the model's presets),
 * UNSUPPORTED (as for any options: fields that this library does not know are set). */
ARTFUSION_API artfusion_status artfusion_sampler_options_set_preset(
    artfusion_sampler_options *options, const artfusion_model *model, const char *name);

/** Overwrites width and height of initialised options with what artfusion_model_fit_size finds for
 * the image's width and height and `longest`. Other fields keep their values; after an error all
 * fields do. Since 1.1. Errors: ARGUMENT, UNSUPPORTED (as for
 * artfusion_sampler_options_set_preset). */
ARTFUSION_API artfusion_status
artfusion_sampler_options_set_size(artfusion_sampler_options *options, const artfusion_model *model,
                                   const artfusion_image *image, int32_t longest);

/** Peak number of bytes that a run with these options adds to the process (if the model is
 * isolated, to both processes together) once the model is open: the sampler with what it keeps,
 * the activations of the largest network call, and a picture of the result. On a GPU, activations
 * are counted in GPU memory. The number is at most 15 % and 1 MiB above what such a run holds at
 * its peak. Unless memory_limit is set, glibc may in addition keep freed blocks of up to the same
 * size.
 * The first call for a model runs the networks on zeros to measure them, at sizes from 64 pixels a
 * side up to twice the native size, but not beyond 1024 pixels a side or memory_limit; that takes
 * about as long as a few steps at twice the native size. A number that does not fit into 64 bits is
 * UINT64_MAX. Since 1.1.
 * Errors: ARGUMENT, ENGINE, MEMORY, UNSUPPORTED (as for
 * artfusion_sampler_options_set_preset). */
ARTFUSION_API artfusion_status artfusion_sampler_memory_needed(
    artfusion_model *model, const artfusion_sampler_options *options, uint64_t *bytes);

/** Creates a sampler. Until the setters are called, the model's null content and null style are
 * used, which stand for no content and no style in particular. Errors: ARGUMENT, MEMORY. If the
 * context has a memory_limit, also LIMIT (the run needs more, even with its pictures computed one
 * by one) and ENGINE. */
ARTFUSION_API artfusion_status artfusion_sampler_create(artfusion_model *model,
                                                        const artfusion_sampler_options *options,
                                                        artfusion_sampler **sampler);

/* The setters take the index of a picture in the batch or ARTFUSION_ALL. They are
 * called before the first step; later they fail with STATE. */

/** Sets the picture whose shapes are kept; it is resized (bicubic) to the run's size, and is
 * needed during the call only. NULL means the null content.
 * Errors: ARGUMENT, STATE, ENGINE, NUMERIC, MEMORY. */
ARTFUSION_API artfusion_status artfusion_sampler_set_content(artfusion_sampler *sampler,
                                                             int32_t index,
                                                             const artfusion_image *image);

/** Sets the content by its scaled latent [channels, height, width] of `count` values
 * (artfusion_model_encode), which is copied; artfusion_sampler_latent_size gives its sides. NULL
 * means the null content. Errors: ARGUMENT, STATE, MEMORY. */
ARTFUSION_API artfusion_status artfusion_sampler_set_content_latent(artfusion_sampler *sampler,
                                                                    int32_t index,
                                                                    const float *latent,
                                                                    size_t count);

/** Sets the style, which is copied. NULL means the null style. Errors: ARGUMENT, STATE,
 * MISMATCH. */
ARTFUSION_API artfusion_status artfusion_sampler_set_style(artfusion_sampler *sampler,
                                                           int32_t index,
                                                           const artfusion_style *style);

/** Sets the scaled latent [channels, height, width] that a denoising strength below 1
 * starts from and that a mask keeps; it is copied, and must not be NULL. The default is the
 * latent of the content. Errors: ARGUMENT, STATE, MEMORY. */
ARTFUSION_API artfusion_status artfusion_sampler_set_init_latent(artfusion_sampler *sampler,
                                                                 int32_t index, const float *latent,
                                                                 size_t count);

/** Sets a mask [height, width] in latent pixels (artfusion_sampler_latent_size), which is copied.
 * Each value is in [0, 1]: 1 keeps the init latent, 0 paints. NULL means to paint everywhere.
 * Errors: ARGUMENT, STATE, MEMORY. */
ARTFUSION_API artfusion_status artfusion_sampler_set_mask(artfusion_sampler *sampler, int32_t index,
                                                          const float *mask, size_t count);

/** Does one step: all passes through the UNet that it needs, in one or more network calls, then the
 * solver's update. Returns ARTFUSION_OK after a step, ARTFUSION_DONE if none was left.
 * After an error, including CANCELLED, the sampler is where it was before the step, and the
 * next call tries that step again. If the step callback cancelled, the step was done, and
 * the next call does the one after it. If a latent overflowed (NUMERIC), the run is lost.
 * Errors: ARGUMENT (an init latent is needed and missing), CANCELLED, ENGINE,
 * NUMERIC (the message names the step), MEMORY. */
ARTFUSION_API artfusion_status artfusion_sampler_next(artfusion_sampler *sampler);

/** Does all steps that are left. Returns ARTFUSION_OK at the end. Errors: as for
 * artfusion_sampler_next. */
ARTFUSION_API artfusion_status artfusion_sampler_run(artfusion_sampler *sampler);

/** Cancels the current `next`, `run` or `image` call, or the next one if none is running.
 * That call ends with CANCELLED, within one network call. One cancel ends one call. This function
 * may be called from any thread and from a signal handler.
 * Under ARTFUSION_ISOLATION_PROCESS a network call that does not end within a fifth of a
 * second is ended together with its process. The next call starts another process, which
 * takes as long as opening the model did. Calls of other threads in that process are
 * repeated automatically. If the call to be cancelled is waiting for a process to start, it ends
 * only after the start; artfusion_sampler_cancel itself never waits. */
ARTFUSION_API void artfusion_sampler_cancel(artfusion_sampler *sampler);

/** How far along a run is. */
typedef struct artfusion_progress {
    uint32_t struct_size;   /**< sizeof the struct, in bytes */
    int32_t step;           /**< steps done */
    int32_t steps;          /**< steps in all: fewer than asked for if denoising_strength < 1 */
    int32_t timestep;       /**< the last finished step's; -1 before the first */
    int32_t passes;         /**< passes through the UNet so far, per picture: NFE */
    int32_t batch;          /**< pictures in this run */
    double seconds_encode;  /**< wall clock in the content encoder */
    double seconds_denoise; /**< wall clock in the UNet, its conditions included */
    double seconds_decode;  /**< wall clock in the decoder */
    double seconds_total;   /**< wall clock in all calls of this sampler */
} artfusion_progress;

/** Fills the first `struct_size` bytes. Errors: ARGUMENT. */
ARTFUSION_API artfusion_status artfusion_sampler_get_progress(const artfusion_sampler *sampler,
                                                              artfusion_progress *progress,
                                                              size_t struct_size);

/** The sides of the run's latents and masks, in latent pixels: the options' width and height, each
 * rounded up to a multiple of the model's size_multiple, then divided by its `downsample`. Since
 * 1.1. Errors: ARGUMENT. */
ARTFUSION_API artfusion_status artfusion_sampler_latent_size(const artfusion_sampler *sampler,
                                                             int32_t *width, int32_t *height);

/** The current scaled latent [batch, channels, height, width] of `*count` values.
 * Borrowed until the next step. NULL before there is a latent; `count` may be NULL. */
ARTFUSION_API const float *artfusion_sampler_x(const artfusion_sampler *sampler, size_t *count);

/** The x0 that the last step predicted, in the same form. */
ARTFUSION_API const float *artfusion_sampler_x0(const artfusion_sampler *sampler, size_t *count);

/** How many entries `keep_every` has kept: entry 0 is x_T, whose x0 is NULL. 0 for
 * NULL. */
ARTFUSION_API int32_t artfusion_sampler_kept_count(const artfusion_sampler *sampler);

/** Borrowed tensors of entry 0..count - 1, like artfusion_sampler_x; either
 * pointer may be NULL. Errors: ARGUMENT. */
ARTFUSION_API artfusion_status artfusion_sampler_kept(const artfusion_sampler *sampler,
                                                      int32_t entry, const float **x,
                                                      const float **x0);

/** Decodes picture `index`: after the last step the result, before it a preview of the current
 * x0. Errors: ARGUMENT, STATE (no step done), CANCELLED, ENGINE, NUMERIC,
 * MEMORY. */
ARTFUSION_API artfusion_status artfusion_sampler_image(artfusion_sampler *sampler, int32_t index,
                                                       artfusion_image **image);

/** Serialises the state of a run between two steps into a new buffer (`*data`, `*size`);
 * release it with artfusion_free(). The state holds everything that the next steps depend
 * on: what the setters were given (of a content picture, its latent), the run's latents, the
 * solver's history, the generator, and what `keep_every` kept, but no callbacks. A step callback
 * may call this, and it may be called before the first step. Since 1.1.
 * Errors: ARGUMENT, STATE (from a noise or eps callback), MEMORY. */
ARTFUSION_API artfusion_status artfusion_sampler_save_state_memory(artfusion_sampler *sampler,
                                                                   uint8_t **data, size_t *size);

/** The same to a file, which is written under a temporary name, then renamed, so that the file is
 * complete even if the process is killed. Since 1.1. Errors: the same, and IO. */
ARTFUSION_API artfusion_status artfusion_sampler_save_state_file(artfusion_sampler *sampler,
                                                                 const char *path);

/** Restores a saved state, from this process or an earlier one. This sampler must have the
 * same options as the saved one, and a model with the same weights. What its setters were
 * given before is replaced. The steps that follow give the bytes that the saved run would
 * have given, on the same machine with the same engine, device, precision, threads and CPU
 * instructions, if its callbacks do the same. After an error the sampler is as it was. Since 1.1.
 * Errors: ARGUMENT, STATE (from a noise or eps callback), FORMAT, UNSUPPORTED (a newer format),
 * CHECKSUM, MISMATCH (the message names the option, or the model), MEMORY. */
ARTFUSION_API artfusion_status artfusion_sampler_load_state_memory(artfusion_sampler *sampler,
                                                                   const void *data, size_t size);

/** The same from a file. Since 1.1. Errors: the same, and IO, LIMIT (a file far larger than
 * this sampler's state). */
ARTFUSION_API artfusion_status artfusion_sampler_load_state_file(artfusion_sampler *sampler,
                                                                 const char *path);

/** Destroys a sampler. Do not call this during one of the sampler's own calls. NULL does
 * nothing. */
ARTFUSION_API void artfusion_sampler_destroy(artfusion_sampler *sampler);

/* ======================================================================
 * 8. Advanced: the stages, one by one
 * ====================================================================== */

/** The form of the latent that artfusion_model_encode returns. */
typedef int32_t artfusion_latent_kind;
enum {
    ARTFUSION_LATENT_MODE = 0,   /**< the encoder's posterior mode */
    ARTFUSION_LATENT_SCALED = 1, /**< (mode - shift) * scale: what is diffused */
    ARTFUSION_LATENT_CONTENT = 2 /**< the content condition: SCALED minus each channel's mean, then
                                  * divided by the channel's standard deviation, unless the
                                  * manifest says otherwise */
};

/** Encodes a picture, whose sides must be multiples of the model's
 * size_multiple, to latent[channels, height / downsample, width / downsample].
 * `count` is the number of floats in `latent` and must match exactly.
 * Errors: ARGUMENT, ENGINE, NUMERIC, MEMORY. */
ARTFUSION_API artfusion_status artfusion_model_encode(artfusion_model *model,
                                                      const artfusion_image *image,
                                                      artfusion_latent_kind kind, float *latent,
                                                      size_t count);

/** Decodes a scaled latent[batch, channels, latent_height, latent_width] to
 * rgb[batch, 3, H, W], nominally -1..1 and not clamped; H and W are the latent's sides times the
 * model's downsample, and must be multiples of its size_multiple, up to 65535. `batch` is 1..256.
 * `count` is the number of floats in `rgb` and must match exactly.
 * Errors: ARGUMENT, ENGINE, NUMERIC, MEMORY. */
ARTFUSION_API artfusion_status artfusion_model_decode(artfusion_model *model, const float *latent,
                                                      int32_t batch, int32_t latent_width,
                                                      int32_t latent_height, float *rgb,
                                                      size_t count);

/** Does one pass of the UNet without guidance. It predicts eps, v or x0 (artfusion_model_info
 * says which) for x[batch, channels, latent_height, latent_width] at timesteps[batch].
 * `content` is the content condition in the shape of x, or NULL for the null content;
 * `styles` is [batch, style_width], or NULL for the null style. `prediction` gets the shape of x.
 * `batch` and the latent's sides are limited as in artfusion_model_decode.
 * Errors: ARGUMENT, ENGINE, NUMERIC, MEMORY. */
ARTFUSION_API artfusion_status artfusion_model_denoise(artfusion_model *model, const float *x,
                                                       const int32_t *timesteps,
                                                       const float *content, const float *styles,
                                                       int32_t batch, int32_t latent_width,
                                                       int32_t latent_height, float *prediction);

/** Computes betas[timesteps] in float64; `timesteps` is 1 or more. `start` and `end` are the first
 * and last beta (the published model: 0.0015, 0.0195), or for SQRT their squares, above 0 and
 * below 1. COSINE does not use them; its offset is 0.008. Errors: ARGUMENT. */
ARTFUSION_API artfusion_status artfusion_schedule_betas(artfusion_schedule schedule, double start,
                                                        double end, int32_t timesteps,
                                                        double *betas);

/** Computes the timesteps that a run of `steps` steps visits, first to last (descending),
 * from 0..train_timesteps-1. There are always exactly `steps` of them. UNIFORM and QUAD
 * give the published code's own timesteps if it yields that many; but a single step
 * of QUAD is at the timestep where longer runs start. Errors: ARGUMENT (steps outside of
 * 1..train_timesteps). */
ARTFUSION_API artfusion_status artfusion_timesteps(artfusion_spacing spacing, int32_t steps,
                                                   int32_t train_timesteps, int32_t *timesteps);

/** Computes DDIM's coefficients, arXiv 2010.02502 equations 12 and 16, for timesteps[steps]
 * as above: alphas[i] and alphas_prev[i] are alphas_cumprod before and after
 * step i, and sigmas[i] is its noise. `spacing` says where the last step ends.
 * Errors: ARGUMENT. */
ARTFUSION_API artfusion_status artfusion_ddim_coefficients(const double *alphas_cumprod,
                                                           int32_t train_timesteps,
                                                           artfusion_spacing spacing,
                                                           const int32_t *timesteps, int32_t steps,
                                                           double eta, double *alphas,
                                                           double *alphas_prev, double *sigmas);

/** A random number generator. */
typedef struct artfusion_rng artfusion_rng;

/** Creates a generator at the beginning of its sequence. Errors: ARGUMENT, MEMORY. */
ARTFUSION_API artfusion_status artfusion_rng_create(artfusion_rng_kind kind, uint64_t seed,
                                                    artfusion_rng **rng);

/** Draws the next `count` numbers from the normal distribution with mean 0 and variance 1.
 * With TORCH_CPU they are those of one torch.randn of that many elements. Errors: ARGUMENT. */
ARTFUSION_API artfusion_status artfusion_rng_normal(artfusion_rng *rng, float *values,
                                                    size_t count);

/** Draws the next `count` numbers, uniform in [0, 1). With TORCH_CPU they are those of one
 * torch.rand. Errors: ARGUMENT. */
ARTFUSION_API artfusion_status artfusion_rng_uniform(artfusion_rng *rng, float *values,
                                                     size_t count);

/** NULL does nothing. */
ARTFUSION_API void artfusion_rng_destroy(artfusion_rng *rng);

/** Kinds of constants that have names, for command lines and configuration files. */
typedef int32_t artfusion_enumeration;
enum {
    ARTFUSION_ENUM_SOLVER = 0,
    ARTFUSION_ENUM_SPACING = 1,
    ARTFUSION_ENUM_SCHEDULE = 2,
    ARTFUSION_ENUM_PREDICTION = 3,
    ARTFUSION_ENUM_DEVICE = 4,
    ARTFUSION_ENUM_FILTER = 5,
    ARTFUSION_ENUM_RNG = 6,
    ARTFUSION_ENUM_NOISE = 7,
    ARTFUSION_ENUM_PRECISION = 8, /**< since 1.1 */
    ARTFUSION_ENUM_ISOLATION = 9  /**< since 1.1 */
};

/** The name of a constant, such as "ddim", "dpmpp_2m", "trailing" or
 * "lanczos"; NULL for an unknown value. Static. */
ARTFUSION_API const char *artfusion_name_of(artfusion_enumeration enumeration, int32_t value);

/** Finds the constant that has the name `name`. Errors: ARGUMENT; the message lists the names. */
ARTFUSION_API artfusion_status artfusion_value_of(artfusion_enumeration enumeration,
                                                  const char *name, int32_t *value);

#ifdef __cplusplus
}
#endif

#endif
