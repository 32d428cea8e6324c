/* SPDX-License-Identifier: MIT */
#include "arithmetic/layout.hpp"

#include <ATen/Functions.h>

#include <algorithm>
#include <array>

#include "arithmetic/bfloat16.hpp"
#include "arithmetic/kernels.hpp"
#include "base/parallel.hpp"

namespace af {
namespace {

/* A panel is PANEL output channels: its sums are what the processor's registers hold. */
constexpr int64_t PANEL = 64;
/* From this many channels on, 3x3 convolutions are computed two pixels at a time, in two thirds of the
 * products; below it, that the input is read and written twice more outweighs it. */
constexpr int64_t PAIRED_CHANNELS = 128;

/* One tap as a product is given it: a sum of a kernel's own taps, by their places. */
struct Combination {
    std::vector<int64_t> places;
    std::vector<float> factors;

    void add(int64_t place, float factor)
    {
        places.push_back(place);
        factors.push_back(factor);
    }
};

/* Input channels whose weights are widened at once, and of those, pairs that are transposed at once:
 * what a core's caches hold. */
constexpr int64_t CHUNK = 64;
constexpr int64_t PAIRS = 4;

/* weight[Cout, Cin, ...], for each phase and tap a combination of its last dimensions ->
 * [phases, panels, taps, Cin / 2, width, 2], with zeros for channels that are not there. */
class Packing {
public:
    Packing(const at::Tensor &weight, int64_t phases, const std::vector<Combination> &combinations)
        : combinations_(combinations), cout_(weight.size(0)), cin_(weight.size(1)),
          kernel_(weight.numel() / (cout_ * cin_)), width_(panel_width(cout_)),
          taps_(static_cast<int64_t>(combinations.size()) / phases),
          panels_(divide_up(cout_, width_)), pairs_(divide_up(cin_, 2)),
          weight_(weight.detach().contiguous().view({cout_, cin_ * kernel_})),
          packed_(at::empty({phases, panels_, taps_, pairs_, width_, 2},
                            weight_.options().dtype(at::kBFloat16)))
    {
    }

    at::Tensor run() const
    {
        const int64_t chunks = divide_up(cin_, CHUNK);
        parallel_for(panels_ * chunks, [&](int64_t begin, int64_t end) {
            std::vector<float> columns(static_cast<size_t>(2 * PAIRS * kernel_ * width_));
            for (int64_t i = begin; i < end; i++)
                pack(i / chunks, i % chunks * CHUNK, columns.data());
        });
        return packed_;
    }

private:
    /* A chunk of channels of one panel. The whole weight is never widened: that would double what
     * opening a model needs. */
    void pack(int64_t panel, int64_t first, float *columns) const
    {
        const int64_t rows = std::min(width_, cout_ - panel * width_);
        const int64_t channels = std::min(CHUNK, cin_ - first);
        const at::Tensor wide = weight_.narrow(0, panel * width_, rows)
                                    .narrow(1, first * kernel_, channels * kernel_)
                                    .to(at::kFloat, /*non_blocking=*/false, /*copy=*/true)
                                    .contiguous();
        for (int64_t c = 0; c < channels; c += 2 * PAIRS) {
            const int64_t count = std::min(2 * PAIRS, channels - c);
            kernels::transpose(floats(wide) + c * kernel_, channels * kernel_, rows,
                               count * kernel_, width_, columns);
            for (int64_t p = 0; p < divide_up(count, 2); p++)
                pack_pair(panel, (first + c) / 2 + p, columns + 2 * p * kernel_ * width_,
                          2 * p + 1 < count);
        }
    }

    void pack_pair(int64_t panel, int64_t pair, const float *columns, bool both) const
    {
        for (size_t t = 0; t < combinations_.size(); t++) {
            const int64_t phase = static_cast<int64_t>(t) / taps_;
            const int64_t tap = static_cast<int64_t>(t) % taps_;
            const int64_t row = ((phase * panels_ + panel) * taps_ + tap) * pairs_ + pair;
            const Combination &sum = combinations_[t];
            kernels::pack_sums(columns, width_, sum.places.data(), sum.factors.data(),
                               static_cast<int64_t>(sum.places.size()), both ? kernel_ : 0,
                               mutable_bits(packed_) + row * width_ * 2);
        }
    }

    const std::vector<Combination> &combinations_;
    const int64_t cout_, cin_, kernel_, width_, taps_, panels_, pairs_;
    const at::Tensor weight_, packed_;
};

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
                    tap.add(3 * y + x, factor);
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
                    sum.add(3 * y + x, 1.0f);
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

bool is_in_bounds(const Geometry &g)
{
    constexpr int64_t most = int64_t{1} << 16, large = int64_t{1} << 31;
    const auto within = [](int64_t least, int64_t n, int64_t limit) {
        return least <= n && n <= limit;
    };
    return within(1, g.height, most) && within(1, g.width, most) && within(1, g.stride_y, most) &&
           within(1, g.stride_x, most) && within(0, g.top, most) && within(0, g.bottom, most) &&
           within(0, g.left, most) && within(0, g.right, most) && within(1, g.channels_in, large) &&
           within(1, g.channels_out, large) &&
           within(1, g.channels_in * std::max(g.width, g.stride_x), large - 1);
}

int64_t panel_width(int64_t channels_out)
{
    return std::min(PANEL, 16 * divide_up(channels_out, 16));
}

bool takes_pairs(const Geometry &g)
{
    return g.height == 3 && g.width == 3 && g.stride_y == 1 && g.stride_x == 1 && !g.upsample &&
           g.channels_in >= PAIRED_CHANNELS;
}

at::Tensor pack_convolution(const at::Tensor &weight, const Geometry &geometry)
{
    if (takes_pairs(geometry))
        return Packing(weight, 4, paired_taps()).run();
    if (geometry.upsample)
        return Packing(weight, 4, halved_taps()).run();
    std::vector<Combination> taps;
    for (int64_t tap = 0; tap < geometry.height * geometry.width; tap++)
        taps.emplace_back().add(tap, 1.0f);
    return Packing(weight, 1, taps).run();
}

at::Tensor pack_linear(const at::Tensor &weight)
{
    std::vector<Combination> whole(1);
    whole[0].add(0, 1.0f);
    return Packing(weight, 1, whole).run();
}

} // namespace af
