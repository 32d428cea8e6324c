/** @file
 * SPDX-License-Identifier: MIT
 *
 * artfusion.hpp - artfusion.h for C++17
 *
 * Handles destroy themselves, errors are exceptions, and callbacks may throw. There is nothing to
 * link besides the C library, whose ABI stays as it is.
 *
 *     artfusion::Context context;
 *     artfusion::Model model(context, "mini.artfusion");
 *     artfusion::Image photo = artfusion::Image::load("photo.jpg");
 *     artfusion::Options options(model);
 *     options.size(model, photo);
 *     artfusion::Sampler sampler(model, options);
 *     sampler.set_content(photo);
 *     sampler.set_style(model.style(artfusion::Image::load("painting.jpg")));
 *     sampler.run();
 *     sampler.image().save("out.png");
 *
 * What artfusion.h says about shapes, units, ownership, errors and threads holds here as well.
 * Every status below zero is thrown as an artfusion::Error. An exception that leaves a callback is
 * rethrown by the call that the callback belongs to. `get()` returns the C handle, for functions
 * that are not wrapped. Everything here has existed since 1.0 unless said otherwise.
 */
#ifndef ARTFUSION_HPP
#define ARTFUSION_HPP

#include "artfusion.h"

#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

/** artfusion.h for C++17. */
namespace artfusion {

/** Thrown if a call fails. what() is the library's sentence. */
class Error : public std::runtime_error {
public:
    /** With artfusion_error_message() of this thread. */
    explicit Error(artfusion_status status)
        : std::runtime_error(artfusion_error_message()), status_(status)
    {
    }
    /** What the call returned. */
    artfusion_status status() const noexcept { return status_; }

private:
    artfusion_status status_;
};

/** Throws an Error if `status` is one, and returns any other: ARTFUSION_OK or a positive one. */
inline artfusion_status check(artfusion_status status)
{
    if (status < 0)
        throw Error(status);
    return status;
}

/** What the classes have in common; not for callers. */
namespace detail {

/** Ends a handle or memory of the library's. */
template <auto destroy> struct Destroy {
    /** Called by std::unique_ptr. */
    template <class T> void operator()(T *handle) const noexcept { destroy(handle); }
};

/** A handle of the C library: it can be moved, not copied, and destroys itself. */
template <class T, void (*destroy)(T *)> class Handle {
public:
    /** The C handle, which stays this object's; NULL once it has been moved from. */
    T *get() const noexcept { return handle_.get(); }

protected:
    Handle() = default; /**< No handle yet. */
    /** Takes over a handle. */
    explicit Handle(T *handle) noexcept : handle_(handle) {}
    /** Takes over another handle. */
    void reset(T *handle) noexcept { handle_.reset(handle); }

private:
    std::unique_ptr<T, Destroy<destroy>> handle_;
};

/** The bytes that a call returns through its last two parameters, memory and its size. */
template <class Function> std::vector<uint8_t> bytes(Function function)
{
    uint8_t *data = nullptr;
    size_t size = 0;
    check(function(&data, &size));
    const std::unique_ptr<uint8_t, Destroy<artfusion_free>> owned(data);
    return std::vector<uint8_t>(data, data + size);
}

} // namespace detail

/* ======================================================================
 * Images
 * ====================================================================== */

/** A picture in memory: RGB, 8 bits a channel. */
class Image : public detail::Handle<artfusion_image, artfusion_image_destroy> {
public:
    /** Takes over a handle. */
    explicit Image(artfusion_image *owned) noexcept : Handle(owned) {}
    /** artfusion_image_create(): a black picture. */
    Image(int32_t width, int32_t height)
    {
        artfusion_image *image;
        check(artfusion_image_create(width, height, &image));
        reset(image);
    }

    /** artfusion_image_wrap(): the pixels stay the caller's and must outlive the image. */
    static Image wrap(uint8_t *pixels, int32_t width, int32_t height, size_t stride)
    {
        artfusion_image *image;
        check(artfusion_image_wrap(pixels, width, height, stride, &image));
        return Image(image);
    }
    /** artfusion_image_load_file() */
    static Image load(const std::string &path, const artfusion_load_options *options = nullptr)
    {
        artfusion_image *image;
        check(artfusion_image_load_file(path.c_str(), options, &image));
        return Image(image);
    }
    /** artfusion_image_load_memory() */
    static Image load(const void *data, size_t size,
                      const artfusion_load_options *options = nullptr)
    {
        artfusion_image *image;
        check(artfusion_image_load_memory(data, size, options, &image));
        return Image(image);
    }

    /** artfusion_image_warning(): what was wrong when it was read; empty if nothing. */
    std::string warning() const { return artfusion_image_warning(get()); }

