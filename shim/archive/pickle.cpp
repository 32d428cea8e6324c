/* SPDX-License-Identifier: MIT */
#include "archive/pickle.hpp"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <vector>

#include "base/failure.hpp"

namespace af {
namespace {

constexpr size_t MAX_VALUES = 1000000;
constexpr uint32_t MAX_DEPTH = 64;      /* values in values; torch frees them recursively */
constexpr uint64_t MAX_VISITS = 200000; /* what has values in it, by every way there is to each */
constexpr size_t MAX_DIMENSIONS = 16;
/* Torch's memo is a table up to the last place. */
constexpr uint64_t MAX_PLACES = MAX_VALUES;

enum class Kind {
    none,
    boolean,
    integer,
    number,
    text,
    global,
    storage,
    tensor,
    hooks, /* an OrderedDict() */
    device,
    tuple,
    list,
    typed_list, /* what build_intlist and its like have made of a list */
    dictionary,
    object, /* of a module's class */
    mark
};

struct Value {
    Kind kind;
    bool complete = true; /* nothing will be put into it */
    uint32_t depth = 0;
    uint64_t visits = 0; /* objects, tuples and lists in it, and itself */
    int64_t integer = 0; /* a storage's elements as well */
    std::string text{};
    std::vector<uint32_t> items{}; /* a tuple's and a list's */
};

struct StorageType {
    std::string_view name;
    uint64_t bytes;
};

constexpr std::array STORAGES = std::to_array<StorageType>({
    {"torch FloatStorage", 4},
    {"torch HalfStorage", 2},
    {"torch BFloat16Storage", 2},
    {"torch DoubleStorage", 8},
    {"torch LongStorage", 8},
    {"torch IntStorage", 4},
    {"torch ShortStorage", 2},
    {"torch CharStorage", 1},
    {"torch ByteStorage", 1},
    {"torch BoolStorage", 1},
});

const StorageType *storage_type(std::string_view name)
{
    const auto found = std::find_if(STORAGES.begin(), STORAGES.end(),
                                    [&](const StorageType &type) { return type.name == name; });
    return found == STORAGES.end() ? nullptr : &*found;
}

class Reader {
public:
    Reader(std::string_view bytes, const PickleRules &rules) : bytes_(bytes), rules_(rules) {}

    void run()
    {
        if (byte() != 0x80 || byte() != 2)
            fail("is of no protocol 2");
        while (step(byte()))
            if (values_.size() > MAX_VALUES)
                fail("has more than " + std::to_string(MAX_VALUES) + " values");
        if (at_ != bytes_.size())
            fail("has something behind its end");
        if (stack_.size() != 1)
            fail("leaves " + std::to_string(stack_.size()) + " values");
        const Value &whole = values_[stack_[0]];
        if (whole.kind != (rules_.is_object ? Kind::object : Kind::tuple))
            fail(rules_.is_object ? "is no module" : "is no tuple");
        if (!rules_.is_object)
            check_constants(whole.items);
    }

private:
    /* What the code calls CONSTANTS. A list would be all threads' own, and torch computes with text
     * while it compiles. */
    void check_constants(const std::vector<uint32_t> &items) const
    {
        for (const uint32_t item : items) {
            const Kind kind = values_[item].kind;
            if (kind != Kind::tensor && kind != Kind::integer && kind != Kind::number &&
                kind != Kind::boolean)
                fail("has a constant that is neither a tensor nor a number");
        }
    }

    [[noreturn]] void fail(const std::string &what) const
    {
        throw Failure(ARTFUSION_ERROR_FORMAT, "the model file's " + std::string(rules_.name) +
                                                  ", byte " + std::to_string(at_) + ": it " + what);
    }

    /* ---- bytes --------------------------------------------------------- */

    std::string_view take(size_t count)
    {
        if (count > bytes_.size() - at_)
            fail("ends early");
        const std::string_view taken = bytes_.substr(at_, count);
        at_ += count;
        return taken;
    }

    uint8_t byte() { return static_cast<uint8_t>(take(1)[0]); }

    uint64_t little(size_t count)
    {
        uint64_t value = 0;
        const std::string_view taken = take(count);
        for (size_t i = 0; i < count; i++)
            value |= uint64_t{static_cast<uint8_t>(taken[i])} << (8 * i);
        return value;
    }

