/** @file
 * SPDX-License-Identifier: MIT
 *
 * artfusion.h - arbitrary style transfer by dual-conditional latent diffusion
 *
 * After D.-Y. Chen, "ArtFusion: Arbitrary Style Transfer using Dual
 * Conditional Latent Diffusion Models", arXiv 2306.09330.
 *
 * A content picture gives the shapes, a style picture the manner; two
 * independent guidance scales say how much of each is wanted.
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
 * (with every return value checked), and the handles destroyed in any order.
 * Both write the same file, byte for byte.
 *
 * -- Contents ---------------------------------------------------------------
 *
 *     1 Errors    2 One call    3 Context    4 Images
 *     5 Model     6 Style       7 Sampler    8 Advanced
 *
 * The one call needs 1 and 2 alone. The steps need of 3 to 7 what stands above;
 * the rest there is for options, batches, previews, blended styles and saved
 * runs. 8 is for research.
 *
 * -- Conventions ------------------------------------------------------------
 *
 * Status     Calls that can fail return an artfusion_status: 0 is success,
 *            negative an error, positive a condition that is none. After an
 *            error artfusion_error_message() has a sentence about it.
 * Results    come through out-parameters, which come last and belong to the
 *            caller. A handle's out-parameter is NULL after a failure.
 * Handles    are opaque. Destroying NULL does nothing. A handle keeps what it
 *            was made from alive: the order of destruction is free.
 * Pointers   returned by accessors are borrowed: they live as long as their
 *            handle unless said otherwise.
 * Strings    are UTF-8, paths included.
 * Options    structs begin with their size. `..._init` fills in that and every
 *            default; NULL options mean defaults. A caller compiled against an
 *            older header passes a smaller struct, and the rest is default; a
 *            larger one is accepted where what is unknown is zero, and is
 *            UNSUPPORTED where it is not.
 * Tensors    are dense float32 in N,C,H,W order, in the host's memory.
 * Threads    A context and a model may be used from any number of threads at
 *            once. Images, styles, samplers and random generators are used by
 *            one thread at a time; styles and images that nobody changes may
 *            be read by many. Error messages are per thread.
 * Callbacks  run on the thread that made the call they come from. They may use
 *            any function but those that change the handle they come from; a
 *            nonzero return ends that call with ARTFUSION_ERROR_CANCELLED.
 *            No exception or longjmp may leave them.
 * Process    The library never aborts, exits, prints, or changes the locale,
 *            signal handlers or floating-point environment. An engine is for
 *            one process: in one forked off a process that opened a model,
 *            whatever needs a network is ENGINE; the rest works, and handles
 *            that no other thread was using may be destroyed. exit waits for
 *            the network calls and openings of models that other threads are
 *            in, as long as they make progress and at most a minute; those
 *            that come later are ENGINE. Isolated models are neither: a
 *            forked child opens ones of its own, whatever the program had
 *            opened, and exit does not wait for their calls. The library may
 *            be unloaded once its handles are destroyed; its engine stays.
 *
 * Everything here is since 1.0 unless said otherwise.
 */
#ifndef ARTFUSION_H
#define ARTFUSION_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What a public declaration carries: visibility. Programs define nothing,
 * those that link the static library ARTFUSION_STATIC. */
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

/** The release this header belongs to, the number that moves on a break. */
#define ARTFUSION_VERSION_MAJOR 1
/** The number that moves when something is added. */
#define ARTFUSION_VERSION_MINOR 1
/** The number that moves otherwise. */
#define ARTFUSION_VERSION_PATCH 0
/** The same as one number, as artfusion_version() gives the library's. */
#define ARTFUSION_VERSION                                                \
    (ARTFUSION_VERSION_MAJOR * 1000000u + ARTFUSION_VERSION_MINOR * 1000u \
     + ARTFUSION_VERSION_PATCH)

/** The release of the library that is running, as major * 1000000 +
 * minor * 1000 + patch. Never fails. */
ARTFUSION_API uint32_t artfusion_version(void);

/** The same as text, "1.1.0". Static. */
ARTFUSION_API const char *artfusion_version_string(void);

/* ======================================================================
 * 1. Errors
 * ====================================================================== */

/** How a call ended: 0 is success, below it are errors, above it conditions
 * that are none. */
typedef int32_t artfusion_status;
enum {
    ARTFUSION_OK = 0,
    ARTFUSION_DONE = 1,                /**< artfusion_sampler_next: no step is left */
    ARTFUSION_ERROR_ARGUMENT = -1,     /**< NULL, NaN, out of range, unknown constant */
    ARTFUSION_ERROR_MEMORY = -2,       /**< an allocation failed */
    ARTFUSION_ERROR_IO = -3,           /**< a file could not be opened, read or written */
    ARTFUSION_ERROR_FORMAT = -4,       /**< the bytes are not what they should be */
    ARTFUSION_ERROR_UNSUPPORTED = -5,  /**< valid, but beyond this build or machine */
    ARTFUSION_ERROR_LIMIT = -6,        /**< a limit that the caller may raise */
    ARTFUSION_ERROR_STATE = -7,        /**< a call out of order */
    ARTFUSION_ERROR_CANCELLED = -8,    /**< by artfusion_sampler_cancel or a callback */
    ARTFUSION_ERROR_ENGINE = -9,       /**< the engine is missing or failed */
    ARTFUSION_ERROR_MISMATCH = -10,    /**< a style code of another model, by its weights
                                         * or by its width */
    ARTFUSION_ERROR_NUMERIC = -11,     /**< NaN or infinity where numbers should be */
    ARTFUSION_ERROR_CHECKSUM = -12     /**< the file was changed since it was written, or opened */
};

/** What went wrong in the calling thread's last call that failed: a sentence
 * that names the value and what would be right. It may quote a path or a file:
 * escape its control characters before a terminal or a log gets it. Never NULL; empty
 * if nothing failed yet. Valid until the thread's next failing call. */
ARTFUSION_API const char *artfusion_error_message(void);

/** The name of a status, such as "ARTFUSION_ERROR_IO"; "unknown status" for
 * others. Static. */
ARTFUSION_API const char *artfusion_status_name(artfusion_status status);

/** Whether the library that is running serves a program that was compiled with
 * the header of release `header_version`, which is ARTFUSION_VERSION there. It
 * does where the major release is the same and the minor one no older. What
 * loads the library at run time asks first.
 * Errors: UNSUPPORTED, with both releases in the message. */
ARTFUSION_API artfusion_status artfusion_check_version(uint32_t header_version);

/* ======================================================================
 * 2. One call
 * ====================================================================== */

