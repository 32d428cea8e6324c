/* SPDX-License-Identifier: MIT
 *
 * artfusion.hpp - artfusion.h for C++17: handles that destroy themselves, exceptions, callbacks
 * that may throw. There is nothing to link besides the C library, whose ABI stays as it is.
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
 * that are not wrapped.
 * Since 1.0.
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

namespace artfusion {

/* Thrown when a call failed: its status, and the library's sentence as what(). */
class Error : public std::runtime_error {
public:
    explicit Error(artfusion_status status)
        : std::runtime_error(artfusion_error_message()), status_(status)
    {
    }
    artfusion_status status() const noexcept { return status_; }

private:
    artfusion_status status_;
};

/* Throws an error, and returns any other status: ARTFUSION_OK or a positive one. */
inline artfusion_status check(artfusion_status status)
{
    if (status < 0)
        throw Error(status);
    return status;
}

namespace detail {

template <auto destroy> struct Destroy {
    template <class T> void operator()(T *handle) const noexcept { destroy(handle); }
};

/* A handle of the C library: moved, not copied. */
template <class T, void (*destroy)(T *)> class Handle {
public:
    T *get() const noexcept { return handle_.get(); }

protected:
    Handle() = default;
    explicit Handle(T *handle) noexcept : handle_(handle) {}
    void reset(T *handle) noexcept { handle_.reset(handle); }

private:
    std::unique_ptr<T, Destroy<destroy>> handle_;
};

/* The bytes that a call returns through its last two parameters, memory and its size. */
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

class Image : public detail::Handle<artfusion_image, artfusion_image_destroy> {
public:
    explicit Image(artfusion_image *owned) noexcept : Handle(owned) {}
    Image(int32_t width, int32_t height)
    {
        artfusion_image *image;
        check(artfusion_image_create(width, height, &image));
        reset(image);
    }

    /* Wraps pixels that stay the caller's and must outlive the image. */
    static Image wrap(uint8_t *pixels, int32_t width, int32_t height, size_t stride)
    {
        artfusion_image *image;
        check(artfusion_image_wrap(pixels, width, height, stride, &image));
        return Image(image);
    }
    static Image load(const std::string &path, const artfusion_load_options *options = nullptr)
    {
        artfusion_image *image;
        check(artfusion_image_load_file(path.c_str(), options, &image));
        return Image(image);
    }
    static Image load(const void *data, size_t size,
                      const artfusion_load_options *options = nullptr)
    {
        artfusion_image *image;
        check(artfusion_image_load_memory(data, size, options, &image));
        return Image(image);
    }

    /* What reading the file had to pass over; empty if nothing. */
    std::string warning() const { return artfusion_image_warning(get()); }

    void save(const std::string &path, const artfusion_save_options *options = nullptr) const
    {
        check(artfusion_image_save_file(get(), path.c_str(), options));
    }
    std::vector<uint8_t> save(const artfusion_save_options &options) const
    {
        return detail::bytes([&](uint8_t **data, size_t *size) {
            return artfusion_image_save_memory(get(), &options, data, size);
        });
    }

    Image resize(int32_t width, int32_t height,
                 artfusion_filter filter = ARTFUSION_FILTER_BICUBIC) const
    {
        return resized(artfusion_image_resize, width, height, filter);
    }
    Image fit(int32_t width, int32_t height,
              artfusion_filter filter = ARTFUSION_FILTER_BICUBIC) const
    {
        return resized(artfusion_image_resize_fit, width, height, filter);
    }
    Image cover(int32_t width, int32_t height,
                artfusion_filter filter = ARTFUSION_FILTER_BICUBIC) const
    {
        return resized(artfusion_image_resize_cover, width, height, filter);
    }

    int32_t width() const noexcept { return artfusion_image_width(get()); }
    int32_t height() const noexcept { return artfusion_image_height(get()); }
    size_t stride() const noexcept { return artfusion_image_stride(get()); }
    uint8_t *pixels() noexcept { return artfusion_image_pixels(get()); }
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

class Context : public detail::Handle<artfusion_context, artfusion_context_destroy> {
public:
    explicit Context(const artfusion_context_options *options = nullptr)
    {
        artfusion_context *context;
        check(artfusion_context_create(options, &context));
        reset(context);
    }
};

class Model;

class Style : public detail::Handle<artfusion_style, artfusion_style_destroy> {
public:
    explicit Style(artfusion_style *owned) noexcept : Handle(owned) {}

    /* The sum of styles of one model, each by its weight. */
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

    std::vector<float> values() const
    {
        size_t count = 0;
        const float *values = artfusion_style_values(get(), &count);
        return std::vector<float>(values, values + count);
    }

    /* For Model::load_style, of any process. Since 1.1. */
    void save(const std::string &path) const
    {
        check(artfusion_style_save_file(get(), path.c_str()));
    }
    std::vector<uint8_t> save() const
    {
        return detail::bytes([this](uint8_t **data, size_t *size) {
            return artfusion_style_save_memory(get(), data, size);
        });
    }
};

struct Options;

class Model : public detail::Handle<artfusion_model, artfusion_model_destroy> {
public:
    Model(const Context &context, const std::string &path)
    {
        artfusion_model *model;
        check(artfusion_model_open_file(context.get(), path.c_str(), &model));
        reset(model);
    }
    /* From memory, which is needed during the call only. */
    Model(const Context &context, const void *data, size_t size)
    {
        artfusion_model *model;
        check(artfusion_model_open_memory(context.get(), data, size, &model));
        reset(model);
    }