    std::string_view line()
    {
        const size_t end = bytes_.find('\n', at_);
        if (end == bytes_.npos || end - at_ > 1024)
            fail("has a name without an end");
        const std::string_view name = take(end - at_);
        at_++;
        return name;
    }

    /* ---- the stack ----------------------------------------------------- */

    uint32_t push(Value value)
    {
        values_.push_back(std::move(value));
        stack_.push_back(static_cast<uint32_t>(values_.size() - 1));
        return stack_.back();
    }

    void push(Kind kind, int64_t integer = 0)
    {
        Value value{kind};
        value.integer = integer;
        push(std::move(value));
    }

    uint32_t pop()
    {
        if (stack_.empty() || values_[stack_.back()].kind == Kind::mark)
            fail("takes a value that is not there");
        const uint32_t top = stack_.back();
        stack_.pop_back();
        return top;
    }

    uint32_t pop(Kind kind)
    {
        const uint32_t top = pop();
        if (values_[top].kind != kind)
            fail("has a value of the wrong kind");
        return top;
    }

    std::vector<uint32_t> pop_to_mark()
    {
        size_t at = stack_.size();
        while (at > 0 && values_[stack_[at - 1]].kind != Kind::mark)
            at--;
        if (at == 0)
            fail("takes a mark that is not there");
        std::vector<uint32_t> items(stack_.begin() + static_cast<std::ptrdiff_t>(at), stack_.end());
        stack_.resize(at - 1);
        return items;
    }

    /* `whole` now has `part` in it, which nothing is added to any more. */
    void put_into(Value &whole, uint32_t part)
    {
        Value &inside = values_[part];
        inside.complete = true;
        whole.depth = std::max(whole.depth, inside.depth + 1);
        whole.visits += inside.visits;
        if (whole.depth > MAX_DEPTH)
            fail("nests values deeper than " + std::to_string(MAX_DEPTH));
        if (whole.visits > MAX_VISITS)
            fail("leads to its values in more than " + std::to_string(MAX_VISITS) + " ways");
    }

    /* As above, into what stays: a list or a module's values. */
    void keep_in(Value &whole, uint32_t part)
    {
        const Kind kind = values_[part].kind;
        if (kind == Kind::global || kind == Kind::storage || kind == Kind::hooks ||
            kind == Kind::dictionary)
            fail("keeps what is no value of a module");
        put_into(whole, part);
    }

    void push_tuple(const std::vector<uint32_t> &items)
    {
        Value tuple{Kind::tuple};
        tuple.visits = 1;
        for (const uint32_t item : items)
            put_into(tuple, item);
        tuple.items = items;
        push(std::move(tuple));
    }

    void remember(uint64_t place)
    {
        if (stack_.empty() || values_[stack_.back()].kind == Kind::mark)
            fail("remembers nothing");
        if (place >= MAX_PLACES)
            fail("remembers a value at place " + std::to_string(place) + ", limit " +
                 std::to_string(MAX_PLACES));
        memo_[place] = stack_.back();
    }

    void recall(uint64_t place)
    {
        const auto found = memo_.find(place);
        if (found == memo_.end())
            fail("recalls what it has not remembered");
        if (!values_[found->second].complete)
            fail("has a value that contains itself");
        stack_.push_back(found->second);
    }

    /* ---- what it builds -------------------------------------------------- */

    void global()
    {
        const std::string module(line());
        const std::string name = module + ' ' + std::string(line());
        std::string dotted = name;
        std::replace(dotted.begin(), dotted.end(), ' ', '.');
        static constexpr std::array known = std::to_array<std::string_view>(
            {"torch._utils _rebuild_tensor_v2", "collections OrderedDict", "torch device",
             "torch.jit._pickle build_intlist", "torch.jit._pickle build_doublelist",
             "torch.jit._pickle build_boollist", "torch.jit._pickle build_tensorlist"});
        if (dotted.starts_with("__torch__.torch.classes."))
            fail("makes a " + dotted + ", a class of native code, which torch would run");
        if (!rules_.modules->contains(dotted) && !storage_type(name) &&
            std::find(known.begin(), known.end(), name) == known.end())
            fail("names " + dotted.substr(0, 128) + ", which is nothing a network is made of");
        Value value{Kind::global};
        value.text = rules_.modules->contains(dotted) ? dotted : name;
        push(std::move(value));
    }