/** Opens the model, stylises the content file with the style file at the
 * content's own proportions, and writes PNG or JPEG by the output's suffix.
 * Everything else is the model's default: its longer side becomes the model's
 * native one. The output is written beside its place and renamed into it, so
 * that a failure leaves what was there. Since 1.1 a NULL `model_path` means the
 * default model (artfusion_default_model_path). Errors: any. */
ARTFUSION_API artfusion_status artfusion_stylize_file(const char *model_path,
                                                      const char *content_path,
                                                      const char *style_path,
                                                      const char *output_path);

/* ======================================================================
 * 3. Context: device, threads, log
 * ====================================================================== */

/** Device, threads and log of the models opened with it. Any number of
 * threads at once. */
typedef struct artfusion_context artfusion_context;

/** Where networks run. */
typedef int32_t artfusion_device;
enum {
    ARTFUSION_DEVICE_AUTO = 0, /**< CPU, unless the build's engine finds a CUDA GPU */
    ARTFUSION_DEVICE_CPU = 1,
    ARTFUSION_DEVICE_CUDA = 2
};

/** What networks compute in. Since 1.1. */
typedef int32_t artfusion_precision;
enum {
    ARTFUSION_PRECISION_AUTO = 0,     /**< BFLOAT16 where the device multiplies it (CPUs with
                                       * AVX-512 BF16 or AMX, GPUs from 8.0 on), else FLOAT32 */
    ARTFUSION_PRECISION_FLOAT32 = 1,  /**< what parity with the published code is measured in */
    ARTFUSION_PRECISION_BFLOAT16 = 2, /**< weights and layers; sums are float32. On a device that
                                       * does not multiply it: slower than FLOAT32 */
    ARTFUSION_PRECISION_FLOAT16 = 3   /**< the same, for GPUs; on CPUs it is slow */
};

/** Where the engine lives, which is the code that runs a model file's networks. Since 1.1. */
typedef int32_t artfusion_isolation;
enum {
    /** In the program's own process. What ends the engine, as a crash or the system for want of
     * memory, ends the program; and a fault of the engine's reaches all that the program can. */
    ARTFUSION_ISOLATION_NONE = 0,
    /** In a process of its own for each model, which the library starts and ends
     * (artfusion-engine-host, found as the engine is: the environment's ARTFUSION_ENGINE_HOST, beside
     * the library, in the folder `artfusion` there). If that process ends, by a signal, by exit, or
     * because a call took longer than `isolation_timeout`, the calls that are in it are ENGINE,
     * and the message names what ended it. The program, its other models and all handles live on; the
     * model's next call starts another, and a sampler goes on from the step that it was in, to the
     * bytes of an undisturbed run. Cancelling a sampler ends the call that it is in, too.
     *
     * Before it gets the model file, the process gives up what it does not need: files, sockets,
     * other programs and processes, as far as the kernel has seccomp and Landlock. What that
     * lacks is said through `log`, and the process runs without. With a GPU it keeps what the
     * driver needs, the reading of files among it; CPU as the device has the strong form. Under a
     * memory_limit the system holds the process to it, but with a GPU. docs/security.md has all of
     * it. Each buffer is copied twice a call. A model that was not opened from a file keeps a copy
     * of its bytes. Linux alone. */
    ARTFUSION_ISOLATION_PROCESS = 1,
    /** NONE for the model files that came with the library and those that `trusted` names, PROCESS
     * for all others; artfusion_model_info.isolation says which it became. A file is known by the
     * SHA-256 of all its bytes: the digest of a manifest (weights_sha256) would not do, for that of
     * format 1 leaves out the manifest. A trusted file is kept in memory while it is opened, so that
     * the bytes that run are those that were looked at. */
    ARTFUSION_ISOLATION_AUTO = 2
};

/** How grave a message is; smaller is graver. */
typedef int32_t artfusion_log_level;
enum {
    ARTFUSION_LOG_NONE = 0,
    ARTFUSION_LOG_WARNING = 1,
    ARTFUSION_LOG_INFO = 2,
    ARTFUSION_LOG_DEBUG = 3
};

/** `message` ends without a newline and is borrowed for the call. May come from
 * any thread that uses the context. */
typedef void (*artfusion_log_callback)(void *user_data, artfusion_log_level level,
                                       const char *message);

/** Of artfusion_context_create. */
typedef struct artfusion_context_options {
    uint32_t struct_size;           /**< sizeof the struct, in bytes */
    artfusion_device device;        /**< AUTO */
    int32_t device_index;           /**< 0: which GPU; of CPUs there is only 0 */
    int32_t threads;                /**< 0: as many as the host's engine uses; else 1..1024,
                                     * set during a call and put back after it */
    const char *engine_path;        /**< NULL: the environment's ARTFUSION_ENGINE, then beside the
                                     * library, then the loader's search path. Copied. */
    artfusion_log_callback log;     /**< NULL: silent */
    void *log_user_data;            /**< given to `log` */
    artfusion_log_level log_level;  /**< WARNING: this and graver ones */
    artfusion_precision precision;  /**< AUTO. Since 1.1; before, it was reserved and 0 */
    uint64_t memory_limit;          /**< 0: none; else bytes that a run may take beside the model
                                     * (artfusion_sampler_memory_needed): larger batches are
                                     * computed in smaller parts, and what cannot be made to fit is
                                     * LIMIT at artfusion_sampler_create. With glibc it also ends that
                                     * the process's allocator keeps large freed blocks (mallopt).
                                     * Since 1.1 */
    artfusion_isolation isolation;  /**< NONE: as in 1.0, without a second process to install, start
                                     * and copy to. AUTO is no default, since a program of 1.0 with a
                                     * model of its own would get that process without having asked
                                     * for it: one that runs files of strangers asks. Since 1.1 */
    int32_t isolation_timeout;      /**< 0: none; else milliseconds that one call of the networks may
                                     * take under PROCESS, opening them included. No default, since
                                     * what a call takes is the model's, the size's and the
                                     * machine's. Ignored under NONE. Since 1.1 */
    const char *trusted;            /**< NULL: none; else the SHA-256 of further model files that AUTO
                                     * trusts, each of 64 hexadecimal digits, as sha256sum prints
                                     * them; between them spaces, line ends or commas. Copied.
                                     * Ignored but under AUTO. Since 1.1 */
} artfusion_context_options;

/** Fills the first `struct_size` bytes, sizeof(artfusion_context_options),
 * with the defaults. Errors: ARGUMENT. */
ARTFUSION_API artfusion_status artfusion_context_options_init(artfusion_context_options *options,
                                                              size_t struct_size);

/** Loads no engine yet: that happens with the first model.
 * Errors: ARGUMENT, MEMORY. */
