/* SPDX-License-Identifier: MIT */
#include "product.hpp"

#include <ATen/native/CPUBlas.h>
#include <sys/mman.h>

#include <array>
#include <initializer_list>
#include <new>

namespace af {
namespace {

/* Of a kernel's code, with what is made besides, on several threads at once. */
constexpr std::size_t ROOM = std::size_t{4} << 20;

/* Each thread of torch's keeps kernels of its own. These are the shapes it has them for, by a hash;
 * few, and where they become many all are looked at again. */
constexpr std::size_t PLACES = 256;
thread_local std::array<uint64_t, PLACES> made;
thread_local std::size_t made_count;

uint64_t hash_of(std::initializer_list<int64_t> numbers)
{
    uint64_t hash = 0x9E3779B97F4A7C15u;
    for (const int64_t number : numbers) {
        hash = (hash ^ static_cast<uint64_t>(number)) * 0xFF51AFD7ED558CCDu;
        hash ^= hash >> 32;
    }
    return hash | 1; /* 0 is a free place */
}

/* Where this hash is, or is to be. */
uint64_t &place_of(uint64_t hash)
{
    std::size_t at = (hash >> 8) % PLACES;
    while (made[at] && made[at] != hash)
        at = (at + 1) % PLACES;
    return made[at];
}

/* Where oneDNN gets no memory for a kernel, torch destroys what was never made: a crash. So it is
 * asked for here first. */
void require_room()
{
    void *const room =
        mmap(nullptr, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED)
        throw std::bad_alloc();
    munmap(room, ROOM);
}

} // namespace

void product(int64_t m, int64_t n, int64_t k, int64_t stride_a, int64_t stride_b, int64_t stride_c,
             bool add, const c10::BFloat16 *a, const c10::BFloat16 *b, float *c)
{
    const uint64_t hash = hash_of({m, n, k, stride_a, stride_b, stride_c, add});
    uint64_t &place = place_of(hash);
    if (!place)
        require_room();
    at::native::cpublas::brgemm(m, n, k, stride_a, stride_b, stride_c, add, a, b, c);
    if (place)
        return;
    if (made_count == PLACES * 3 / 4) {
        made = {};
        made_count = 0;
    }
    place_of(hash) = hash;
    made_count++;
}

void products_done()
{
    at::native::cpublas::brgemm_release();
}

} // namespace af
