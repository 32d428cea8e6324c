// SPDX-License-Identifier: MIT
// artfusion.hpp on the default model: the same bytes as the C calls give, and what throws.
#include <artfusion.hpp>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <unistd.h>
#include <utility>

namespace {

int failures = 0;

void expect(bool good, const char *what, int line)
{
    if (good)
        return;
    std::printf("line %d: not so: %s\n", line, what);
    failures++;
}
#define EXPECT(condition) expect((condition), #condition, __LINE__)

// Runs function, which must throw an artfusion::Error of that status with these words.
template <class Function>
void expect_error(artfusion_status status, const char *words, int line, Function function)
{
    try {
        function();
    } catch (const artfusion::Error &error) {
        expect(error.status() == status, artfusion_status_name(error.status()), line);
        expect(std::strstr(error.what(), words) != nullptr, error.what(), line);
        return;
    }
    expect(false, "throws", line);
}
#define EXPECT_ERROR(status, words, ...) expect_error(status, words, __LINE__, [&] { __VA_ARGS__; })

artfusion::Image picture(int32_t width, int32_t height, int seed)
{
    artfusion::Image image(width, height);
    for (int32_t y = 0; y < height; y++)
        for (int32_t x = 0; x < 3 * width; x++)
            image.pixels()[static_cast<size_t>(y) * image.stride() + static_cast<size_t>(x)] =
                static_cast<uint8_t>((x * (seed + 1) + y * y + 31 * seed) & 255);
    return image;
}

bool same(const artfusion::Image &a, const artfusion::Image &b)
{
    return a.width() == b.width() && a.height() == b.height() && a.stride() == b.stride() &&
           std::memcmp(a.pixels(), b.pixels(), a.stride() * static_cast<size_t>(a.height())) == 0;
}

void images()
{
    const artfusion::Image image = picture(40, 24, 1);
    artfusion_save_options png;
    artfusion::check(artfusion_save_options_init(&png, sizeof png));
    EXPECT_ERROR(ARTFUSION_ERROR_ARGUMENT, "format", (void)image.save(png));
    png.format = ARTFUSION_FORMAT_PNG;
    const std::vector<uint8_t> bytes = image.save(png);
    EXPECT(same(artfusion::Image::load(bytes.data(), bytes.size()), image));
    EXPECT(artfusion::Image::load(bytes.data(), bytes.size()).warning().empty());
    artfusion_load_options salvage;
    artfusion::check(artfusion_load_options_init(&salvage, sizeof salvage));
    salvage.salvage = 1;
    const artfusion::Image cut = artfusion::Image::load(bytes.data(), bytes.size() - 12, &salvage);
    EXPECT(same(cut, image));
    EXPECT(cut.warning().find("all pixels are there") != std::string::npos);
    EXPECT(image.fit(20, 20).height() == 12);
    EXPECT(image.cover(20, 20).width() == 20);
    EXPECT(same(image.resize(40, 24), image));
    EXPECT_ERROR(ARTFUSION_ERROR_IO, "nowhere.png", artfusion::Image::load("/nowhere.png"));
    EXPECT_ERROR(ARTFUSION_ERROR_ARGUMENT, "0", artfusion::Image(0, 3));
    std::vector<uint8_t> pixels(2 * 8 * 3);
    artfusion::Image wrapped = artfusion::Image::wrap(pixels.data(), 2, 8, 6);
    wrapped.pixels()[7] = 5;
    EXPECT(pixels[7] == 5);
}

// What the C calls make of the same pictures.
artfusion::Image by_c(const artfusion::Model &model, const artfusion_sampler_options &options,
                      const artfusion::Image &content, const artfusion::Style &style)
{
    artfusion_sampler *sampler = nullptr;
    artfusion_image *image = nullptr;
    artfusion::check(artfusion_sampler_create(model.get(), &options, &sampler));
    artfusion::check(artfusion_sampler_set_content(sampler, 0, content.get()));
    artfusion::check(artfusion_sampler_set_style(sampler, 0, style.get()));
    artfusion::check(artfusion_sampler_run(sampler));
    artfusion::check(artfusion_sampler_image(sampler, 0, &image));
    artfusion_sampler_destroy(sampler);
    return artfusion::Image(image);
}

void sampling(const char *path)
{
    const artfusion::Context context;
    EXPECT_ERROR(ARTFUSION_ERROR_IO, "nowhere", artfusion::Model(context, "/nowhere"));
    artfusion::Model model(context, path);
    EXPECT(model.info().downsample == 8);
    EXPECT(model.presets().size() >= 3);
    EXPECT(model.fit_size(200, 100, 64) == std::make_pair(64, 32));

    const artfusion::Image content = picture(64, 64, 2);
    const artfusion::Style style = model.style(picture(80, 48, 3));
    EXPECT(artfusion::Style::blend({{&style, 0.25}, {&style, 0.75}}).values().size() ==
           style.values().size());
    EXPECT(model.style(style.values()).values() == style.values());
    EXPECT(model.null_style().values() != style.values());
    EXPECT_ERROR(ARTFUSION_ERROR_ARGUMENT, "", artfusion::Style::blend({{nullptr, 1.0}}));

    // Read at the model's native size, or as it is.
    const artfusion::Image painting = picture(300, 200, 4), fitted = painting.fit(256, 256);
    EXPECT(model.style(painting).values() == model.style_exact(fitted).values());
    EXPECT(model.style(painting).values() != model.style_exact(painting).values());

    artfusion::Options options(model);
    EXPECT(options.size(model, painting, 96).width == 96 && options.height == 64);
    EXPECT(options.size(model, painting).width == 256 && options.height == 171);
    EXPECT_ERROR(ARTFUSION_ERROR_ARGUMENT, "-1", options.size(model, painting, -1));
    EXPECT_ERROR(ARTFUSION_ERROR_ARGUMENT, "bold", options.preset(model, "none such"));
    options.preset(model, "bold");
    options.width = options.height = 64;
    options.steps = 3;
    const artfusion::Image wanted = by_c(model, options, content, style);

    auto start = [&](const artfusion::Options &with) {
        artfusion::Sampler sampler(model, with);
        sampler.set_content(content);
        sampler.set_style(style);
        return sampler; // moved: callbacks must go along
    };
    artfusion::Sampler plain = start(options);
    int steps = 0;
    while (plain.next())
        steps++;
    EXPECT(steps == 3 && plain.progress().step == 3);
    EXPECT(same(plain.image(), wanted));
    EXPECT(plain.latent_size() == std::make_pair(8, 8));

    // Each callback comes, with the sampler that it belongs to; what it throws comes out of `run`,
    // after which the run goes on to the same bytes.
    int seen = 0, noises = 0, epses = 0;
    bool throwing = true;
    artfusion::Options watched = options;
    watched.on_step = [&](artfusion::Sampler &sampler) {
        seen += sampler.progress().step;
        if (std::exchange(throwing, false))
            throw std::out_of_range("from the callback");
        return true;
    };
    watched.on_eps = [&](float *, size_t count) {
        epses += count == 8 * 8 * static_cast<size_t>(model.info().latent_channels);
        return true;
    };
    watched.on_noise = [&](artfusion_noise_use, int32_t, float *, size_t) {
        noises++;
        return false;
    };
    artfusion::Sampler sampler = start(watched);
    bool caught = false;
    try {
        sampler.run();
    } catch (const std::out_of_range &error) {
        caught = std::strcmp(error.what(), "from the callback") == 0;
    }
    EXPECT(caught && sampler.progress().step == 1);
    artfusion::Sampler moved = std::move(sampler);
    moved.run();
    EXPECT(seen == 1 + 2 + 3 && epses == 3 && noises >= 1);
    EXPECT(same(moved.image(), wanted));

    // For noise and eps, a throw is before the step; false from `on_step` and `on_eps` cancels.
    artfusion::Options failing = options;
    failing.on_noise = [](artfusion_noise_use, int32_t, float *, size_t) -> bool {
        throw std::bad_alloc();
    };
    caught = false;
    try {
        start(failing).run();
    } catch (const std::bad_alloc &) {
        caught = true;
    }
    EXPECT(caught);
    artfusion::Options stopping = options;
    stopping.on_step = [](artfusion::Sampler &) { return false; };
    EXPECT_ERROR(ARTFUSION_ERROR_CANCELLED, "", start(stopping).run());
    stopping.on_step = nullptr;
    stopping.on_eps = [](float *, size_t) { return false; };
    EXPECT_ERROR(ARTFUSION_ERROR_CANCELLED, "", start(stopping).run());
    artfusion::Sampler cancelled = start(options);
    cancelled.cancel();
    EXPECT_ERROR(ARTFUSION_ERROR_CANCELLED, "", cancelled.run());
    cancelled.run();
    EXPECT(same(cancelled.image(), wanted));
}

std::vector<char> contents(const std::string &path)
{
    std::ifstream file(path, std::ios::binary);
    return std::vector<char>(std::istreambuf_iterator<char>(file), {});
}

bool same(const std::vector<char> &a, const std::vector<uint8_t> &b)
{
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size()) == 0;
}

