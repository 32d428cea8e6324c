/* SPDX-License-Identifier: MIT */
#include "layout.hpp"

#include <ATen/Functions.h>

#include <algorithm>
#include <array>

#include "bfloat16.hpp"
#include "parallel.hpp"

namespace af {
namespace {

/* A panel is PANEL output channels: its sums are what the processor's registers hold. */
constexpr int64_t PANEL = 64;
/* From this many channels on, 3x3 convolutions are computed two pixels at a time, in two thirds of the
 * products; below it, that the input is read and written twice more outweighs it. */
constexpr int64_t PAIRED_CHANNELS = 128;

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
        return pack(weight, 4, paired_taps());
    if (geometry.upsample)
        return pack(weight, 4, halved_taps());
    std::vector<Combination> taps;
    for (int64_t tap = 0; tap < geometry.height * geometry.width; tap++)
        taps.push_back({{tap, 1.0f}});
    return pack(weight, 1, taps);
}

at::Tensor pack_linear(const at::Tensor &weight)
{
    return pack(weight, 1, {{{0, 1.0f}}});
}

} // namespace af