    /** artfusion_image_save_file() */
    void save(const std::string &path, const artfusion_save_options *options = nullptr) const
    {
        check(artfusion_image_save_file(get(), path.c_str(), options));
    }
    /** artfusion_image_save_memory() */
    std::vector<uint8_t> save(const artfusion_save_options &options) const
    {
        return detail::bytes([&](uint8_t **data, size_t *size) {
            return artfusion_image_save_memory(get(), &options, data, size);
        });
    }

    /** artfusion_image_resize(): to exactly this size. */
    Image resize(int32_t width, int32_t height,
                 artfusion_filter filter = ARTFUSION_FILTER_BICUBIC) const
    {
        return resized(artfusion_image_resize, width, height, filter);
    }
    /** artfusion_image_resize_fit(): within this size, with the proportions kept. */
    Image fit(int32_t width, int32_t height,
              artfusion_filter filter = ARTFUSION_FILTER_BICUBIC) const
    {
        return resized(artfusion_image_resize_fit, width, height, filter);
    }
    /** artfusion_image_resize_cover(): fills this size; what does not fit is cut off. */
    Image cover(int32_t width, int32_t height,
                artfusion_filter filter = ARTFUSION_FILTER_BICUBIC) const
    {
        return resized(artfusion_image_resize_cover, width, height, filter);
    }

    /** In pixels. */
    int32_t width() const noexcept { return artfusion_image_width(get()); }
    /** In pixels. */
    int32_t height() const noexcept { return artfusion_image_height(get()); }
    /** Bytes from one row to the next. */
    size_t stride() const noexcept { return artfusion_image_stride(get()); }
    /** RGB, row by row; valid as long as the image. */
    uint8_t *pixels() noexcept { return artfusion_image_pixels(get()); }
    /** The same, to read. */
    const uint8_t *pixels() const noexcept { return artfusion_image_pixels(get()); }

private:
    template <class Function>
    Image resized(Function function, int32_t width, int32_t height, artfusion_filter filter) const
    {
        artfusion_image *image;
        check(function(get(), width, height, filter, &image));
        return Image(image);
    }
};

/* ======================================================================
 * Contexts, models, styles
 * ====================================================================== */

/** Where and how networks run. */
class Context : public detail::Handle<artfusion_context, artfusion_context_destroy> {
public:
    /** artfusion_context_create() */
    explicit Context(const artfusion_context_options *options = nullptr)
    {
        artfusion_context *context;
        check(artfusion_context_create(options, &context));
        reset(context);
    }
};

class Model;

/** A style code. */
class Style : public detail::Handle<artfusion_style, artfusion_style_destroy> {
public:
    /** Takes over a handle. */
    explicit Style(artfusion_style *owned) noexcept : Handle(owned) {}

    /** artfusion_style_blend(): the sum of styles of one model, each multiplied by its weight. */
    static Style blend(const std::vector<std::pair<const Style *, double>> &parts)
    {
        std::vector<const artfusion_style *> styles;
        std::vector<double> weights;
        for (const auto &[style, weight] : parts) {
            styles.push_back(style ? style->get() : nullptr);
            weights.push_back(weight);
        }
        artfusion_style *style;
        check(artfusion_style_blend(styles.data(), weights.data(), parts.size(), &style));
        return Style(style);
    }

    /** artfusion_style_values() */
    std::vector<float> values() const
    {
        size_t count = 0;
        const float *values = artfusion_style_values(get(), &count);
        return std::vector<float>(values, values + count);
    }

    /** artfusion_style_save_file(), for Model::load_style() in any process. Since 1.1. */
    void save(const std::string &path) const
    {
        check(artfusion_style_save_file(get(), path.c_str()));
    }
    /** artfusion_style_save_memory(). Since 1.1. */
    std::vector<uint8_t> save() const
    {
        return detail::bytes([this](uint8_t **data, size_t *size) {
            return artfusion_style_save_memory(get(), data, size);
        });
    }
};

struct Options;

/** An open model. */
class Model : public detail::Handle<artfusion_model, artfusion_model_destroy> {
public:
    /** artfusion_model_open_file() */
    Model(const Context &context, const std::string &path)
    {
        artfusion_model *model;
        check(artfusion_model_open_file(context.get(), path.c_str(), &model));
        reset(model);
    }
    /** artfusion_model_open_memory(): the memory is needed during the call only. */
    Model(const Context &context, const void *data, size_t size)
    {
        artfusion_model *model;
        check(artfusion_model_open_memory(context.get(), data, size, &model));
        reset(model);
    }

