/* SPDX-License-Identifier: MIT */
#include "convolution.hpp"

#include <ATen/Functions.h>
#include <ATen/native/CPUBlas.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "kernels.hpp"
#include "parallel.hpp"

namespace af {
namespace {

/* A panel is PANEL output channels: its sums are what the processor's registers hold. A tile is the
 * sums of a panel for TILE_ROWS pixels, 64 KiB of floats, in runs of up to RUN pixels of a line. */
constexpr int64_t PANEL = 64;
constexpr int64_t TILE_ROWS = 256;
constexpr int64_t RUN = 64;
/* From this many channels on, 3x3 convolutions are computed two pixels at a time, in two thirds of the
 * products; below it, that the input is read and written twice more outweighs it. */
constexpr int64_t PAIRED_CHANNELS = 128;
/* Weights of this size stay in a core's cache; of larger ones, each panel is read once. */
constexpr int64_t CACHED_BYTES = 512 << 10;

int64_t divide_up(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

int64_t panel_width(int64_t channels_out)
{
    return std::min(PANEL, 16 * divide_up(channels_out, 16));
}

const uint16_t *bits(const at::Tensor &x)
{
    return static_cast<const uint16_t *>(x.const_data_ptr());
}

uint16_t *mutable_bits(const at::Tensor &x)
{
    return static_cast<uint16_t *>(x.mutable_data_ptr());
}

const at::BFloat16 *values(const uint16_t *bits)
{
    return reinterpret_cast<const at::BFloat16 *>(bits);
}

/* One tap as a product is given it: a sum of a kernel's own taps, by their places. */
struct Term {
    int64_t tap;
    float factor;
};
using Combination = std::vector<Term>;

/* weight[Cout, Cin, ...], for each phase and tap a combination of its last dimensions ->
 * [phases, panels, taps, Cin / 2, width, 2], with zeros for channels that are not there. */
at::Tensor pack(const at::Tensor &weight, int64_t phases, const std::vector<Combination> &combinations)
{
    const at::Tensor dense = weight.to(at::kFloat).contiguous();
    const float *from = dense.const_data_ptr<float>();
    const int64_t cout = dense.size(0), cin = dense.size(1);
    const int64_t kernel = dense.numel() / (cout * cin), width = panel_width(cout);
    const int64_t taps = static_cast<int64_t>(combinations.size()) / phases;
    const int64_t panels = divide_up(cout, width), pairs = divide_up(cin, 2);
    const at::Tensor packed = at::zeros({phases, panels, taps, pairs, width, 2},
                                        dense.options().dtype(at::kBFloat16));
    at::BFloat16 *to = packed.mutable_data_ptr<at::BFloat16>();
    parallel_for(panels * pairs, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++) {
            const int64_t panel = i / pairs, pair = i % pairs;
            const int64_t channels = std::min(width, cout - panel * width);
            for (size_t t = 0; t < combinations.size(); t++) {
                const int64_t phase = static_cast<int64_t>(t) / taps;
                const int64_t tap = static_cast<int64_t>(t) % taps;
                const int64_t row = ((phase * panels + panel) * taps + tap) * pairs + pair;
                for (int64_t c = 2 * pair; c < std::min(2 * pair + 2, cin); c++)
                    for (int64_t o = 0; o < channels; o++) {
                        const float *w = from + ((panel * width + o) * cin + c) * kernel;
                        float sum = 0.0f;
                        for (const Term &term : combinations[t])
                            sum += term.factor * w[term.tap];
                        to[(row * width + o) * 2 + c % 2] = sum;
                    }
            }
        }
    });
    return packed;
}

/* Pixels in memory as rows of channels: [batch, height, width, channels]. */
struct Pixels {
    at::Tensor tensor;
    int64_t batch, height, width, channels;
};

/* What a product's rows are and where its results go. */
struct Task {
    Pixels x; /* borders included */
    const at::Tensor &weight;
    int64_t phase, taps_y, taps_x; /* of the weights; where the taps begin follows from the phase */
    int64_t offset_y, offset_x, step_y, step_x;
    int64_t height, width; /* of what this task computes */
    /* Where pixel (0, 0) of it lies in y, and how far the next line, pixel and image are. */
    uint16_t *y;
    int64_t image_stride, line_stride, pixel_stride;
    int64_t channels_out;
    const float *bias, *gate; /* [Cout], [N, Cout] */
    const uint16_t *residual; /* as y */
};

/* A run of pixels of one line. */
struct Run {
    int64_t image, line, first, count;
};

class Product {
public:
    explicit Product(const Task &task)
        : task_(task), runs_a_line_(divide_up(task.width, RUN)),
          runs_(task.x.batch * task.height * runs_a_line_),
          runs_a_tile_(std::max<int64_t>(1, TILE_ROWS / std::min(task.width, RUN))),
          width_(panel_width(task.channels_out)), panels_(divide_up(task.channels_out, width_)),
          taps_(task.taps_y * task.taps_x), pairs_(divide_up(task.x.channels, 2))
    {
    }

