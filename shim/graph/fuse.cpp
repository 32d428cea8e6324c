/* SPDX-License-Identifier: MIT */
#include "graph/fuse.hpp"

#include <ATen/Functions.h>

#include <algorithm>
#include <vector>

#include "arithmetic/layout.hpp"
#include "graph/match.hpp"
#include "graph/operators.hpp"

namespace af {
namespace {

using torch::jit::Graph;
using torch::jit::Node;
using torch::jit::Value;

class Fusion {
public:
    explicit Fusion(Capture &capture) : capture_(capture), graph_(*capture.graph()) {}

    void run()
    {
        if (writes_in_place())
            return;
        capture_.visit([this](Node *node) {
            if (node->kind() == c10::aten::conv2d)
                replace_convolution(node);
            else if (node->kind() == c10::aten::linear)
                replace_linear(node);
            else if (node->kind() == c10::aten::scaled_dot_product_attention)
                replace_attention(node);
        });
        capture_.visit([this](Node *node) {
            if (node->kind() == c10::aten::group_norm)
                replace_normalisation(node);
            else if (node->kind() == c10::aten::add)
                replace_gated_sum(node);
        });
    }

private:
    /* Values of a tensor that is written to depend on where they are read: nothing may move. */
    bool writes_in_place()
    {
        bool writes = false;
        capture_.visit([&](const Node *node) {
            const auto *schema = node->maybeSchema();
            if (!schema)
                return;
            for (const auto &argument : schema->arguments())
                writes |= argument.alias_info() && argument.alias_info()->isWrite() &&
                          argument.type()->isSubtypeOf(*c10::TensorType::get());
        });
        return writes;
    }

    Value *none_at(Node *place)
    {
        const torch::jit::WithInsertPoint here(place);
        return graph_.insertConstant(c10::IValue());
    }

    Value *constant_at(Node *place, const c10::IValue &value)
    {
        const torch::jit::WithInsertPoint here(place);
        return graph_.insertConstant(value);
    }

    Value *put(Node *instead_of, c10::Symbol operation, at::ArrayRef<Value *> inputs)
    {
        Node *node = graph_.create(operation, inputs);
        node->insertBefore(instead_of);
        node->output()->setType(c10::TensorType::get());
        node->setSourceRange(instead_of->sourceRange());
        instead_of->output()->replaceAllUsesWith(node->output());
        return node->output();
    }

    /* add(a, b) with a factor of 1, which says nothing of the order. */
    bool is_plain_sum(const Node *node) const
    {
        return node->inputs().size() == 3 && capture_.known_number(node->input(2)) == 1.0 &&
               is_tensor(node->input(0)) && is_tensor(node->input(1));
    }

    static bool is_tensor(const Value *value)
    {
        return value->type()->isSubtypeOf(*c10::TensorType::get());
    }

    /* The other input of a node with two. */
    static Value *other(const Node *node, const Value *one)
    {
        return node->input(0) == one ? node->input(1) : node->input(0);
    }

    /* ---- group normalisations --------------------------------------------- */

    struct Norm {
        Value *x = nullptr;
        int64_t groups = 0;
        double eps = 0.0;
        Value *scale = nullptr, *shift = nullptr; /* NULL: none */
        bool activation = false;
    };

    bool read_group_norm(const Node *node, Norm &norm)
    {
        const auto groups = capture_.known(node->input(1));
        const auto eps = capture_.known_number(node->input(4));
        if (!groups || !groups->isInt() || groups->toInt() < 1 || !eps)
            return false;
        norm.x = node->input(0);
        norm.groups = groups->toInt();
        norm.eps = *eps;
        return read_factor(node->input(2), norm.scale) && read_factor(node->input(3), norm.shift);
    }

    /* A group normalisation's own, which are [C]; elsewhere that would be columns' factors. */
    bool read_factor(Value *given, Value *&factor)
    {
        factor = nullptr;
        if (capture_.is_none(given))
            return true;
        const auto tensor = capture_.known_tensor(given);
        if (!tensor)
            return false;
        factor = capture_.input(tensor->to(at::kFloat).reshape({-1, 1, 1}));
        return true;
    }