// Styles and runs, saved and loaded again by their paths and as their bytes.
void saved(const char *path)
{
    const artfusion::Context context;
    const artfusion::Model model(context, path);
    const artfusion::Image content = picture(64, 64, 2);
    const artfusion::Style style = model.style(picture(80, 48, 3));
    char folder[] = "/tmp/artfusion-hpp-XXXXXX";
    if (!mkdtemp(folder))
        throw std::runtime_error("no folder for files");
    const std::string style_file = std::string(folder) + "/a.style";
    const std::string state_file = std::string(folder) + "/a.state";

    style.save(style_file);
    const std::vector<uint8_t> code = style.save();
    EXPECT(same(contents(style_file), code));
    EXPECT(model.load_style(style_file).values() == style.values());
    EXPECT(model.load_style(code.data(), code.size()).values() == style.values());
    EXPECT_ERROR(ARTFUSION_ERROR_IO, "nowhere", style.save("/nowhere/a.style"));
    EXPECT_ERROR(ARTFUSION_ERROR_IO, "nowhere", model.load_style("/nowhere/a.style"));
    EXPECT_ERROR(ARTFUSION_ERROR_FORMAT, "style", model.load_style("none", 4));

    artfusion::Options options(model);
    options.width = options.height = 64;
    options.steps = 4;
    options.solver = ARTFUSION_SOLVER_DPMPP_2M_SDE;
    options.rng = ARTFUSION_RNG_TORCH_CPU;
    options.eta = 0.7;
    std::vector<uint8_t> state;
    artfusion::Options watched = options;
    watched.on_step = [&](artfusion::Sampler &sampler) {
        if (sampler.progress().step != 2)
            return true;
        sampler.save_state(state_file);
        state = sampler.save_state();
        return true;
    };
    artfusion::Sampler whole(model, watched);
    whole.set_content(content);
    whole.set_style(style);
    whole.run();
    EXPECT(same(contents(state_file), state));
    for (const bool by_path : {true, false}) {
        artfusion::Sampler later(model, options);
        if (by_path)
            later.load_state(state_file);
        else
            later.load_state(state.data(), state.size());
        EXPECT(later.progress().step == 2);
        later.run();
        EXPECT(same(later.image(), whole.image()));
    }
    EXPECT_ERROR(ARTFUSION_ERROR_IO, "nowhere", whole.save_state("/nowhere/a.state"));
    EXPECT_ERROR(ARTFUSION_ERROR_IO, "nowhere", whole.load_state("/nowhere/a.state"));
    options.steps = 3;
    artfusion::Sampler other(model, options);
    EXPECT_ERROR(ARTFUSION_ERROR_MISMATCH, "steps", other.load_state(state.data(), state.size()));
    for (const std::string &file : {style_file, state_file, std::string(folder)})
        EXPECT(std::remove(file.c_str()) == 0);
}