    void run() const
    {
        const int64_t tiles = divide_up(runs_, runs_a_tile_);
        const bool cached = panels_ * panel_size() * 2 <= CACHED_BYTES;
        parallel_for(panels_ * tiles, [&](int64_t begin, int64_t end) {
            std::vector<float> sums(static_cast<size_t>(TILE_ROWS * width_));
            for (int64_t i = begin; i < end; i++) {
                const int64_t panel = cached ? i % panels_ : i / tiles;
                const int64_t tile = cached ? i / panels_ : i % tiles;
                compute(panel, tile, sums.data());
            }
            at::native::cpublas::brgemm_release();
        });
    }

private:
    int64_t panel_size() const { return taps_ * pairs_ * width_ * 2; }

    Run run_at(int64_t index) const
    {
        const int64_t line = index / runs_a_line_, first = index % runs_a_line_ * RUN;
        return {line / task_.height, line % task_.height, first,
                std::min(RUN, task_.width - first)};
    }

    void compute(int64_t panel, int64_t tile, float *sums) const
    {
        const Pixels &x = task_.x;
        const int64_t begin = tile * runs_a_tile_, end = std::min(begin + runs_a_tile_, runs_);
        const int64_t tile_stride = std::min(task_.width, RUN) * width_;
        const uint16_t *weights =
            bits(task_.weight) + (task_.phase * panels_ + panel) * panel_size();
        /* A line's taps lie side by side in x as in the weights: they are one product. */
        const int64_t depth = 2 * pairs_ * task_.taps_x;
        for (int64_t tap = 0; tap < task_.taps_y; tap++) {
            for (int64_t i = begin; i < end; i++) {
                const Run run = run_at(i);
                const int64_t line =
                    run.image * x.height + run.line * task_.step_y + task_.offset_y + tap;
                const int64_t pixel =
                    line * x.width + run.first * task_.step_x + task_.offset_x;
                at::native::cpublas::brgemm(
                    run.count, width_, depth, task_.step_x * x.channels, width_, width_, tap != 0,
                    values(bits(x.tensor) + pixel * x.channels),
                    values(weights + tap * depth * width_), sums + (i - begin) * tile_stride);
            }
        }
        const int64_t channel = panel * width_;
        const int64_t channels = std::min(width_, task_.channels_out - channel);
        for (int64_t i = begin; i < end; i++) {
            const Run run = run_at(i);
            const int64_t at = run.image * task_.image_stride + run.line * task_.line_stride +
                               run.first * task_.pixel_stride + channel;
            kernels::finish_rows(
                sums + (i - begin) * tile_stride, width_, run.count, channels,
                task_.bias ? task_.bias + channel : nullptr,
                task_.gate ? task_.gate + run.image * task_.channels_out + channel : nullptr,
                task_.residual ? task_.residual + at : nullptr, task_.y + at, task_.pixel_stride);
        }
    }