    void new_object()
    {
        if (!values_[pop(Kind::tuple)].items.empty())
            fail("makes an object with arguments");
        if (!rules_.modules->contains(values_[pop(Kind::global)].text))
            fail("makes an object of what is no class of a module");
        Value object{Kind::object};
        object.complete = false;
        object.visits = 1;
        push(std::move(object));
    }

    void build()
    {
        const uint32_t state = pop(Kind::dictionary);
        const uint32_t object = pop(Kind::object);
        if (values_[object].complete)
            fail("gives an object its values twice");
        put_into(values_[object], state);
        values_[object].complete = true;
        stack_.push_back(object);
    }

    void set_items()
    {
        const std::vector<uint32_t> items = pop_to_mark();
        const uint32_t whole = pop(Kind::dictionary);
        if (values_[whole].complete || items.size() % 2)
            fail("adds to a dictionary that is complete");
        for (size_t i = 0; i < items.size(); i++) {
            if (i % 2 == 0 && values_[items[i]].kind != Kind::text)
                fail("has an attribute whose name is none");
            keep_in(values_[whole], items[i]);
        }
        values_[whole].complete = true;
        stack_.push_back(whole);
    }

    void append(const std::vector<uint32_t> &items)
    {
        const uint32_t whole = pop(Kind::list);
        if (values_[whole].complete)
            fail("adds to a list that is complete");
        for (const uint32_t item : items)
            keep_in(values_[whole], item);
        values_[whole].items = items;
        values_[whole].complete = true;
        stack_.push_back(whole);
    }

    /* ('storage', type, key, device, elements) */
    void storage()
    {
        const std::vector<uint32_t> items = values_[pop(Kind::tuple)].items;
        if (items.size() != 5 || values_[items[0]].text != "storage" ||
            values_[items[1]].kind != Kind::global || values_[items[2]].kind != Kind::text ||
            values_[items[3]].kind != Kind::text || values_[items[4]].kind != Kind::integer)
            fail("has a storage that is none");
        const StorageType *type = storage_type(values_[items[1]].text);
        const std::string &key = values_[items[2]].text;
        const int64_t elements = values_[items[4]].integer;
        if (!type)
            fail("has a storage of " + values_[items[1]].text);
        const std::string_view device = values_[items[3]].text;
        if (device != "cpu" && device != "cuda" && !device.starts_with("cuda:"))
            fail("has a storage on the device " + std::string(device.substr(0, 64)));
        const std::optional<uint64_t> size = rules_.storage_size(key);
        if (!size)
            fail("names the record " + key.substr(0, 64) + ", which is not there");
        if (elements < 0 || static_cast<uint64_t>(elements) != *size / type->bytes ||
            *size % type->bytes)
            fail("says that record " + key.substr(0, 64) + " has " + std::to_string(elements) +
                 " values of " + std::to_string(type->bytes) + " bytes, and it has " +
                 std::to_string(*size) + " bytes");
        push(Kind::storage, elements);
    }

    const Value &integer_of(uint32_t at) const
    {
        if (values_[at].kind != Kind::integer)
            fail("has a tensor whose sizes are no integers");
        return values_[at];
    }

    /* (storage, offset, sizes, strides, requires_grad, hooks) */
    void tensor(const std::vector<uint32_t> &items)
    {
        if (items.size() != 6 || values_[items[0]].kind != Kind::storage ||
            values_[items[2]].kind != Kind::tuple || values_[items[3]].kind != Kind::tuple ||
            values_[items[4]].kind != Kind::boolean || values_[items[5]].kind != Kind::hooks)
            fail("has a tensor that is none");
        const uint64_t elements = static_cast<uint64_t>(values_[items[0]].integer);
        const int64_t offset = integer_of(items[1]).integer;
        const std::vector<uint32_t> &sizes = values_[items[2]].items,
                                    &strides = values_[items[3]].items;
        if (sizes.size() != strides.size() || sizes.size() > MAX_DIMENSIONS)
            fail("has a tensor of " + std::to_string(sizes.size()) + " dimensions with " +
                 std::to_string(strides.size()) + " strides");
        bool good = offset >= 0;
        uint64_t count = 1, last = static_cast<uint64_t>(offset);
        for (size_t i = 0; i < sizes.size() && good; i++) {
            const int64_t size = integer_of(sizes[i]).integer,
                          stride = integer_of(strides[i]).integer;
            uint64_t reach = 0;
            good = size >= 0 && stride >= 0 &&
                   !__builtin_mul_overflow(count, static_cast<uint64_t>(size), &count) &&
                   !__builtin_mul_overflow(static_cast<uint64_t>(size > 0 ? size - 1 : 0),
                                           static_cast<uint64_t>(stride), &reach) &&
                   !__builtin_add_overflow(last, reach, &last);
        }
        /* No more elements than the storage has: nothing is repeated by strides of 0. */
        if (!good || count > elements || (count > 0 && last >= elements))
            fail("has a tensor that reaches beyond its " + std::to_string(elements) + " values");
        push(Kind::tensor);
    }