void memory(const char *path)
{
    artfusion_context_options limits;
    artfusion::check(artfusion_context_options_init(&limits, sizeof limits));
    EXPECT(limits.memory_limit == 0);
    const artfusion::Model model(artfusion::Context(&limits), path);
    artfusion::Options options(model);
    options.width = options.height = 64;
    options.steps =
        1; // many steps' conditions would be more than the passes, which the limit parts
    const uint64_t one = model.memory_needed(options);
    options.batch = 4;
    const uint64_t four = model.memory_needed(options);
    EXPECT(one > 65536 && four > one);
    options.steps = 0;
    EXPECT_ERROR(ARTFUSION_ERROR_ARGUMENT, "steps", model.memory_needed(options));

    limits.memory_limit = four - 1;
    const artfusion::Model limited(artfusion::Context(&limits), path);
    options = artfusion::Options(limited);
    options.width = options.height = 64;
    options.batch = 4;
    options.steps = 1;
    EXPECT(limited.memory_needed(options) < four);
    options.width = options.height = 256;
    EXPECT_ERROR(ARTFUSION_ERROR_LIMIT, "memory_limit", artfusion::Sampler(limited, options));
}

/* The engine's process, this one's only child. */
pid_t engine()
{
    const std::string self = std::to_string(getpid());
    pid_t child = 0;
    std::ifstream("/proc/" + self + "/task/" + self + "/children") >> child;
    return child;
}

/* In its own process it is killed in the midst of a run, which goes on to the same bytes. */
void isolation(const char *path)
{
    artfusion_context_options apart;
    artfusion::check(artfusion_context_options_init(&apart, sizeof apart));
    std::vector<artfusion::Image> results;
    const artfusion::Image content = picture(64, 64, 5), painting = picture(80, 72, 2);
    for (const artfusion_isolation where :
         {ARTFUSION_ISOLATION_NONE, ARTFUSION_ISOLATION_PROCESS}) {
        apart.isolation = where;
        const artfusion::Model model(artfusion::Context(&apart), path);
        EXPECT(model.info().isolation == where);
        artfusion::Options options(model);
        options.width = options.height = 64;
        options.steps = 4;
        artfusion::Sampler sampler(model, options);
        sampler.set_content(content);
        sampler.set_style(model.style(painting));
        EXPECT(sampler.next());
        if (where == ARTFUSION_ISOLATION_PROCESS) {
            EXPECT(engine() > 0 && kill(engine(), SIGKILL) == 0);
            EXPECT_ERROR(ARTFUSION_ERROR_ENGINE, "was ended by SIGKILL", sampler.next());
        }
        EXPECT(sampler.progress().step == 1);
        sampler.run();
        results.push_back(sampler.image());
    }
    EXPECT(engine() == 0);
    EXPECT(same(results[0], results[1]));
    apart.isolation = ARTFUSION_ISOLATION_AUTO;
    apart.trusted = "none";
    EXPECT_ERROR(ARTFUSION_ERROR_ARGUMENT, "trusted", artfusion::Context{&apart});
}

} // namespace

int main()
{
    const char *model = std::getenv("ARTFUSION_MODEL");
    if (!model) {
        std::puts("ARTFUSION_MODEL names no model file");
        return 1;
    }
    images();
    sampling(model);
    saved(model);
    memory(model);
    isolation(model);
    std::printf("%d failures\n", failures);
    return failures != 0;
}