    const Task &task_;
    const int64_t runs_a_line_, runs_, runs_a_tile_, width_, panels_, taps_, pairs_;
};

/* A 3x3 convolution two pixels of a line at a time, by F(2, 3): four products of a third of its taps
 * each give both, six otherwise. A tile has half as many rows, four times. */
class PairedProduct {
public:
    explicit PairedProduct(const Task &task)
        : task_(task), pairs_(task.x.width), rows_(task.height * pairs_),
          runs_a_image_(divide_up(rows_, RUN)), runs_(task.x.batch * runs_a_image_),
          width_(panel_width(task.channels_out)), panels_(divide_up(task.channels_out, width_)),
          depth_(task.x.channels), plane_(task.x.batch * task.x.height * pairs_ * depth_)
    {
    }

    void run() const
    {
        constexpr int64_t runs_a_tile = TILE_ROWS / 2 / RUN;
        const int64_t tiles = divide_up(runs_, runs_a_tile);
        parallel_for(panels_ * tiles, [&](int64_t begin, int64_t end) {
            std::vector<float> sums(static_cast<size_t>(4 * runs_a_tile * RUN * width_));
            for (int64_t i = begin; i < end; i++) {
                const int64_t first = i % tiles * runs_a_tile;
                compute(i / tiles, first, std::min(first + runs_a_tile, runs_), sums.data());
            }
            at::native::cpublas::brgemm_release();
        });
    }

private:
    void compute(int64_t panel, int64_t begin, int64_t end, float *sums) const
    {
        const int64_t run_size = RUN * width_, sums_plane = (end - begin) * run_size;
        const int64_t line = pairs_ * depth_, tap_size = depth_ * width_;
        for (int64_t part = 0; part < 4; part++) {
            const uint16_t *x = bits(task_.x.tensor) + part * plane_;
            const uint16_t *weights =
                bits(task_.weight) + (part * panels_ + panel) * 3 * tap_size;
            for (int64_t tap = 0; tap < 3; tap++)
                for (int64_t i = begin; i < end; i++) {
                    const int64_t image = i / runs_a_image_, row = i % runs_a_image_ * RUN;
                    at::native::cpublas::brgemm(
                        std::min(RUN, rows_ - row), width_, depth_, depth_, width_, width_,
                        tap != 0,
                        values(x + (image * task_.x.height + tap) * line + row * depth_),
                        values(weights + tap * tap_size),
                        sums + part * sums_plane + (i - begin) * run_size);
                }
        }
        for (int64_t i = begin; i < end; i++)
            finish(panel, i, sums + (i - begin) * run_size, sums_plane);
    }

    void finish(int64_t panel, int64_t run, const float *sums, int64_t sums_plane) const
    {
        const int64_t image = run / runs_a_image_, first = run % runs_a_image_ * RUN;
        const int64_t count = std::min(RUN, rows_ - first), channel = panel * width_;
        const int64_t channels = std::min(width_, task_.channels_out - channel);
        for (int64_t r = 0; r < count; r++) {
            const int64_t line = (first + r) / pairs_, pair = (first + r) % pairs_;
            const int64_t at = image * task_.image_stride + line * task_.line_stride +
                               2 * pair * task_.pixel_stride + channel;
            kernels::finish_pair(
                sums + r * width_, sums_plane, channels,
                task_.bias ? task_.bias + channel : nullptr,
                task_.gate ? task_.gate + image * task_.channels_out + channel : nullptr,
                task_.residual ? task_.residual + at : nullptr, task_.y + at, task_.pixel_stride,
                2 * pair + 1 == task_.width);
        }
    }