    /** artfusion_model_get_info() */
    artfusion_model_info info() const
    {
        artfusion_model_info info;
        check(artfusion_model_get_info(get(), &info, sizeof info));
        return info;
    }
    /** The names for Options::preset(), in the model file's order. */
    std::vector<std::string> presets() const
    {
        std::vector<std::string> names;
        for (int32_t i = 0; i < artfusion_model_preset_count(get()); i++)
            names.emplace_back(artfusion_model_preset_name(get(), i));
        return names;
    }
    /** artfusion_model_fit_size(): {width, height} for the given proportions. */
    std::pair<int32_t, int32_t> fit_size(int32_t width, int32_t height, int32_t longest = 0) const
    {
        std::pair<int32_t, int32_t> size;
        check(artfusion_model_fit_size(get(), width, height, longest, &size.first, &size.second));
        return size;
    }

    /** artfusion_style_from_image(): a picture of any size is read at the model's native size. */
    Style style(const Image &image) const
    {
        artfusion_style *style;
        check(artfusion_style_from_image(get(), image.get(), &style));
        return Style(style);
    }
    /** artfusion_style_from_image_exact(): the picture is read as it is. Since 1.1. */
    Style style_exact(const Image &image) const
    {
        artfusion_style *style;
        check(artfusion_style_from_image_exact(get(), image.get(), &style));
        return Style(style);
    }
    /** artfusion_style_from_values() */
    Style style(const std::vector<float> &values) const
    {
        artfusion_style *style;
        check(artfusion_style_from_values(get(), values.data(), values.size(), &style));
        return Style(style);
    }
    /** artfusion_style_null(): stands for no style in particular. */
    Style null_style() const
    {
        artfusion_style *style;
        check(artfusion_style_null(get(), &style));
        return Style(style);
    }
    /** artfusion_style_load_file(): restores what Style::save() has written. Since 1.1. */
    Style load_style(const std::string &path) const
    {
        artfusion_style *style;
        check(artfusion_style_load_file(get(), path.c_str(), &style));
        return Style(style);
    }
    /** artfusion_style_load_memory(): restores what Style::save() has returned. Since 1.1. */
    Style load_style(const void *data, size_t size) const
    {
        artfusion_style *style;
        check(artfusion_style_load_memory(get(), data, size, &style));
        return Style(style);
    }

    /** artfusion_sampler_memory_needed(): the most bytes that a run takes. Since 1.1. */
    uint64_t memory_needed(const Options &options) const;
};

/* ======================================================================
 * Sampler
 * ====================================================================== */

class Sampler;

/** artfusion_sampler_options, filled with the model's own defaults. Set callbacks here as
 * functions, not in the C fields: Sampler overwrites a field if its function is set. */
struct Options : artfusion_sampler_options {
    /** artfusion_sampler_options_init() */
    explicit Options(const Model &model)
    {
        check(artfusion_sampler_options_init(this, sizeof(artfusion_sampler_options), model.get()));
    }
    /** artfusion_sampler_options_set_preset(); `name` is one of Model::presets(). */
    Options &preset(const Model &model, const std::string &name)
    {
        check(artfusion_sampler_options_set_preset(this, model.get(), name.c_str()));
        return *this;
    }

    /** artfusion_sampler_options_set_size(): width and height from the image's proportions.
     * Since 1.1. */
    Options &size(const Model &model, const Image &image, int32_t longest = 0)
    {
        check(artfusion_sampler_options_set_size(this, model.get(), image.get(), longest));
        return *this;
    }

    /** Called after each step. False ends the call with ARTFUSION_ERROR_CANCELLED. */
    std::function<bool(Sampler &)> on_step;
    /** May change the guided eps in place. False ends the call. */
    std::function<bool(float *eps, size_t count)> on_eps;
    /** Fills in the noise of a step, or returns false to leave it to the generator. */
    std::function<bool(artfusion_noise_use use, int32_t step, float *values, size_t count)>
        on_noise;
};

inline uint64_t Model::memory_needed(const Options &options) const
{
    uint64_t bytes = 0;
    check(artfusion_sampler_memory_needed(get(), &options, &bytes));
    return bytes;
}

/** A run. */
class Sampler : public detail::Handle<artfusion_sampler, artfusion_sampler_destroy> {
public:
    /** artfusion_sampler_create(); `options` is copied, the functions in it included. */
    Sampler(const Model &model, const Options &options) : callbacks_(new Callbacks(options))
    {
        artfusion_sampler_options c = options;
        if (options.on_step) {
            c.step_callback = [](void *data, artfusion_sampler *) {
                return guarded(data, 1, [](Callbacks &own) { return !own.step(*own.self); });
            };
            c.step_user_data = callbacks_.get();
        }
        if (options.on_eps) {
            c.eps_callback = [](void *data, artfusion_sampler *, float *eps, size_t count) {
                return guarded(data, 1, [&](Callbacks &own) { return !own.eps(eps, count); });
            };
            c.eps_user_data = callbacks_.get();
        }
        if (options.on_noise) {
            c.noise_callback = [](void *data, artfusion_noise_use use, int32_t step, float *values,
                                  size_t count) {
                return guarded(
                    data, 2, [&](Callbacks &own) { return !own.noise(use, step, values, count); });
            };
            c.noise_user_data = callbacks_.get();
        }
        artfusion_sampler *sampler;
        check(artfusion_sampler_create(model.get(), &c, &sampler));
        reset(sampler);
    }