    artfusion_model_info info() const
    {
        artfusion_model_info info;
        check(artfusion_model_get_info(get(), &info, sizeof info));
        return info;
    }
    std::vector<std::string> presets() const
    {
        std::vector<std::string> names;
        for (int32_t i = 0; i < artfusion_model_preset_count(get()); i++)
            names.emplace_back(artfusion_model_preset_name(get(), i));
        return names;
    }
    /* {width, height} for the given proportions; `longest` as in artfusion_model_fit_size. */
    std::pair<int32_t, int32_t> fit_size(int32_t width, int32_t height, int32_t longest = 0) const
    {
        std::pair<int32_t, int32_t> size;
        check(artfusion_model_fit_size(get(), width, height, longest, &size.first, &size.second));
        return size;
    }

    /* The style of a picture of any size, which is read at the model's native size. */
    Style style(const Image &image) const
    {
        artfusion_style *style;
        check(artfusion_style_from_image(get(), image.get(), &style));
        return Style(style);
    }
    /* The style of the picture as it is: artfusion_style_from_image_exact. Since 1.1. */
    Style style_exact(const Image &image) const
    {
        artfusion_style *style;
        check(artfusion_style_from_image_exact(get(), image.get(), &style));
        return Style(style);
    }
    Style style(const std::vector<float> &values) const
    {
        artfusion_style *style;
        check(artfusion_style_from_values(get(), values.data(), values.size(), &style));
        return Style(style);
    }
    Style null_style() const
    {
        artfusion_style *style;
        check(artfusion_style_null(get(), &style));
        return Style(style);
    }
    /* Restores what Style::save has written or returned. Since 1.1. */
    Style load_style(const std::string &path) const
    {
        artfusion_style *style;
        check(artfusion_style_load_file(get(), path.c_str(), &style));
        return Style(style);
    }
    Style load_style(const void *data, size_t size) const
    {
        artfusion_style *style;
        check(artfusion_style_load_memory(get(), data, size, &style));
        return Style(style);
    }

    /* The most bytes that a run takes: artfusion_sampler_memory_needed. Since 1.1. */
    uint64_t memory_needed(const Options &options) const;
};

/* ======================================================================
 * Sampler
 * ====================================================================== */

class Sampler;

/* artfusion_sampler_options, filled with the model's own defaults. Set callbacks here as
 * functions, not in the C fields: Sampler overwrites a field if its function is set. */
struct Options : artfusion_sampler_options {
    explicit Options(const Model &model)
    {
        check(artfusion_sampler_options_init(this, sizeof(artfusion_sampler_options), model.get()));
    }
    Options &preset(const Model &model, const std::string &name)
    {
        check(artfusion_sampler_options_set_preset(this, model.get(), name.c_str()));
        return *this;
    }

    /* Width and height from the image's proportions; `longest` as in artfusion_model_fit_size.
     * Since 1.1. */
    Options &size(const Model &model, const Image &image, int32_t longest = 0)
    {
        check(artfusion_sampler_options_set_size(this, model.get(), image.get(), longest));
        return *this;
    }

    /* Called after each step. False ends the call with ARTFUSION_ERROR_CANCELLED. */
    std::function<bool(Sampler &)> on_step;
    /* May change the guided eps in place. False ends the call. */
    std::function<bool(float *eps, size_t count)> on_eps;
    /* Fills in the noise of a step, or returns false to leave it to the generator. */
    std::function<bool(artfusion_noise_use use, int32_t step, float *values, size_t count)> on_noise;
};

inline uint64_t Model::memory_needed(const Options &options) const
{
    uint64_t bytes = 0;
    check(artfusion_sampler_memory_needed(get(), &options, &bytes));
    return bytes;
}

class Sampler : public detail::Handle<artfusion_sampler, artfusion_sampler_destroy> {
public:
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
                return guarded(data, 2, [&](Callbacks &own) {
                    return !own.noise(use, step, values, count);
                });
            };
            c.noise_user_data = callbacks_.get();
        }
        artfusion_sampler *sampler;
        check(artfusion_sampler_create(model.get(), &c, &sampler));
        reset(sampler);
    }

    void set_content(const Image &image, int32_t index = ARTFUSION_ALL)
    {
        check(artfusion_sampler_set_content(get(), index, image.get()));
    }
    void set_style(const Style &style, int32_t index = ARTFUSION_ALL)
    {
        check(artfusion_sampler_set_style(get(), index, style.get()));
    }

    /* Does one step; false if none was left. */
    bool next()
    {
        return call([this] { return artfusion_sampler_next(get()); }) != ARTFUSION_DONE;
    }
    void run()
    {
        call([this] { return artfusion_sampler_run(get()); });
    }
    /* May be called from any thread. */
    void cancel() noexcept { artfusion_sampler_cancel(get()); }

    artfusion_progress progress() const
    {
        artfusion_progress progress;
        check(artfusion_sampler_get_progress(get(), &progress, sizeof progress));
        return progress;
    }
    /* The result, or a preview before the last step. */
    Image image(int32_t index = 0)
    {
        artfusion_image *image;
        check(artfusion_sampler_image(get(), index, &image));
        return Image(image);
    }

    /* Saves where the run is, for load_state of a sampler with the same options and weights. May be
     * called between two steps, and in on_step. Since 1.1. */
    void save_state(const std::string &path)
    {
        check(artfusion_sampler_save_state_file(get(), path.c_str()));
    }
    std::vector<uint8_t> save_state()
    {
        return detail::bytes([this](uint8_t **data, size_t *size) {
            return artfusion_sampler_save_state_memory(get(), data, size);
        });
    }
    /* Restores a saved state; not from a callback. Since 1.1. */
    void load_state(const std::string &path)
    {
        check(artfusion_sampler_load_state_file(get(), path.c_str()));
    }
    void load_state(const void *data, size_t size)
    {
        check(artfusion_sampler_load_state_memory(get(), data, size));
    }

private:
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