    const Task &task_;
    const int64_t pairs_, rows_, runs_a_image_, runs_, width_, panels_, depth_, plane_;
};

/* ---- normalisation -------------------------------------------------------- */

/* Factors and addends [N, C] that a group normalisation comes down to, in float32. */
struct Affine {
    at::Tensor scale, shift;
};

/* x as [N, C] floats; of one value a channel, or one a sample and channel. */
at::Tensor per_sample(const at::Tensor &x, int64_t batch, int64_t channels)
{
    return x.to(at::kFloat).reshape({-1, channels}).expand({batch, channels});
}

Affine affine_of(const Pixels &x, const Normalisation &normalisation)
{
    TORCH_CHECK(x.channels % normalisation.groups == 0, x.channels,
                " channels are not to be divided into ", normalisation.groups, " groups");
    constexpr int64_t chunk = 64; /* of pixels, whose sums are floats; they are added as doubles */
    const int64_t pixels = x.height * x.width, chunks = divide_up(pixels, chunk);
    const at::Tensor sums =
        at::zeros({x.batch, chunks, 2, x.channels}, x.tensor.options().dtype(at::kFloat));
    float *partial = sums.mutable_data_ptr<float>();
    parallel_for(x.batch * chunks, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++) {
            const int64_t first = i % chunks * chunk;
            kernels::add_columns(bits(x.tensor) + (i / chunks * pixels + first) * x.channels,
                                 std::min(chunk, pixels - first), x.channels,
                                 partial + i * 2 * x.channels, partial + (2 * i + 1) * x.channels);
        }
    });

    const at::Tensor scale = at::empty({x.batch, x.channels}, sums.options());
    const at::Tensor shift = at::empty_like(scale);
    float *factors = scale.mutable_data_ptr<float>(), *addends = shift.mutable_data_ptr<float>();
    const int64_t width = x.channels / normalisation.groups;
    const double count = static_cast<double>(width * pixels);
    for (int64_t n = 0; n < x.batch; n++)
        for (int64_t first = 0; first < x.channels; first += width) {
            double sum = 0.0, squares = 0.0;
            for (int64_t i = n * chunks; i < (n + 1) * chunks; i++)
                for (int64_t c = first; c < first + width; c++) {
                    sum += static_cast<double>(partial[2 * i * x.channels + c]);
                    squares += static_cast<double>(partial[(2 * i + 1) * x.channels + c]);
                }
            const double mean = sum / count;
            const double variance = std::max(squares / count - mean * mean, 0.0);
            const double factor = 1.0 / std::sqrt(variance + normalisation.eps);
            for (int64_t c = first; c < first + width; c++) {
                factors[n * x.channels + c] = static_cast<float>(factor);
                addends[n * x.channels + c] = static_cast<float>(-mean * factor);
            }
        }
    if (normalisation.scale) {
        const at::Tensor given = per_sample(*normalisation.scale, x.batch, x.channels);
        scale.mul_(given);
        shift.mul_(given);
    }
    if (normalisation.shift)
        shift.add_(per_sample(*normalisation.shift, x.batch, x.channels));
    return {scale, shift};
}

Pixels pixels_of(const at::Tensor &x)
{
    TORCH_CHECK(x.dim() == 4, "a picture has 4 dimensions, not ", x.dim());
    return {x.to(at::kBFloat16, false, false, at::MemoryFormat::ChannelsLast), x.size(0), x.size(2),
            x.size(3), x.size(1)};
}

/* Normalises x line by line, with borders, to an even number of channels. */
class Lines {
public:
    Lines(const Pixels &x, const Geometry &g, const Normalisation &normalisation)
        : x_(x), g_(g), activation_(normalisation.activation),
          height_(x.height + g.top + g.bottom), width_(x.width + g.left + g.right),
          channels_(x.channels + x.channels % 2)
    {
        if (normalisation.groups)
            affine_ = affine_of(x, normalisation);
    }

    int64_t height() const { return height_; }
    int64_t width() const { return width_; }
    int64_t channels() const { return channels_; }