ARTFUSION_API artfusion_status artfusion_context_create(const artfusion_context_options *options,
                                                        artfusion_context **context);

/** Lets go of a context; models opened with it keep it alive. NULL does
 * nothing. */
ARTFUSION_API void artfusion_context_destroy(artfusion_context *context);

/* ======================================================================
 * 4. Images: 8-bit RGB, rows top to bottom
 * ====================================================================== */

/** A picture of 8-bit RGB. One thread at a time; any number may read it. */
typedef struct artfusion_image artfusion_image;

/** How pictures are resampled; each is widened when scaling down. */
typedef int32_t artfusion_filter;
enum {
    ARTFUSION_FILTER_BICUBIC = 0, /**< a = -0.5; what the models were trained with */
    ARTFUSION_FILTER_BOX = 1,
    ARTFUSION_FILTER_BILINEAR = 2,
    ARTFUSION_FILTER_LANCZOS = 3 /**< of three lobes */
};

/** What a picture is written as. */
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
    /** As a person sees the picture in a browser: colour profiles (and a PNG's gAMA and cHRM) are
     * converted to sRGB, transparent pixels show the background, and the picture is turned upright
     * by EXIF or XMP. */
    ARTFUSION_READING_VIEWED = 0,
    /** As release 1.0 read and the published code reads, by Pillow's convert("RGB"): profiles and
     * gamma are ignored, alpha is dropped whatever the background is, and only a JPEG's EXIF
     * orientation is applied. For comparisons with that code. */
    ARTFUSION_READING_REFERENCE = 1
};

/** How a picture is read. */
typedef struct artfusion_load_options {
    uint32_t struct_size;       /**< sizeof the struct, in bytes */
    int32_t ignore_orientation; /**< 0: the orientation in the file is applied; 1: not */
    uint64_t max_pixels;        /**< 178956970, as Pillow; checked before allocating. Beside the 3
                                 * bytes of each, reading holds up to about 8 more of an
                                 * interlaced PNG or a WebP, and 3 while it turns a picture. A
                                 * progressive JPEG whose coefficients are more than 3 bytes *
                                 * max_pixels + 16 MiB is LIMIT */
    uint64_t max_file_bytes;    /**< 1 GiB */
    uint8_t background[4];      /**< {255, 255, 255, 1}: red, green, blue in sRGB behind transparent
                                 * pixels, and 1 if it is used; 0: alpha is dropped, which shows the
                                 * hidden colours. 1.0 had {0, 0, 0, 0} */
    artfusion_reading reading;  /**< VIEWED. Since 1.1; before, it was reserved and 0 */
    int32_t salvage;            /**< 0: a damaged file is an error; 1: what is there of it is read,
                                 * and artfusion_image_warning says what is missing. Since 1.1 */
    uint32_t reserved;          /**< 0. Since 1.1 */
} artfusion_load_options;

/** How a picture is written. */
typedef struct artfusion_save_options {
    uint32_t struct_size;         /**< sizeof the struct, in bytes */
    artfusion_file_format format; /**< AUTO */
    int32_t jpeg_quality;         /**< 95; 1..100. Chroma is not subsampled from 90 on */
    int32_t png_compression;      /**< 6; 0..9 */
    int32_t webp_quality;         /**< 90; 0..100, of a WebP that is not lossless. Since 1.1 */
    int32_t webp_lossless;        /**< 0: by webp_quality; 1: every pixel as it is. Since 1.1 */
} artfusion_save_options;

/** Fills the first `struct_size` bytes with the defaults. Errors: ARGUMENT. */
ARTFUSION_API artfusion_status artfusion_load_options_init(artfusion_load_options *options,
                                                           size_t struct_size);

/** Fills the first `struct_size` bytes with the defaults. Errors: ARGUMENT. */
ARTFUSION_API artfusion_status artfusion_save_options_init(artfusion_save_options *options,
                                                           size_t struct_size);

/** A black image of its own memory. Width and height are 1..65535 pixels.
 * Errors: ARGUMENT, MEMORY. */
ARTFUSION_API artfusion_status artfusion_image_create(int32_t width, int32_t height,
                                                      artfusion_image **image);

/** An image over the caller's pixels, which must outlive it and stay where they
 * are. `stride` is in bytes, at least 3 * width. Errors: ARGUMENT, MEMORY. */
ARTFUSION_API artfusion_status artfusion_image_wrap(uint8_t *pixels, int32_t width, int32_t height,
                                                    size_t stride, artfusion_image **image);

/** Reads a PNG, JPEG or WebP of any colour type, recognised by its first bytes whatever its name
 * is. Grey and palettes are expanded, 16 bits become 8, CMYK and YCCK (with Adobe's inversion) are
 * converted; of an animation the first frame is read. Colour, transparency and orientation are as
 * `options->reading` says. An embedded profile that cannot be used leaves the pixels as sRGB, which
 * artfusion_image_warning reports.
 * Errors: ARGUMENT, IO, FORMAT (the message names the format of what cannot be read, the offset of
 * the damage or the codec's words), LIMIT, MEMORY. */
ARTFUSION_API artfusion_status artfusion_image_load_file(const char *path,
                                                         const artfusion_load_options *options,
                                                         artfusion_image **image);

/** The same from a file in memory, which is needed during the call only.
 * Errors: as artfusion_image_load_file, except IO. */
ARTFUSION_API artfusion_status artfusion_image_load_memory(const void *data, size_t size,
                                                           const artfusion_load_options *options,
                                                           artfusion_image **image);

/** What reading this image had to pass over, as a sentence: rows that are missing, a profile that
 * could not be used. "" if there was nothing, if the image was not read from a file, and for NULL.
 * Borrowed from the image. Since 1.1. */
ARTFUSION_API const char *artfusion_image_warning(const artfusion_image *image);

/** Written beside `path`, then renamed. Errors: ARGUMENT (unknown suffix), IO,
 * MEMORY, LIMIT (JPEG beyond 65500 pixels a side, WebP beyond 16383). */
ARTFUSION_API artfusion_status artfusion_image_save_file(const artfusion_image *image,
                                                         const char *path,
                                                         const artfusion_save_options *options);

/** A file in memory: `*size` bytes at `*data`, which artfusion_free frees.
 * `options->format` must be given. Errors: ARGUMENT, MEMORY, LIMIT. */
ARTFUSION_API artfusion_status artfusion_image_save_memory(const artfusion_image *image,
                                                           const artfusion_save_options *options,
                                                           uint8_t **data, size_t *size);