    /** artfusion_sampler_set_content() */
    void set_content(const Image &image, int32_t index = ARTFUSION_ALL)
    {
        check(artfusion_sampler_set_content(get(), index, image.get()));
    }
    /** artfusion_sampler_set_style() */
    void set_style(const Style &style, int32_t index = ARTFUSION_ALL)
    {
        check(artfusion_sampler_set_style(get(), index, style.get()));
    }

    /** artfusion_sampler_next(): does one step; false if none was left. */
    bool next()
    {
        return call([this] { return artfusion_sampler_next(get()); }) != ARTFUSION_DONE;
    }
    /** artfusion_sampler_run(): does all steps that are left. */
    void run()
    {
        call([this] { return artfusion_sampler_run(get()); });
    }
    /** artfusion_sampler_cancel(), from any thread. */
    void cancel() noexcept { artfusion_sampler_cancel(get()); }

    /** artfusion_sampler_get_progress() */
    artfusion_progress progress() const
    {
        artfusion_progress progress;
        check(artfusion_sampler_get_progress(get(), &progress, sizeof progress));
        return progress;
    }
    /** artfusion_sampler_latent_size(): {width, height} of masks and latents. Since 1.1. */
    std::pair<int32_t, int32_t> latent_size() const
    {
        std::pair<int32_t, int32_t> size;
        check(artfusion_sampler_latent_size(get(), &size.first, &size.second));
        return size;
    }
    /** artfusion_sampler_image(): the result, or a preview before the last step. */
    Image image(int32_t index = 0)
    {
        artfusion_image *image;
        check(artfusion_sampler_image(get(), index, &image));
        return Image(image);
    }

    /** artfusion_sampler_save_state_file(): for load_state() of a sampler with the same options and
     * weights. May be called between two steps, and in on_step. Since 1.1. */
    void save_state(const std::string &path)
    {
        check(artfusion_sampler_save_state_file(get(), path.c_str()));
    }
    /** artfusion_sampler_save_state_memory(). Since 1.1. */
    std::vector<uint8_t> save_state()
    {
        return detail::bytes([this](uint8_t **data, size_t *size) {
            return artfusion_sampler_save_state_memory(get(), data, size);
        });
    }
    /** artfusion_sampler_load_state_file(); not from on_eps or on_noise. Since 1.1. */
    void load_state(const std::string &path)
    {
        check(artfusion_sampler_load_state_file(get(), path.c_str()));
    }
    /** artfusion_sampler_load_state_memory(); not from on_eps or on_noise. Since 1.1. */
    void load_state(const void *data, size_t size)
    {
        check(artfusion_sampler_load_state_memory(get(), data, size));
    }

private:
    /* Doxygen links to a list of classes within, and makes none of private ones. */
    /** @cond */
    struct Callbacks { /* where callbacks find what they need, wherever the Sampler is moved to */
        explicit Callbacks(const Options &options)
            : step(options.on_step), eps(options.on_eps), noise(options.on_noise)
        {
        }
        decltype(Options::on_step) step;
        decltype(Options::on_eps) eps;
        decltype(Options::on_noise) noise;
        Sampler *self = nullptr;
        std::exception_ptr thrown;
    };
    /** @endcond */

    template <class Function>
    static int32_t guarded(void *data, int32_t failure, Function function) noexcept
    {
        auto &own = *static_cast<Callbacks *>(data);
        try {
            return function(own) ? 1 : 0;
        } catch (...) {
            own.thrown = std::current_exception();
            return failure;
        }
    }

    template <class Function> artfusion_status call(Function function)
    {
        callbacks_->self = this;
        const artfusion_status status = function();
        if (callbacks_->thrown)
            std::rethrow_exception(std::exchange(callbacks_->thrown, nullptr));
        return check(status);
    }

    std::unique_ptr<Callbacks> callbacks_; /* gone before the handle, whose end calls none */
};

} // namespace artfusion

#endif