    void write(int64_t image, int64_t line, uint16_t *row) const
    {
        line -= g_.top;
        if (!g_.replicate && (line < 0 || line >= x_.height)) {
            std::fill_n(row, width_ * channels_, uint16_t{0});
            return;
        }
        line = std::clamp<int64_t>(line, 0, x_.height - 1);
        const uint16_t *from =
            bits(x_.tensor) + (image * x_.height + line) * x_.width * x_.channels;
        const float *scale = factors(affine_.scale, image), *shift = factors(affine_.shift, image);
        uint16_t *inner = row + g_.left * channels_;
        for (int64_t p = 0; p < x_.width; p++) {
            kernels::normalise_row(from + p * x_.channels, x_.channels, scale, shift, activation_,
                                   inner + p * channels_);
            if (channels_ != x_.channels)
                inner[p * channels_ + x_.channels] = 0;
        }
        for (int64_t p = 0; p < g_.left; p++)
            write_border(inner, row + p * channels_);
        for (int64_t p = 0; p < g_.right; p++)
            write_border(inner + (x_.width - 1) * channels_, inner + (x_.width + p) * channels_);
    }

private:
    const float *factors(const at::Tensor &affine, int64_t image) const
    {
        return affine.defined() ? affine.const_data_ptr<float>() + image * x_.channels : nullptr;
    }

    void write_border(const uint16_t *pixel, uint16_t *to) const
    {
        if (g_.replicate)
            std::copy_n(pixel, channels_, to);
        else
            std::fill_n(to, channels_, uint16_t{0});
    }

    const Pixels &x_;
    const Geometry &g_;
    bool activation_;
    int64_t height_, width_, channels_;
    Affine affine_;
};

/* What a convolution reads: x normalised, with borders. */
Pixels bordered(const Pixels &x, const Geometry &g, const Normalisation &normalisation)
{
    const int64_t border = g.top | g.bottom | g.left | g.right;
    if (!border && !normalisation.groups && x.channels % 2 == 0)
        return x;
    const Lines lines(x, g, normalisation);
    Pixels y{{}, x.batch, lines.height(), lines.width(), lines.channels()};
    y.tensor = at::empty({y.batch, y.height, y.width, y.channels}, x.tensor.options());
    uint16_t *to = mutable_bits(y.tensor);
    parallel_for(y.batch * y.height, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++)
            lines.write(i / y.height, i % y.height, to + i * y.width * y.channels);
    });
    return y;
}

/* The same, transformed for pairs of pixels: [4, batch, height, pairs, channels]. */
Pixels bordered_pairs(const Pixels &x, const Geometry &g, const Normalisation &normalisation)
{
    const Lines lines(x, g, normalisation);
    Pixels y{{}, x.batch, lines.height(), divide_up(lines.width() - 2, 2), lines.channels()};
    y.tensor = at::empty({4, y.batch, y.height, y.width, y.channels}, x.tensor.options());
    const int64_t line = y.width * y.channels, plane = y.batch * y.height * line;
    uint16_t *to = mutable_bits(y.tensor);
    parallel_for(y.batch * y.height, [&](int64_t begin, int64_t end) {
        /* An odd line's last pair sees a pixel more, which counts for nothing. */
        std::vector<uint16_t> row(static_cast<size_t>((2 * y.width + 2) * y.channels));
        for (int64_t i = begin; i < end; i++) {
            lines.write(i / y.height, i % y.height, row.data());
            kernels::transform_pairs(row.data(), y.width, y.channels, plane, to + i * line);
        }
    });
    return y;
}

std::optional<at::Tensor> floats(const std::optional<at::Tensor> &x)
{
    if (!x)
        return std::nullopt;
    return x->to(at::kFloat).contiguous();
}

const float *data(const std::optional<at::Tensor> &x)
{
    return x ? x->const_data_ptr<float>() : nullptr;
}