/** Resamples straight to width x height, antialiased, to the last bit as
 * Pillow's Image.resize: horizontal pass first, each rounded to 8 bits.
 * Sizes are 1..65535 pixels. Errors: ARGUMENT, MEMORY. */
ARTFUSION_API artfusion_status artfusion_image_resize(const artfusion_image *image, int32_t width,
                                                      int32_t height, artfusion_filter filter,
                                                      artfusion_image **resized);

/** The largest size of the image's proportions inside width x height, never
 * below 1. Errors: ARGUMENT, MEMORY. */
ARTFUSION_API artfusion_status artfusion_image_resize_fit(const artfusion_image *image,
                                                          int32_t width, int32_t height,
                                                          artfusion_filter filter,
                                                          artfusion_image **resized);

/** Exactly width x height: the centre of the image, as large as fits.
 * Errors: ARGUMENT, MEMORY. */
ARTFUSION_API artfusion_status artfusion_image_resize_cover(const artfusion_image *image,
                                                            int32_t width, int32_t height,
                                                            artfusion_filter filter,
                                                            artfusion_image **resized);

/** Pixels; 0 for NULL. */
ARTFUSION_API int32_t artfusion_image_width(const artfusion_image *image);

/** Pixels; 0 for NULL. */
ARTFUSION_API int32_t artfusion_image_height(const artfusion_image *image);

/** Bytes from a row to the next; 0 for NULL. */
ARTFUSION_API size_t artfusion_image_stride(const artfusion_image *image);

/** The first row's first pixel, red, green, blue; the image's own, or the
 * caller's where they were wrapped. NULL for NULL. */
ARTFUSION_API uint8_t *artfusion_image_pixels(artfusion_image *image);

/** NULL does nothing. Pixels that were wrapped stay with the caller. */
ARTFUSION_API void artfusion_image_destroy(artfusion_image *image);

/** Frees memory that the library handed out. NULL does nothing. */
ARTFUSION_API void artfusion_free(void *memory);

/* ======================================================================
 * 5. Model
 * ====================================================================== */

/** The networks of a model file, loaded. Any number of threads at once.
 * Since 1.1 it remembers the style codes and latents of the last pictures it
 * was given, by what they show (SHA-256), in at most 64 entries of together
 * 16 MiB: another run of the same pictures costs its steps and the decoder. */
typedef struct artfusion_model artfusion_model;

/** Where the default model is: the environment's ARTFUSION_MODEL, taken at its word
 * unless empty; else the first mini.artfusion that is there, beside the library's own
 * file, in share/artfusion of the prefix that it is installed in (its lib, or
 * lib/NAME as on Debian), or in models of the source tree that it was built in. Where the
 * library is linked statically, the program's file stands for its own.
 * `*path` is absolute except where the environment's is not; artfusion_free frees it.
 * Any thread. Since 1.1. Errors: ARGUMENT, IO (none is found: the message names the
 * places), MEMORY. */
ARTFUSION_API artfusion_status artfusion_default_model_path(char **path);

/** What takes the latent from one timestep to the next. */
typedef int32_t artfusion_solver;
enum {
    ARTFUSION_SOLVER_DDIM = 0,        /**< Song et al., arXiv 2010.02502 */
    ARTFUSION_SOLVER_DDPM = 1,        /**< Ho et al., arXiv 2006.11239: ancestral */
    ARTFUSION_SOLVER_DPMPP_2M = 2,    /**< Lu et al., arXiv 2211.01095: second order */
    ARTFUSION_SOLVER_DPMPP_2M_SDE = 3, /**< its stochastic form */
    ARTFUSION_SOLVER_UNIPC = 4        /**< Zhao et al., arXiv 2302.04867: UniPC-2, B2 */
};

/** Which timesteps a run of fewer steps than the training visits. */
typedef int32_t artfusion_spacing;
enum {
    ARTFUSION_SPACING_UNIFORM = 0,  /**< the reference's: ends at t = 1, then alphas_cumprod[0] */
    ARTFUSION_SPACING_QUAD = 1,     /**< the reference's quadratic one */
    ARTFUSION_SPACING_TRAILING = 2, /**< starts at the last timestep, ends at x0 */
    ARTFUSION_SPACING_LINSPACE = 3  /**< the last and the first timestep and between */
};