    /* silu?(group_norm(x) * scale + shift) that ends in `value`; nothing else may use its parts. */
    bool read_normalisation(const Value *value, Norm &norm)
    {
        if (const Node *silu = made_by(value, c10::aten::silu)) {
            norm.activation = true;
            value = silu->input(0);
        }
        if (const Node *group_norm = made_by(value, c10::aten::group_norm))
            return read_group_norm(group_norm, norm);
        const Node *sum = made_by(value, c10::aten::add);
        if (!sum || !is_plain_sum(sum))
            return false;
        for (const size_t i : {size_t{0}, size_t{1}}) {
            const Node *product = made_by(sum->input(i), c10::aten::mul);
            for (const size_t j : {size_t{0}, size_t{1}}) {
                const Node *group_norm =
                    product ? made_by(product->input(j), c10::aten::group_norm) : nullptr;
                if (!group_norm || !is_tensor(product->input(1 - j)) ||
                    !read_group_norm(group_norm, norm) || norm.scale || norm.shift)
                    continue;
                norm.scale = product->input(1 - j);
                norm.shift = sum->input(1 - i);
                return true;
            }
        }
        return false;
    }

    /* From the beginning on: as much as there is. */
    void replace_normalisation(Node *group_norm)
    {
        Norm norm;
        if (!read_group_norm(group_norm, norm))
            return;
        Node *last = group_norm;
        if (!norm.scale && !norm.shift) {
            Node *product = used_by(last->output(), c10::aten::mul);
            Node *sum = product ? used_by(product->output(), c10::aten::add) : nullptr;
            if (sum && is_plain_sum(sum) && is_tensor(other(product, last->output()))) {
                norm.scale = other(product, last->output());
                norm.shift = other(sum, product->output());
                last = sum;
            }
        }
        if (Node *silu = used_by(last->output(), c10::aten::silu)) {
            norm.activation = true;
            last = silu;
        }
        put(last, operators().normalisation,
            {norm.x, constant_at(last, norm.groups), constant_at(last, norm.eps),
             norm.scale ? norm.scale : none_at(last), norm.shift ? norm.shift : none_at(last),
             constant_at(last, norm.activation)});
    }

    /* ---- convolutions ----------------------------------------------------- */

    /* The sizes of aten::pad(x, sizes, mode, value): left, right, top, bottom. */
    bool read_borders(const Node *pad, Geometry &g) const
    {
        const auto sizes = capture_.known_ints(pad->input(1));
        const auto mode = capture_.known(pad->input(2));
        if (!sizes || sizes->size() != 4 || !mode || !mode->isString())
            return false;
        const bool zeros =
            mode->toStringRef() == "constant" &&
            (capture_.is_none(pad->input(3)) || capture_.known_number(pad->input(3)) == 0.0);
        if (!zeros && mode->toStringRef() != "replicate")
            return false;
        Geometry bordered = g;
        bordered.replicate = !zeros;
        bordered.left = (*sizes)[0];
        bordered.right = (*sizes)[1];
        bordered.top = (*sizes)[2];
        bordered.bottom = (*sizes)[3];
        if (!is_in_bounds(bordered))
            return false;
        g = bordered;
        return true;
    }

    /* Of upsample_nearest2d(x, size, factors); its other form has factors apart. */
    bool doubles(const Node *node) const
    {
        return node->inputs().size() == 3 && capture_.is_none(node->input(1)) &&
               are_twos(capture_, node->input(2));
    }

    static bool is_one_pixel_around(const Geometry &g)
    {
        return g.height == 3 && g.width == 3 && g.stride_y == 1 && g.stride_x == 1 && g.top == 1 &&
               g.bottom == 1 && g.left == 1 && g.right == 1;
    }

    /* What follows a convolution: residual + gate * y. */
    struct After {
        Node *last;
        Value *gate = nullptr, *residual = nullptr;
    };

    After read_after(Node *node) const
    {
        After after{node};
        Value *y = node->output();
        Node *product = used_by(y, c10::aten::mul);
        if (product && is_tensor(other(product, y))) {
            Node *sum = used_by(product->output(), c10::aten::add);
            if (sum && is_plain_sum(sum))
                return {sum, other(product, y), other(sum, product->output())};
            return after;
        }
        Node *sum = used_by(y, c10::aten::add);
        /* x + x is one use each, of a value with two. */
        if (sum && is_plain_sum(sum))
            return {sum, nullptr, other(sum, y)};
        return after;
    }