bool takes_pairs(const Geometry &g)
{
    return g.height == 3 && g.width == 3 && g.stride_y == 1 && g.stride_x == 1 && !g.upsample &&
           g.channels_in >= PAIRED_CHANNELS;
}

/* The weights of F(2, 3) along a line: four parts, each with a tap a line. */
std::vector<Combination> paired_taps()
{
    std::vector<Combination> taps;
    const std::array<std::array<float, 3>, 4> parts{
        {{1.0f, 0.0f, 0.0f}, {0.5f, 0.5f, 0.5f}, {0.5f, -0.5f, 0.5f}, {0.0f, 0.0f, 1.0f}}};
    for (const auto &part : parts)
        for (int64_t y = 0; y < 3; y++) {
            Combination &tap = taps.emplace_back();
            for (int64_t x = 0; x < 3; x++)
                if (const float factor = part[static_cast<size_t>(x)]; factor != 0.0f)
                    tap.push_back({3 * y + x, factor});
        }
    return taps;
}

/* Of a 3x3 kernel on a picture taken twice as large, which two of the picture's own lines the even and
 * the odd lines see: each of their taps is a sum of up to two of the three; columns the same. */
std::vector<Combination> halved_taps()
{
    const auto seen = [](bool odd, int64_t tap) -> std::vector<int64_t> {
        if (odd)
            return tap == 0 ? std::vector<int64_t>{0, 1} : std::vector<int64_t>{2};
        return tap == 0 ? std::vector<int64_t>{0} : std::vector<int64_t>{1, 2};
    };
    std::vector<Combination> taps;
    for (int64_t phase = 0; phase < 4; phase++)
        for (int64_t tap = 0; tap < 4; tap++) {
            Combination &sum = taps.emplace_back();
            for (const int64_t y : seen(phase / 2 != 0, tap / 2))
                for (const int64_t x : seen(phase % 2 != 0, tap % 2))
                    sum.push_back({3 * y + x, 1.0f});
        }
    return taps;
}

} // namespace

Geometry Geometry::from(at::IntArrayRef n)
{
    TORCH_CHECK(n.size() == 12, "a geometry has 12 numbers, not ", n.size());
    return {n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7], n[8], n[9], n[10] != 0, n[11] != 0};
}

std::vector<int64_t> Geometry::numbers() const
{
    return {channels_in, channels_out, height, width, stride_y,  stride_x,
            top,         bottom,       left,   right, replicate, upsample};
}

at::Tensor pack_convolution(const at::Tensor &weight, const Geometry &geometry)
{
    if (takes_pairs(geometry))
        return pack(weight, 4, paired_taps());
    if (geometry.upsample)
        return pack(weight, 4, halved_taps());
    std::vector<Combination> taps;
    for (int64_t tap = 0; tap < geometry.height * geometry.width; tap++)
        taps.push_back({{tap, 1.0f}});
    return pack(weight, 1, taps);
}

std::vector<int64_t> convolved_sizes(at::IntArrayRef x, const Geometry &g)
{
    TORCH_CHECK(x.size() == 4, "a convolution's input has ", x.size(), " dimensions, not 4");
    TORCH_CHECK(x[1] == g.channels_in, "a convolution of ", g.channels_in,
                " channels was given ", x[1]);
    if (g.upsample)
        return {x[0], g.channels_out, 2 * x[2], 2 * x[3]};
    const int64_t height = x[2] + g.top + g.bottom, width = x[3] + g.left + g.right;
    TORCH_CHECK(height >= g.height && width >= g.width, "a kernel of ", g.height, " x ", g.width,
                " is larger than its input of ", height, " x ", width);
    return {x[0], g.channels_out, (height - g.height) / g.stride_y + 1,
            (width - g.width) / g.stride_x + 1};
}

