// SPDX-License-Identifier: MIT
// What a method must have passed before it becomes a program, and that none of it can be left out.
#include "graph/program.hpp"

#include <cstdio>
#include <cstring>
#include <string>
#include <type_traits>

#include "base/failure.hpp"
#include "graph/inline.hpp"
#include "graph/watch.hpp"

namespace {

// Only an inspection makes a CheckedMethod, and a Capture takes nothing else.
static_assert(!std::is_default_constructible_v<af::CheckedMethod>);
static_assert(!std::is_constructible_v<af::CheckedMethod, std::string, torch::jit::Method>);
static_assert(!std::is_constructible_v<af::Capture, torch::jit::Method, af::Uses &>);
static_assert(!std::is_constructible_v<af::Capture, std::string, torch::jit::Method, af::Uses &>);

int failures = 0;

void expect(bool good, const char *what, int line)
{
    if (good)
        return;
    std::printf("line %d: not so: %s\n", line, what);
    failures++;
}
#define EXPECT(condition) expect((condition), #condition, __LINE__)

// Runs function, which must throw with these words.
template <class Function> void expect_error(const char *words, int line, Function function)
{
    try {
        function();
    } catch (const std::exception &error) {
        expect(std::strstr(error.what(), words) != nullptr, error.what(), line);
        return;
    }
    expect(false, "throws", line);
}

torch::jit::Module module_of(const char *code)
{
    torch::jit::Module module("__torch__.Test");
    module.define(code);
    return module;
}

const char *const with_a_call = "def twice(self, x: Tensor) -> Tensor:\n"
                                "    return x + x\n"
                                "def forward(self, x: Tensor) -> Tensor:\n"
                                "    return self.twice(x)\n";

void what_is_not_allowed_is_no_checked_method()
{
    const torch::jit::Module module = module_of("def forward(self, x: Tensor) -> Tensor:\n"
                                                "    print(x)\n"
                                                "    return x\n");
    af::Uses uses;
    expect_error("test.forward uses prim::Print", __LINE__,
                 [&] { af::check_method("test.forward", module.get_method("forward")); });
    expect_error("test.forward uses prim::Print", __LINE__,
                 [&] { af::prepare("test.forward", module.get_method("forward"), uses); });
}

void a_graph_that_was_not_watched_is_not_finished()
{
    const torch::jit::Module module = module_of(with_a_call);
    const auto watched = [&](bool divisions, bool arguments) {
        af::Uses uses;
        af::Capture capture(af::check_method("test.forward", module.get_method("forward")), uses);
        af::inline_calls(capture);
        if (divisions)
            af::watch_divisions(capture);
        if (arguments)
            af::watch_arguments(capture);
        capture.finish();
    };
    constexpr const char *refusal = "that nothing has watched";
    expect_error(refusal, __LINE__, [&] { watched(false, false); });
    expect_error(refusal, __LINE__, [&] { watched(true, false); });
    expect_error(refusal, __LINE__, [&] { watched(false, true); });
    watched(true, true);
}

void calls_are_not_watched_but_inlined()
{
    const torch::jit::Module module = module_of(with_a_call);
    af::Uses uses;
    af::Capture capture(af::check_method("test.forward", module.get_method("forward")), uses);
    expect_error("a call was to be watched", __LINE__, [&] { af::watch_divisions(capture); });
    expect_error("a call was to be watched", __LINE__, [&] { af::watch_arguments(capture); });
}

void what_was_prepared_runs()
{
    const torch::jit::Module module = module_of("def twice(self, x: Tensor) -> Tensor:\n"
                                                "    return x + x\n"
                                                "def forward(self) -> Tensor:\n"
                                                "    return self.twice(torch.ones([2, 3]))\n");
    af::Uses uses;
    af::Capture capture = af::prepare("test.forward", module.get_method("forward"), uses);
    const af::Program program(capture, at::kFloat, c10::Device(c10::kCPU));
    EXPECT(program.name() == "test.forward");
    EXPECT(program({}).toTensor().sum().item<float>() == 12.0f);
}

} // namespace

int main()
{
    what_is_not_allowed_is_no_checked_method();
    a_graph_that_was_not_watched_is_not_finished();
    calls_are_not_watched_but_inlined();
    what_was_prepared_runs();
    return failures ? 1 : 0;
}
