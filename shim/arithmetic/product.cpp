/* SPDX-License-Identifier: MIT */
#include "arithmetic/product.hpp"

#include <ATen/native/CPUBlas.h>
#include <pthread.h>
#include <sys/mman.h>

#include <array>
#include <cstdlib>
#include <initializer_list>
#include <new>

namespace af {
namespace {

/* Of a kernel's code, with what is made besides, on several threads at once. */
constexpr std::size_t ROOM = std::size_t{4} << 20;

/* Each thread of torch's keeps kernels of its own. These are the shapes it has them for, by a hash;
 * few, and where they become many all are looked at again. */
constexpr std::size_t PLACES = 256;
struct Made {
    std::array<uint64_t, PLACES> hashes;
    std::size_t count;
};

class Key {
public:
    Key()
    {
        if (pthread_key_create(&key_, std::free) != 0)
            throw std::bad_alloc();
    }
    ~Key() { pthread_key_delete(key_); } /* the engine may be unloaded before its threads end */
    Key(const Key &) = delete;
    Key &operator=(const Key &) = delete;
    pthread_key_t get() const { return key_; }

private:
    pthread_key_t key_;
};

/* The calling thread's. Not thread_local: where the loader has no memory for that of a library that
 * was opened at run time, it ends the process. */
Made &made_here()
{
    static const Key key;
    void *made = pthread_getspecific(key.get());
    if (!made) {
        made = std::calloc(1, sizeof(Made));
        if (!made || pthread_setspecific(key.get(), made) != 0) {
            std::free(made);
            throw std::bad_alloc();
        }
    }
    return *static_cast<Made *>(made);
}

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
uint64_t &place_of(uint64_t hash, Made &made)
{
    std::size_t at = (hash >> 8) % PLACES;
    while (made.hashes[at] && made.hashes[at] != hash)
        at = (at + 1) % PLACES;
    return made.hashes[at];
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
    Made &made = made_here();
    uint64_t &place = place_of(hash, made);
    if (!place)
        require_room();
    at::native::cpublas::brgemm(m, n, k, stride_a, stride_b, stride_c, add, a, b, c);
    if (place)
        return;
    if (made.count == PLACES * 3 / 4)
        made = {};
    place_of(hash, made) = hash;
    made.count++;
}

void products_done()
{
    at::native::cpublas::brgemm_release();
}

} // namespace af