/** How the noise of the training grows with the timestep. */
typedef int32_t artfusion_schedule;
enum {
    ARTFUSION_SCHEDULE_LINEAR = 0, /**< linear in sqrt(beta): the published model's */
    ARTFUSION_SCHEDULE_COSINE = 1, /**< Nichol & Dhariwal, arXiv 2102.09672 */
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
 * from `offset` and returns 0, or nonzero if it can't. Called during
 * artfusion_model_open_reader only, on its thread. */
typedef int32_t (*artfusion_read_callback)(void *user_data, uint64_t offset, void *buffer,
                                           size_t size);

/** Opening checks the archive, the manifest and the weights' checksum, then
 * hands the file to the engine. A model file is a program: open only those
 * whose origin you trust. Meanwhile a thread of its own loads the engine's
 * libraries; it is gone when the call returns. So not from a constructor of a
 * shared library, which holds the loader's lock that this thread waits for.
 * Errors: ARGUMENT, IO, FORMAT, UNSUPPORTED (a newer format, no such device),
 * CHECKSUM, LIMIT (docs/security.md lists them), ENGINE, MEMORY. */
ARTFUSION_API artfusion_status artfusion_model_open_file(artfusion_context *context,
                                                         const char *path,
                                                         artfusion_model **model);

/** The same from memory, which is needed during the call only. Errors: as
 * artfusion_model_open_file, but IO. */
ARTFUSION_API artfusion_status artfusion_model_open_memory(artfusion_context *context,
                                                           const void *data, size_t size,
                                                           artfusion_model **model);

/** The same by a callback that gives `size` bytes. Errors: as
 * artfusion_model_open_file; IO where the callback says so. */
ARTFUSION_API artfusion_status artfusion_model_open_reader(artfusion_context *context,
                                                           artfusion_read_callback read,
                                                           void *user_data, uint64_t size,
                                                           artfusion_model **model);

/** Lets go of a model; samplers and styles of it keep it alive. With the last
 * of these its memory goes back to the system, and what else the process's
 * allocator holds unused (malloc_trim). NULL does nothing. */
ARTFUSION_API void artfusion_model_destroy(artfusion_model *model);

/** What a model is. Strings and arrays are borrowed from the model. */
typedef struct artfusion_model_info {
    uint32_t struct_size;      /**< sizeof the struct, in bytes */
    int32_t latent_channels;   /**< of a latent */
    int32_t downsample;        /**< pixels a latent pixel, each way */
    int32_t size_multiple;     /**< pixels: widths and heights must be multiples of it */
    int32_t native_width;      /**< pixels: what it was trained at */
    int32_t native_height;     /**< pixels */
    int32_t style_width;       /**< values in a style code */
    int32_t style_min_size;    /**< pixels: smaller style pictures are enlarged to it */
    int32_t timesteps;         /**< of the training schedule */
    artfusion_schedule schedule;         /**< of the training */
    artfusion_prediction prediction;     /**< of the UNet */
    artfusion_device device;   /**< never AUTO */
    const char *name;           /**< short, for lists */
    const char *description;    /**< one sentence */
    const char *licence;        /**< SPDX identifier, of the weights */
    const char *origin;         /**< who or what made it */
    const char *weights_sha256; /**< 64 hexadecimal digits: of the file's records, and in format 2 of
                                     their lengths and the manifest, so that files of one digest are
                                     one model. In format 1 the manifest may differ, and records can
                                     be made that are cut elsewhere: docs/model-format.md */
    const char *engine;         /**< e.g. "torchscript 2.13.0" */
    const char *device_name;    /**< e.g. "cpu", "NVIDIA H100" */
    const char *arithmetic;     /**< e.g. "float32" */
    const float *latent_shift;  /**< [latent_channels]: scaled = (z - shift) * scale */
    const float *latent_scale;  /**< [latent_channels] */
    const double *alphas_cumprod; /**< [timesteps], float32 values as the reference keeps them */
    int32_t device_index;       /**< which GPU */
    int32_t threads;            /**< what a network call uses */
    artfusion_isolation isolation; /**< NONE or PROCESS: never AUTO. Since 1.1 */
    int32_t reserved;           /**< 0. Since 1.1 */
} artfusion_model_info;

/** Fills the first `struct_size` bytes. Errors: ARGUMENT. */
ARTFUSION_API artfusion_status artfusion_model_get_info(const artfusion_model *model,
                                                        artfusion_model_info *info,
                                                        size_t struct_size);

/** The size the model can do that is nearest to the proportions of width x height
 * with a longer side of `longest` pixels, 0 for the model's native longer side.
 * Errors: ARGUMENT. */
ARTFUSION_API artfusion_status artfusion_model_fit_size(const artfusion_model *model,
                                                        int32_t width, int32_t height,
                                                        int32_t longest, int32_t *fit_width,
                                                        int32_t *fit_height);

/* Presets are ways to sample that the model's maker has named, such as "subtle",
 * "balanced" and "bold"; artfusion_sampler_options_set_preset takes one. */

/** How many the model has, 0..16. 0 for NULL. */
ARTFUSION_API int32_t artfusion_model_preset_count(const artfusion_model *model);

/** The name of preset `index`, 0..count - 1, in the manifest's order: 1..31 of a-z,
 * 0-9 and '-'. Borrowed from the model. NULL for another index or a NULL model. */
ARTFUSION_API const char *artfusion_model_preset_name(const artfusion_model *model, int32_t index);

/* ======================================================================
 * 6. Style: a style code, which needs no picture any more
 * ====================================================================== */

/** The style code of a picture, or of several, for one model. One thread at a
 * time; any number may read it. */
typedef struct artfusion_style artfusion_style;

/** Of a picture of any size, which is first brought (bicubic) to the largest size of its
 * proportions inside the model's native_width x native_height: a manner is read at the
 * size at which the model learned to. In 1.0 it was not resized, as in
 * artfusion_style_from_image_exact. Errors: ARGUMENT, ENGINE, NUMERIC, MEMORY. */
ARTFUSION_API artfusion_status artfusion_style_from_image(artfusion_model *model,
                                                          const artfusion_image *image,
                                                          artfusion_style **style);

/** The same of the picture as it is, for parity with the published code and for sizes of
 * one's own; it is enlarged only where a side is below the model's style_min_size.
 * Larger pictures cost the style network more time and memory, in proportion to their pixels.
 * Since 1.1. Errors: as artfusion_style_from_image; ARGUMENT also where it is too narrow
 * to be enlarged. */
ARTFUSION_API artfusion_status artfusion_style_from_image_exact(artfusion_model *model,
                                                                const artfusion_image *image,
                                                                artfusion_style **style);

/** The weighted sum of style codes of one model; weights are finite and need not
 * add up to 1. Errors: ARGUMENT, MISMATCH, NUMERIC (a sum beyond float), MEMORY. */
ARTFUSION_API artfusion_status artfusion_style_blend(const artfusion_style *const *styles,
                                                     const double *weights, size_t count,
                                                     artfusion_style **style);

/** From `count` values, which must be the model's style_width and finite.
 * Errors: ARGUMENT, MISMATCH (another number of them), MEMORY. */
ARTFUSION_API artfusion_status artfusion_style_from_values(artfusion_model *model,
                                                           const float *values, size_t count,
                                                           artfusion_style **style);

/** The model's learned null style, which stands for "any". Errors: ARGUMENT,
 * MEMORY. */
ARTFUSION_API artfusion_status artfusion_style_null(artfusion_model *model,
                                                    artfusion_style **style);

/** A style code in some hundred bytes or more, of which `*size` at `*data`, which
 * artfusion_free frees: the values, the model's digest, and a checksum,
 * the same on every machine. Since 1.1. Errors: ARGUMENT, MEMORY. */
ARTFUSION_API artfusion_status artfusion_style_save_memory(const artfusion_style *style,
                                                           uint8_t **data, size_t *size);

/** The same to a file: written beside `path`, then renamed. Since 1.1. Errors: as
 * artfusion_style_save_memory, and IO. */
ARTFUSION_API artfusion_status artfusion_style_save_file(const artfusion_style *style,
                                                         const char *path);

/** What artfusion_style_save_memory gave, for a model of the same weights. Since 1.1.
 * Errors: ARGUMENT, FORMAT, UNSUPPORTED (a newer format), CHECKSUM, MISMATCH (of
 * another model), MEMORY. */
ARTFUSION_API artfusion_status artfusion_style_load_memory(artfusion_model *model,
                                                           const void *data, size_t size,
                                                           artfusion_style **style);

/** The same from a file. Since 1.1. Errors: as artfusion_style_load_memory, and IO,
 * LIMIT (a file far larger than a style code). */
ARTFUSION_API artfusion_status artfusion_style_load_file(artfusion_model *model, const char *path,
                                                         artfusion_style **style);

/** The code's values, `*count` of them. NULL and 0 for NULL; `count` may be NULL. */
ARTFUSION_API const float *artfusion_style_values(const artfusion_style *style, size_t *count);

/** NULL does nothing. Samplers have taken what they need. */
ARTFUSION_API void artfusion_style_destroy(artfusion_style *style);

/* ======================================================================
 * 7. Sampler: one run
 * ====================================================================== */

/** One run, from noise to a batch of pictures. One thread at a time, but for
 * artfusion_sampler_cancel. */
typedef struct artfusion_sampler artfusion_sampler;

#define ARTFUSION_ALL (-1) /**< for an index: every picture of the batch */

/** Where random numbers come from. */
typedef int32_t artfusion_rng_kind;
enum {
    ARTFUSION_RNG_COUNTER = 0,  /**< Philox 4x32-10; picture n's numbers depend on the seed and n
                                 * alone, not on the batch */
    ARTFUSION_RNG_TORCH_CPU = 1 /**< those of torch.manual_seed(seed) on the CPU, to the last bit */
};

/** What x_T, the noise at the start, is drawn from. */
typedef int32_t artfusion_noise_kind;
enum {
    ARTFUSION_NOISE_NORMAL = 0,
    ARTFUSION_NOISE_UNIFORM = 1 /**< x_T in [0, 1), as the published notebook draws it */
};

/** What a noise callback is asked for. */
typedef int32_t artfusion_noise_use;
enum {
    ARTFUSION_NOISE_X_T = 0,  /**< the start */
    ARTFUSION_NOISE_STEP = 1, /**< what a stochastic solver adds in a step */
    ARTFUSION_NOISE_MASK = 2  /**< what brings the masked latent to a step's timestep */
};

/** Fills values[batch, channels, height, width] (latent pixels) with the noise
 * of step `step` (0 is the first) and returns 0; or returns 1 to leave it to
 * the sampler's generator; anything else cancels. */
typedef int32_t (*artfusion_noise_callback)(void *user_data, artfusion_noise_use use, int32_t step,
                                            float *values, size_t count);

/** After each step. The sampler may be asked for its progress, tensors and
 * images (a preview: the decoded x0 of the moment). Nonzero ends the call. */
typedef int32_t (*artfusion_step_callback)(void *user_data, artfusion_sampler *sampler);

/** Before each solver update: may change the guided eps[batch, channels, height,
 * width] in place. Nonzero cancels. */
typedef int32_t (*artfusion_eps_callback)(void *user_data, artfusion_sampler *sampler, float *eps,
                                          size_t count);

/** Of artfusion_sampler_create. */
typedef struct artfusion_sampler_options {
    uint32_t struct_size;       /**< sizeof the struct, in bytes */
    int32_t width;              /**< pixels, a multiple of the model's size_multiple */
    int32_t height;             /**< pixels, likewise */
    int32_t batch;              /**< 1; pictures at once, 1..256; computed in parts of the size
                                 * that is fastest */
    int32_t steps;              /**< 1..the model's timesteps */
    artfusion_solver solver;    /**< the model's */
    artfusion_spacing spacing;  /**< the model's */
    artfusion_rng_kind rng;     /**< COUNTER */
    artfusion_noise_kind noise; /**< NORMAL: kind of x_T */
    int32_t keep_every;         /**< 0: keep nothing; k: x_T, the first step's x and x0, and
                                 * those of every k-th step counted back from the last */
    uint64_t seed;              /**< 0 */
    double content_scale;       /**< guidance scales: 1 is the condition as it is and costs no */
    double style_scale;         /**<   network pass, 0 ignores it, more exaggerates it */
    double content_start;       /**< 0: a guidance scale holds from this fraction of the steps */
    double content_end;         /**< 1: to this one, >= content_start, and is 1 elsewhere */
    double style_start;         /**< 0 */
    double style_end;           /**< 1, >= style_start */
    double eta;                 /**< 0 (DDIM's ODE) .. 1 and more; for DDIM and 2M-SDE, >= 0 */
    double temperature;         /**< 1: factor of each step's noise, >= 0 */
    double noise_dropout;       /**< 0: share of the step noise's elements zeroed, 0 <= p < 1 */
    double denoising_strength;  /**< 1: all steps from x_T; less: starts from the noised init latent
                                 * and does the last round(this * steps) of the steps, >= 1 */
    const int32_t *timesteps;   /**< NULL: by `spacing`; else `steps` of them, not increasing,
                                 * ending at x0. Copied. */
    artfusion_noise_callback noise_callback; /**< NULL: the generator */
    void *noise_user_data;      /**< given to it */
    artfusion_step_callback step_callback;   /**< NULL */
    void *step_user_data;       /**< given to it */
    artfusion_eps_callback eps_callback;     /**< NULL */
    void *eps_user_data;        /**< given to it */
} artfusion_sampler_options;

/** Fills in the model's own defaults, its native size included; a NULL model
 * those of the published code: 250 DDIM steps, eta 0, both scales 1,
 * 256 x 256. Errors: ARGUMENT. */
ARTFUSION_API artfusion_status artfusion_sampler_options_init(artfusion_sampler_options *options,
                                                              size_t struct_size,
                                                              const artfusion_model *model);

/** Changes options that are filled in to what the model's preset `name` says: the
 * solver, spacing, steps, eta, both scales and both intervals, and NULL timesteps.
 * What the preset leaves open is the model's default; other fields stay. After an
 * error all of them do.
 * Errors: ARGUMENT (no such preset: the message lists those there are),
 * UNSUPPORTED (as for any options: set fields that this library is too old for). */
ARTFUSION_API artfusion_status artfusion_sampler_options_set_preset(
    artfusion_sampler_options *options, const artfusion_model *model, const char *name);

/** Changes width and height of options that are filled in to a size of the image's
 * proportions, by artfusion_model_fit_size: the longer side is nearest to `longest`
 * pixels, 0 for the model's native longer side. Other fields stay, and after an error all
 * of them do. Since 1.1. Errors: ARGUMENT, UNSUPPORTED (as
 * artfusion_sampler_options_set_preset). */
ARTFUSION_API artfusion_status artfusion_sampler_options_set_size(
    artfusion_sampler_options *options, const artfusion_model *model,
    const artfusion_image *image, int32_t longest);

/** How many bytes a run by these options holds at most at a time, beside what the process
 * has already and the opened model is: the sampler with what it keeps, the networks'
 * layers in the largest call, and a picture of the result; on a GPU the layers are there.
 * Within 15 % above what is then held. glibc may keep as much again of what was freed,
 * unless memory_limit is set. What the networks take is measured by calls on zeros, at the
 * first question to a model: from 64 pixels up to twice the native size, and not beyond
 * 1024 pixels or memory_limit; that costs about as long as a few steps at twice the
 * native size. A need that 64 bits do not hold is UINT64_MAX. Since 1.1.
 * Errors: ARGUMENT, ENGINE, MEMORY, and as for any options. */
ARTFUSION_API artfusion_status artfusion_sampler_memory_needed(
    artfusion_model *model, const artfusion_sampler_options *options, uint64_t *bytes);

/** Without further calls it paints from null content and null style. Errors:
 * ARGUMENT, MEMORY, and where the context has a memory_limit also LIMIT (it needs more,
 * even with its pictures computed one by one) and ENGINE. */
ARTFUSION_API artfusion_status artfusion_sampler_create(artfusion_model *model,
                                                        const artfusion_sampler_options *options,
                                                        artfusion_sampler **sampler);

/* The setters take the index of a picture in the batch or ARTFUSION_ALL, and
 * come before the first step (else: STATE). */

/** The picture whose shapes are kept, resized (bicubic) to the run's size;
 * NULL: the null content. Errors: ARGUMENT, STATE, ENGINE, NUMERIC, MEMORY. */
ARTFUSION_API artfusion_status artfusion_sampler_set_content(artfusion_sampler *sampler,
                                                             int32_t index,
                                                             const artfusion_image *image);

/** The same from its scaled latent [channels, height, width] of `count` values
 * (artfusion_model_encode); copied. NULL: the null content.
 * Errors: ARGUMENT, STATE, MEMORY. */
ARTFUSION_API artfusion_status artfusion_sampler_set_content_latent(artfusion_sampler *sampler,
                                                                    int32_t index,
                                                                    const float *latent,
                                                                    size_t count);

/** Copied; NULL: the null style. Errors: ARGUMENT, STATE, MISMATCH. */
ARTFUSION_API artfusion_status artfusion_sampler_set_style(artfusion_sampler *sampler,
                                                           int32_t index,
                                                           const artfusion_style *style);

/** The scaled latent [channels, height, width] that a denoising strength below 1
 * starts from and that a mask keeps; copied. Default: the
 * content's own. Errors: ARGUMENT, STATE, MEMORY. */
ARTFUSION_API artfusion_status artfusion_sampler_set_init_latent(artfusion_sampler *sampler,
                                                                 int32_t index,
                                                                 const float *latent, size_t count);

/** [height, width] in latent pixels, each in [0, 1]: 1 keeps the init latent,
 * 0 paints; copied. NULL: paint everywhere. Errors: ARGUMENT, STATE, MEMORY. */
ARTFUSION_API artfusion_status artfusion_sampler_set_mask(artfusion_sampler *sampler,
                                                          int32_t index, const float *mask,
                                                          size_t count);

/** Does one step: at most one call of the UNet per network pass needed, then the
 * solver's update. ARTFUSION_OK after a step, ARTFUSION_DONE if none was left.
 * After an error, CANCELLED included, the sampler stands before the step it was
 * in, and the next call tries that again; where the step callback cancelled, the
 * step was done and the next call does the one after it. A latent that overflowed
 * (NUMERIC) is the exception: the run is lost.
 * Errors: ARGUMENT (an init latent is needed and missing), CANCELLED, ENGINE,
 * NUMERIC (with the step), MEMORY. */
ARTFUSION_API artfusion_status artfusion_sampler_next(artfusion_sampler *sampler);

/** All steps that are left. ARTFUSION_OK at the end. Errors: as
 * artfusion_sampler_next. */
ARTFUSION_API artfusion_status artfusion_sampler_run(artfusion_sampler *sampler);

/** Makes the running or else the next `next`, `run` or `image` call end with
 * CANCELLED, within one network call; once. From any thread, and from a signal
 * handler. Under ARTFUSION_ISOLATION_PROCESS a network call that does not end within
 * a fifth of a second is ended with its process, and the next call starts another, which
 * takes as long as opening the model did; calls of other threads that were in that
 * process are made again by themselves. A process that is just being started is waited for. */
ARTFUSION_API void artfusion_sampler_cancel(artfusion_sampler *sampler);

/** How far a run is. */
typedef struct artfusion_progress {
    uint32_t struct_size;     /**< sizeof the struct, in bytes */
    int32_t step;             /**< steps done */
    int32_t steps;            /**< steps in all: fewer than asked below denoising_strength 1 */
    int32_t timestep;         /**< of the last step done; -1 before the first */
    int32_t passes;           /**< passes through the UNet so far, a picture: NFE */
    int32_t batch;            /**< pictures at once */
    double seconds_encode;    /**< wall clock, in the networks: content encoder */
    double seconds_denoise;   /**<   UNet */
    double seconds_decode;    /**<   decoder */
    double seconds_total;     /**< in all calls of this sampler */
} artfusion_progress;

/** Fills the first `struct_size` bytes. Errors: ARGUMENT. */
ARTFUSION_API artfusion_status artfusion_sampler_get_progress(const artfusion_sampler *sampler,
                                                              artfusion_progress *progress,
                                                              size_t struct_size);

/** The latent of the moment, scaled, [batch, channels, height, width], `*count`
 * values. Borrowed until the next step. NULL before there is one; `count` may be
 * NULL. */
ARTFUSION_API const float *artfusion_sampler_x(const artfusion_sampler *sampler, size_t *count);

/** The x0 predicted in the last step, in the same way. */
ARTFUSION_API const float *artfusion_sampler_x0(const artfusion_sampler *sampler, size_t *count);

/** How many entries `keep_every` has kept: entry 0 is x_T, whose x0 is NULL. 0 for
 * NULL. */
ARTFUSION_API int32_t artfusion_sampler_kept_count(const artfusion_sampler *sampler);

/** Borrowed tensors of entry 0..count - 1, like artfusion_sampler_x; either
 * pointer may be NULL. Errors: ARGUMENT. */
ARTFUSION_API artfusion_status artfusion_sampler_kept(const artfusion_sampler *sampler,
                                                      int32_t entry, const float **x,
                                                      const float **x0);

/** Decodes picture `index`: the result after the last step, before it a preview
 * of the x0 of the moment. Errors: ARGUMENT, STATE (no step done), CANCELLED,
 * ENGINE, NUMERIC, MEMORY. */
ARTFUSION_API artfusion_status artfusion_sampler_image(artfusion_sampler *sampler, int32_t index,
                                                       artfusion_image **image);

/** Where the run is, between two steps, and all that its next ones depend on: `*size`
 * bytes at `*data`, which artfusion_free frees. That is what the setters were given,
 * latents, the solver's history, the generator, and what `keep_every` kept; not callbacks.
 * May be called by a step callback, and before the first step. Since 1.1.
 * Errors: ARGUMENT, STATE (from a callback within a step), MEMORY. */
ARTFUSION_API artfusion_status artfusion_sampler_save_state_memory(artfusion_sampler *sampler,
                                                                   uint8_t **data, size_t *size);

/** The same to a file: written beside `path`, then renamed, so that there is a whole
 * state whenever the process ends. Since 1.1. Errors: as
 * artfusion_sampler_save_state_memory, and IO. */
ARTFUSION_API artfusion_status artfusion_sampler_save_state_file(artfusion_sampler *sampler,
                                                                 const char *path);

/** Takes a sampler to where another was, in this process or an earlier one, that was made
 * with the same options and a model of the same weights; what its setters were given
 * before is replaced. The steps after it give the bytes that the other run would have
 * given, on the same machine with the same engine, device, precision and threads, where
 * its callbacks do the same. After an error the sampler is as it was. Since 1.1.
 * Errors: ARGUMENT, STATE (as above), FORMAT, UNSUPPORTED (a newer format), CHECKSUM,
 * MISMATCH (the message names the option, or the model), MEMORY. */
ARTFUSION_API artfusion_status artfusion_sampler_load_state_memory(artfusion_sampler *sampler,
                                                                   const void *data, size_t size);

/** The same from a file. Since 1.1. Errors: as artfusion_sampler_load_state_memory, and
 * IO, LIMIT (a file far larger than this sampler's state). */
ARTFUSION_API artfusion_status artfusion_sampler_load_state_file(artfusion_sampler *sampler,
                                                                 const char *path);

/** NULL does nothing. Not during a call of its own. */
ARTFUSION_API void artfusion_sampler_destroy(artfusion_sampler *sampler);

/* ======================================================================
 * 8. Advanced: the stages, one by one
 * ====================================================================== */

/** What artfusion_model_encode gives. */
typedef int32_t artfusion_latent_kind;
enum {
    ARTFUSION_LATENT_MODE = 0,   /**< the encoder's posterior mode */
    ARTFUSION_LATENT_SCALED = 1, /**< (mode - shift) * scale: what is diffused */
    ARTFUSION_LATENT_CONTENT = 2 /**< SCALED less its mean over its standard deviation, a channel:
                                  * the content condition */
};

/** Encodes a picture, whose sides must be multiples of the model's
 * size_multiple, to latent[channels, height / downsample, width / downsample].
 * `count` is the number of floats in `latent`, and must be just that.
 * Errors: ARGUMENT, ENGINE, NUMERIC, MEMORY. */
ARTFUSION_API artfusion_status artfusion_model_encode(artfusion_model *model,
                                                      const artfusion_image *image,
                                                      artfusion_latent_kind kind, float *latent,
                                                      size_t count);

/** Decodes a scaled latent[batch, channels, latent_height, latent_width] to
 * rgb[batch, 3, H, W], nominally -1..1 and not clamped. `count`: floats in `rgb`.
 * Errors: ARGUMENT, ENGINE, NUMERIC, MEMORY. */
ARTFUSION_API artfusion_status artfusion_model_decode(artfusion_model *model, const float *latent,
                                                      int32_t batch, int32_t latent_width,
                                                      int32_t latent_height, float *rgb,
                                                      size_t count);

/** One pass of the UNet without guidance: its prediction (as model_info says:
 * eps, v or x0) for x[batch, channels, latent_height, latent_width] at
 * timesteps[batch]. `content` is the content condition like x, NULL for null
 * content; `styles` is [batch, style_width], NULL for the null style.
 * Errors: ARGUMENT, ENGINE, NUMERIC, MEMORY. */
ARTFUSION_API artfusion_status artfusion_model_denoise(artfusion_model *model, const float *x,
                                                       const int32_t *timesteps,
                                                       const float *content, const float *styles,
                                                       int32_t batch, int32_t latent_width,
                                                       int32_t latent_height, float *prediction);

/** betas[timesteps] in float64. `start` and `end` are the first and last beta
 * (the published model: 0.0015, 0.0195), unused by COSINE, whose offset is
 * 0.008. Errors: ARGUMENT. */
ARTFUSION_API artfusion_status artfusion_schedule_betas(artfusion_schedule schedule, double start,
                                                        double end, int32_t timesteps,
                                                        double *betas);

/** The timesteps visited in `steps` steps, first to last (descending), from
 * 0..train_timesteps-1. Always exactly `steps` of them; UNIFORM and QUAD are the
 * reference's own where it yields that number, but for a single step of QUAD,
 * which is where longer runs start. Errors: ARGUMENT (steps beyond
 * 1..train_timesteps). */
ARTFUSION_API artfusion_status artfusion_timesteps(artfusion_spacing spacing, int32_t steps,
                                                   int32_t train_timesteps, int32_t *timesteps);

/** DDIM's coefficients, arXiv 2010.02502 equations 12 and 16, for timesteps[steps]
 * as above: alphas[i] and alphas_prev[i] are alphas_cumprod before and after
 * step i, sigmas[i] its noise. `spacing` says where the last step ends.
 * Errors: ARGUMENT. */
ARTFUSION_API artfusion_status artfusion_ddim_coefficients(const double *alphas_cumprod,
                                                           int32_t train_timesteps,
                                                           artfusion_spacing spacing,
                                                           const int32_t *timesteps, int32_t steps,
                                                           double eta, double *alphas,
                                                           double *alphas_prev, double *sigmas);

/** A generator of random numbers, with the state of a sequence. */
typedef struct artfusion_rng artfusion_rng;

/** A generator at the beginning of its sequence. Errors: ARGUMENT, MEMORY. */
ARTFUSION_API artfusion_status artfusion_rng_create(artfusion_rng_kind kind, uint64_t seed,
                                                    artfusion_rng **rng);

/** The next `count` numbers, normal of mean 0 and variance 1. With TORCH_CPU one
 * call is one torch.randn of that many elements. Errors: ARGUMENT. */
ARTFUSION_API artfusion_status artfusion_rng_normal(artfusion_rng *rng, float *values,
                                                    size_t count);

/** The next `count` numbers, uniform in [0, 1); with TORCH_CPU one call is one
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

/** The name of a constant such as "ddim", "dpmpp_2m", "trailing" or
 * "lanczos"; NULL for an unknown value. Static. */
ARTFUSION_API const char *artfusion_name_of(artfusion_enumeration enumeration, int32_t value);

/** The constant of a name. Errors: ARGUMENT, whose message lists the names
 * there are. */
ARTFUSION_API artfusion_status artfusion_value_of(artfusion_enumeration enumeration,
                                                  const char *name, int32_t *value);

#ifdef __cplusplus
}
#endif

#endif
