// Stands in for libgomp in the thread sanitizer's run: teams of std::thread, which the sanitizer sees through. libgomp itself is
// not compiled with it, so that its barriers look like none and every loop like a race. Preloaded, the functions below take the
// place of libgomp's of the same names (GCC's libgomp.h documents them); only those that the core's loops need are here.
//
// g++ -std=c++20 -O1 -g -fPIC -shared -fsanitize=thread .ci/openmp_threads.cpp -o openmp_threads.so
#include <barrier>
#include <mutex>
#include <thread>
#include <vector>

namespace {

struct Team {
    explicit Team(unsigned threads) : barrier(threads) {}
    std::barrier<> barrier;
    std::mutex mutex;
    bool started = false;  // the loop; a region of the core has one at most
    long next = 0, end = 0, step = 0;
};

thread_local Team* team = nullptr;

bool next_chunk(long* first, long* last) {
    const std::lock_guard lock(team->mutex);
    if (team->next >= team->end) return false;
    *first = team->next;
    team->next += team->step;
    *last = team->next < team->end ? team->next : team->end;
    return true;
}

void work(Team& with, void (*region)(void*), void* data) {
    Team* outer = team;
    team = &with;
    region(data);
    team = outer;
}

}  // namespace

extern "C" {

void GOMP_parallel(void (*region)(void*), void* data, unsigned threads, unsigned) {
    if (threads == 0) threads = 2;
    Team with(threads);
    std::vector<std::thread> others;
    for (unsigned t = 1; t < threads; ++t) others.emplace_back([&] { work(with, region, data); });
    work(with, region, data);
    for (std::thread& other : others) other.join();
}

bool GOMP_loop_nonmonotonic_dynamic_start(long start, long end, long increment, long chunk, long* first, long* last) {
    {
        const std::lock_guard lock(team->mutex);
        if (!team->started) {
            team->started = true;
            team->next = start;
            team->end = end;
            team->step = increment * chunk;
        }
    }
    return next_chunk(first, last);
}

bool GOMP_loop_nonmonotonic_dynamic_next(long* first, long* last) { return next_chunk(first, last); }
void GOMP_loop_end() { team->barrier.arrive_and_wait(); }
void GOMP_loop_end_nowait() {}
}