    void replace_convolution(Node *node)
    {
        const auto weight = capture_.known_tensor(node->input(1));
        const auto stride = capture_.known_ints(node->input(3)),
                   padding = capture_.known_ints(node->input(4)),
                   dilation = capture_.known_ints(node->input(5));
        const auto groups = capture_.known_number(node->input(6));
        const bool plain = weight && weight->dim() == 4 && weight->numel() > 0 && stride &&
                           stride->size() == 2 && padding && padding->size() == 2 && dilation &&
                           *dilation == std::vector<int64_t>{1, 1} && groups == 1.0;
        Geometry g{};
        if (plain)
            g = {weight->size(1), weight->size(0), weight->size(2), weight->size(3),
                 (*stride)[0],    (*stride)[1],    (*padding)[0],   (*padding)[0],
                 (*padding)[1],   (*padding)[1],   false,           false};
        if (!is_in_bounds(g)) { /* libtorch looks for itself */
            widen_input(node);
            return;
        }
        Value *x = node->input(0);
        const Node *pad = made_by(x, c10::aten::pad);
        if (pad && !g.top && !g.left && read_borders(pad, g))
            x = pad->input(0);
        Norm norm;
        const Node *larger = made_by(x, c10::aten::upsample_nearest2d);
        if (larger && doubles(larger) && is_one_pixel_around(g)) {
            g.upsample = true;
            x = larger->input(0);
        } else if (read_normalisation(x, norm)) {
            x = norm.x;
        } else {
            norm = {};
        }
        const After after = read_after(node);
        Node *at = after.last;
        Value *packed = capture_.input(pack_convolution(capture_.take(node->input(1)), g));
        put(at, operators().convolution,
            {x, packed, node->input(2), constant_at(at, g.numbers()), constant_at(at, norm.groups),
             constant_at(at, norm.eps), norm.scale ? norm.scale : none_at(at),
             norm.shift ? norm.shift : none_at(at), constant_at(at, norm.activation),
             after.gate ? after.gate : none_at(at), after.residual ? after.residual : none_at(at)});
    }

    /* What stays torch's has float32 weights, and may come after what is ours. */
    void widen_input(Node *node)
    {
        const torch::jit::WithInsertPoint here(node);
        Value *wide = graph_.insert(c10::aten::to, {node->input(0), c10::IValue(at::kFloat)});
        node->replaceInput(0, wide);
    }

    /* ---- products and attentions ------------------------------------------ */

    void replace_linear(Node *node)
    {
        const auto weight = capture_.known_tensor(node->input(1));
        if (!weight || weight->dim() != 2 || weight->numel() == 0) {
            widen_input(node);
            return;
        }
        put(node, operators().linear,
            {node->input(0), capture_.input(pack_linear(capture_.take(node->input(1)))),
             node->input(2), constant_at(node, weight->size(0))});
    }

    /* (query, key, value, attn_mask, dropout_p, is_causal, scale, enable_gqa) */
    void replace_attention(Node *node)
    {
        const auto causal = capture_.known(node->input(5)),
                   grouped = capture_.known(node->input(7));
        const bool plain =
            capture_.is_none(node->input(3)) && capture_.known_number(node->input(4)) == 0.0 &&
            causal && causal->isBool() && !causal->toBool() && capture_.is_none(node->input(6)) &&
            grouped && grouped->isBool() && !grouped->toBool();
        if (plain)
            put(node, operators().attention, {node->input(0), node->input(1), node->input(2)});
    }

    void replace_gated_sum(Node *sum)
    {
        if (!is_plain_sum(sum))
            return;
        for (const size_t i : {size_t{1}, size_t{0}}) {
            const Node *product = made_by(sum->input(i), c10::aten::mul);
            if (!product || !is_tensor(product->input(0)) || !is_tensor(product->input(1)))
                continue;
            put(sum, operators().gated_sum,
                {sum->input(1 - i), product->input(0), product->input(1)});
            return;
        }
    }

    Capture &capture_;
    Graph &graph_;
};

} // namespace

void fuse(Capture &capture)
{
    Fusion(capture).run();
}

} // namespace af