at::Tensor convolve(const at::Tensor &x, const at::Tensor &weight,
                    const std::optional<at::Tensor> &bias, const Geometry &g,
                    const Normalisation &normalisation, const std::optional<at::Tensor> &gate,
                    const std::optional<at::Tensor> &residual)
{
    const at::Tensor y =
        at::empty(convolved_sizes(x.sizes(), g), x.options().dtype(at::kBFloat16),
                  at::MemoryFormat::ChannelsLast);
    TORCH_CHECK(!bias || bias->numel() == g.channels_out, "a convolution to ", g.channels_out,
                " channels has a bias of ", bias ? bias->numel() : 0);
    TORCH_CHECK(x.numel() > 0, "a convolution's input is empty");
    TORCH_CHECK(2 * weight.size(3) == g.channels_in + g.channels_in % 2, "a product with ",
                2 * weight.size(3), " columns was given ", g.channels_in);
    const bool paired = takes_pairs(g);
    const Pixels given = pixels_of(x);
    const Pixels input = paired ? bordered_pairs(given, g, normalisation)
                                : bordered(given, g, normalisation);
    const int64_t scale = g.upsample ? 2 : 1;
    const int64_t height = y.size(2), width = y.size(3);
    const auto biases = floats(bias);
    std::optional<at::Tensor> gates, base;
    if (gate)
        gates = per_sample(*gate, input.batch, g.channels_out).contiguous();
    if (residual)
        base = residual->contiguous(at::MemoryFormat::ChannelsLast);

    const int64_t pixel = g.channels_out * scale, line = width * g.channels_out * scale;
    for (int64_t phase = 0; phase < scale * scale; phase++) {
        const int64_t py = phase / 2, px = phase % 2;
        const int64_t start = (py * width + px) * g.channels_out;
        const Task task{.x = input,
                        .weight = weight,
                        .phase = phase,
                        .taps_y = g.upsample ? 2 : g.height,
                        .taps_x = g.upsample ? 2 : g.width,
                        .offset_y = py,
                        .offset_x = px,
                        .step_y = g.stride_y,
                        .step_x = g.stride_x,
                        .height = height / scale,
                        .width = width / scale,
                        .y = mutable_bits(y) + start,
                        .image_stride = height * width * g.channels_out,
                        .line_stride = line,
                        .pixel_stride = pixel,
                        .channels_out = g.channels_out,
                        .bias = data(biases),
                        .gate = data(gates),
                        .residual = base ? bits(*base) + start : nullptr};
        if (paired)
            PairedProduct(task).run();
        else
            Product(task).run();
    }
    return y;
}

at::Tensor pack_linear(const at::Tensor &weight)
{
    return pack(weight, 1, {{{0, 1.0f}}});
}

at::Tensor multiply(const at::Tensor &x, const at::Tensor &weight,
                    const std::optional<at::Tensor> &bias, int64_t channels_out)
{
    const at::Tensor dense = x.to(at::kBFloat16).contiguous();
    TORCH_CHECK(dense.dim() > 0, "a product's input has no dimensions");
    const int64_t channels = dense.size(-1), rows = dense.numel() / std::max<int64_t>(channels, 1);
    const at::Tensor picture = dense.view({1, 1, rows, channels}).permute({0, 3, 1, 2});
    const Geometry point{channels, channels_out, 1, 1, 1, 1, 0, 0, 0, 0, false, false};
    const at::Tensor y =
        convolve(picture, weight, bias, point, Normalisation{}, std::nullopt, std::nullopt);
    std::vector<int64_t> sizes = dense.sizes().vec();
    sizes.back() = channels_out;
    return y.permute({0, 2, 3, 1}).view(sizes);
}

at::Tensor normalise(const at::Tensor &x, const Normalisation &normalisation)
{
    const Geometry none{};
    const Pixels y = bordered(pixels_of(x), none, normalisation);
    return y.tensor.permute({0, 3, 1, 2}).narrow(1, 0, x.size(1));
}

} // namespace af