    void reduce()
    {
        const uint32_t arguments = pop(Kind::tuple);
        const std::string &what = values_[pop(Kind::global)].text;
        const std::vector<uint32_t> items = values_[arguments].items;
        if (what == "torch._utils _rebuild_tensor_v2") {
            tensor(items);
        } else if (what == "collections OrderedDict") {
            if (!items.empty())
                fail("has an OrderedDict with something in it");
            push(Kind::hooks);
        } else if (what == "torch device") {
            if (items.size() != 1 || values_[items[0]].kind != Kind::text)
                fail("has a device that is none");
            push(Kind::device);
        } else if (what.starts_with("torch.jit._pickle build_")) {
            const bool good = items.size() == 1 && values_[items[0]].kind == Kind::list;
            const Kind kind = what.ends_with("intlist")      ? Kind::integer
                              : what.ends_with("doublelist") ? Kind::number
                              : what.ends_with("boollist")   ? Kind::boolean
                                                             : Kind::tensor;
            if (!good || std::any_of(values_[items[0]].items.begin(), values_[items[0]].items.end(),
                                     [&](uint32_t i) { return values_[i].kind != kind; }))
                fail("has a list of the wrong kind");
            values_[items[0]].kind = Kind::typed_list; /* torch makes another one each time */
            stack_.push_back(items[0]);
        } else {
            fail("calls " + what);
        }
    }

    void text(uint64_t size)
    {
        Value value{Kind::text};
        value.text = std::string(take(size));
        push(std::move(value));
    }

    /* False: it ends. */
    bool step(uint8_t code)
    {
        switch (code) {
        case '.': return false;
        case '(': push(Kind::mark); break;
        case ')': push_tuple({}); break;
        case 't': push_tuple(pop_to_mark()); break;
        case 0x85:
        case 0x86:
        case 0x87: {
            std::vector<uint32_t> items(size_t{code} - 0x84);
            for (size_t i = items.size(); i-- > 0;)
                items[i] = pop();
            push_tuple(items);
            break;
        }
        case 'N': push(Kind::none); break;
        case 0x88:
        case 0x89: push(Kind::boolean); break;
        case 'J': push(Kind::integer, static_cast<int32_t>(little(4))); break;
        case 'K': push(Kind::integer, byte()); break;
        case 'M': push(Kind::integer, static_cast<int64_t>(little(2))); break;
        case 0x8a: /* LONG1 */
            if (byte() != 8)
                fail("has an integer that is not of 64 bits");
            push(Kind::integer, static_cast<int64_t>(little(8)));
            break;
        case 'G':
            (void)little(8);
            push(Kind::number);
            break;
        case 'X': text(little(4)); break;
        case ']':
            push(Kind::list);
            values_.back().complete = false;
            values_.back().visits = 1;
            break;
        case '}':
            push(Kind::dictionary);
            values_.back().complete = false;
            break;
        case 'a': append({pop()}); break;
        case 'e': append(pop_to_mark()); break;
        case 'u': set_items(); break;
        case 'c': global(); break;
        case 0x81: new_object(); break;
        case 'b': build(); break;
        case 'R': reduce(); break;
        case 'Q': storage(); break;
        case 'q': remember(byte()); break;
        case 'r': remember(little(4)); break;
        case 'h': recall(byte()); break;
        case 'j': recall(little(4)); break;
        default:
            fail("has an instruction " + std::to_string(code) + ", which none of a network has");
        }
        return true;
    }

    std::string_view bytes_;
    const PickleRules &rules_;
    size_t at_ = 0;
    std::vector<Value> values_;
    std::vector<uint32_t> stack_;
    std::unordered_map<uint64_t, uint32_t> memo_;
};

} // namespace

void check_pickle(std::string_view bytes, const PickleRules &rules)
{
    Reader(bytes, rules).run();
}

} // namespace af
