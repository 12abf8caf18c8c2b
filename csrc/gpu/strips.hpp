// Stars onto the grid, and modes along x. A block has a strip of the grid's rows, in all bands, in its shared memory; it goes
// through all stars of its image, which are drawn anew from their numbers wherever they are needed, so that none is ever stored.
// A row belongs to one group of threads, which adds to it star by star: no atomics, and the same sums every time.
#pragma once

#include "../footprint.hpp"
#include "../sampling.hpp"
#include "prepare.hpp"

namespace clustercnn::gpu {

struct Point {
    double x, y;
};

// The stars of one image: of a cluster, sampled, or of a list.
struct Source {
    const Job& job;
    int64_t cluster, list, first, count;  // cluster or list is -1
    float u_max;

    CLUSTERCNN_HD Source(const Job& job, int64_t image)
        : job(job), cluster(image < job.clusters.n ? image : -1), list(cluster < 0 ? image - job.clusters.n : -1), first(0), u_max(1.0f) {
        if (list >= 0) {
            first = job.lists.first[list];
            count = job.lists.first[list + 1] - first;
        } else {
            count = job.lots[image - job.first].count;
            u_max = job.lots[image - job.first].u_max;
        }
    }
};

template <class T>
struct StripMemory {
    Signals<T> rows;   // a pair of rows of a band: one as the real part, one as the imaginary part
    T* coefficients;   // of the window
    T* stars;          // [star][record]: weights along x, along y, flux
    double* mass;      // [thread]
    int *row, *cell;   // [star]: of the strip, of the grid
    uint32_t* waiting; // [2 threads] numbers of stars that touch the strip, in order
    int* found;        // [warp]
    int* held;         // [1]: stars waiting
    int record;

    CLUSTERCNN_HD explicit StripMemory(const Plan& plan) {
        SharedPieces pieces;
        const int signals = (plan.strip_rows / 2) * plan.bands, n = signals * plan.cells.padded;
        rows = {pieces.take<T>(n), pieces.take<T>(n), signals, plan.cells.padded};
        coefficients = pieces.take<T>(plan.taps * (plan.degree + 1));
        record = (2 * plan.taps + plan.bands) | 1;
        stars = pieces.take<T>(threads() * record);
        // two T are as wide as a double at least: what follows is aligned if their number is even
        if ((2 * n + plan.taps * (plan.degree + 1) + threads() * record) % 2) pieces.take<T>(1);
        mass = pieces.take<double>(threads());
        row = pieces.take<int>(threads());
        cell = pieces.take<int>(threads());
        waiting = pieces.take<uint32_t>(2 * threads());
        found = pieces.take<int>(threads() / kWarp);
    }
};

// Rows from the strip's first one to that of the grid, round the domain.
CLUSTERCNN_HD int row_of_strip(const Plan& plan, int row, int first_row) {
    const int n = plan.cells.n, below = (row - first_row) % n;
    return below < 0 ? below + n : below;
}

CLUSTERCNN_HD int first_cell(const Plan& plan, double at, double& z) {
    return first_tap((at + plan.margin) * plan.cells_per_pixel, 0.5 * plan.taps, z);
}

// What is not a number is not inside either.
CLUSTERCNN_HD bool inside(const Plan& plan, double at) { return at > -plan.reach && at < plan.size - 1 + plan.reach; }

// Whether a star's window may touch the strip: a row more on either side, as another compilation of a star's place may round otherwise.
CLUSTERCNN_DEVICE bool near_strip(const Plan& plan, double y, int first_row) {
    if (!(y > -plan.reach - 1.0 && y < plan.size + plan.reach)) return false;
    double z;
    const int row = row_of_strip(plan, first_cell(plan, y, z), first_row);
    return row <= plan.strip_rows || row >= plan.cells.n - plan.taps - 1;
}

// A star's height, and, if asked for, the mass of it and its companion.
CLUSTERCNN_DEVICE double height_and_mass(const Source& source, const ReddenedTable& table, uint32_t star, bool weigh, double& mass) {
    const Clusters& c = source.job.clusters;
    const int64_t i = source.cluster;
    StarBlock block;
    if (!is_plain(c.variety, i)) {
        sample_block(c, i, star, source.u_max, table, block);
        mass += weigh ? block.mass[0] + (has_companions(c.variety, i) ? block.companion[0] : 0.0f) : 0.0;
        return block.y[0];
    }
    uint32_t words[4][1];
    float r2[1];
    philox_block(c.seed, star, kStars, static_cast<uint64_t>(c.index[i]), words);
    draw_radii(c, i, words[1], r2);
    place_stars(c, i, words[2], r2, block);
    if (weigh) {
        const float u[1] = {source.u_max * uniform(words[0][0])};
        Place place;
        table.find(u, place);
        table.masses(place, block.mass);
        mass += block.mass[0];
    }
    return block.y[0];
}

// Appends the numbers of those threads that found a star, in order; returns how many wait then.
template <class T>
CLUSTERCNN_DEVICE int append(const StripMemory<T>& memory, bool found, uint32_t star, int waiting) {
    const uint32_t votes = ballot(found);
    const int warp = thread() / kWarp, lane = thread() % kWarp;
    if (lane == 0) memory.found[warp] = count_bits(votes);
    sync();
    int before = 0, all = 0;
    for (int w = 0; w < threads() / kWarp; ++w) {
        before += w < warp ? memory.found[w] : 0;
        all += memory.found[w];
    }
    if (found) memory.waiting[waiting + before + count_bits(votes & ((1u << lane) - 1u))] = star;
    sync();
    return waiting + all;
}

// Window weights and light of one star into its record; its row is out of reach where it leaves no light.
template <class T>
CLUSTERCNN_DEVICE void record_star(const Plan& plan, const StripMemory<T>& memory, int slot, const Point& at, const float* flux, int first_row) {
    T* record = memory.stars + slot * memory.record;
    memory.row[slot] = -1;
    if (!inside(plan, at.x) || !inside(plan, at.y)) return;
    double zx, zy;
    memory.cell[slot] = first_cell(plan, at.x, zx) % plan.cells.n;
    memory.row[slot] = row_of_strip(plan, first_cell(plan, at.y, zy), first_row);
    for (int j = 0; j < plan.taps; ++j) {
        const T* c = memory.coefficients + j * (plan.degree + 1);
        T wx = c[0], wy = c[0];
        for (int d = 1; d <= plan.degree; ++d) {
            wx = wx * static_cast<T>(zx) + c[d];
            wy = wy * static_cast<T>(zy) + c[d];
        }
        record[j] = wx;
        record[plan.taps + j] = wy;
    }
    for (int b = 0; b < plan.bands; ++b) record[2 * plan.taps + b] = flux[b];
}

template <class T>
CLUSTERCNN_DEVICE void record_waiting(const Source& source, const ReddenedTable* table, const StripMemory<T>& memory, int count, int first_row) {
    if (thread() < count) {
        const uint32_t star = memory.waiting[thread()];
        const Plan& plan = source.job.plan;
        if (source.list >= 0) {
            const StarLists& lists = source.job.lists;
            const int64_t at = source.first + star;
            record_star(plan, memory, thread(), {lists.x[at], lists.y[at]}, lists.flux + at * plan.bands, first_row);
        } else {
            StarBlock block;
            sample_block(source.job.clusters, source.cluster, star, source.u_max, *table, block);
            float flux[kMaxBands];
            for (int b = 0; b < plan.bands; ++b) flux[b] = block.flux[b][0];
            record_star(plan, memory, thread(), {block.x[0], block.y[0]}, flux, first_row);
        }
    }
    sync();
}

// A thread's part of a row: which tap and band it adds, and where that lies. Rows are dealt out to the groups in turn, which are
// a power of two and at least as many as a window has rows.
template <class T>
CLUSTERCNN_DEVICE void deposit(const Plan& plan, const StripMemory<T>& memory, int count) {
    const int width = plan.taps * plan.bands;
    int lanes = 1;
    while (lanes < width && lanes < kWarp) lanes *= 2;
    const int groups = threads() / lanes, group = thread() / lanes, lane = thread() % lanes, n = plan.cells.n;
    for (int star = 0; star < count; ++star) {
        const int row = memory.row[star];
        // the window's row that is this group's, before the domain's end and after it
        for (int turn = 0; row >= 0 && turn < (row + plan.taps > n ? 2 : 1); ++turn) {
            const int local = row - turn * n, k = (group - local) & (groups - 1), at = local + k;
            if (k >= plan.taps || at < 0 || at >= plan.strip_rows || at >= n) continue;
            const T* record = memory.stars + star * memory.record;
            T* plane = (at & 1) ? memory.rows.im : memory.rows.re;
            for (int part = lane; part < width; part += lanes) {
                const int b = part / plan.taps, j = part - b * plan.taps;
                const int cell = memory.cell[star] + j < n ? memory.cell[star] + j : memory.cell[star] + j - n;
                plane[memory.rows.at((at >> 1) * plan.bands + b, cell)] += record[j] * record[2 * plan.taps + b] * record[plan.taps + k];
            }
        }
        sync_warp();  // the next star's window may overlap this one's
    }
    sync();
}

template <class T>
CLUSTERCNN_DEVICE void clear_strip(const Plan& plan, const StripMemory<T>& memory) {
    for (int i = thread(); i < memory.rows.count * memory.rows.padded; i += threads()) memory.rows.re[i] = memory.rows.im[i] = T(0);
    const T* coefficients = static_cast<const T*>(plan.coefficients);
    for (int i = thread(); i < plan.taps * (plan.degree + 1); i += threads()) memory.coefficients[i] = coefficients[i];
    sync();
}

// Takes the first of the stars that wait, puts them down, and moves the others up; returns how many are left.
template <class T>
CLUSTERCNN_DEVICE int put_down(const Source& source, const ReddenedTable* table, const StripMemory<T>& memory, int waiting, int first_row) {
    const int count = waiting < threads() ? waiting : threads();
    record_waiting(source, table, memory, count, first_row);
    deposit(source.job.plan, memory, count);
    const uint32_t next = thread() < waiting - count ? memory.waiting[count + thread()] : 0;
    sync();
    memory.waiting[thread()] = next;
    sync();
    return waiting - count;
}

CLUSTERCNN_DEVICE void add_up(double* parts, double mine, double* sum) {
    parts[thread()] = mine;
    sync();
    for (int step = threads() / 2; step > 0; step /= 2) {
        if (thread() < step) parts[thread()] += parts[thread() + step];
        sync();
    }
    if (thread() == 0) *sum = parts[0];
}

// All stars of the image that touch the strip; whether any did.
template <class T>
CLUSTERCNN_DEVICE bool draw_stars(const Source& source, const StripMemory<T>& memory, int strip) {
    const Job& job = source.job;
    const int first_row = strip * job.plan.strip_rows;
    const ReddenedTable table = source.cluster < 0 ? no_table(job) : table_of(job, source.cluster);
    double mass = 0.0;
    int waiting = 0;
    bool any = false;
    for (int64_t start = 0, batch = 0; start < source.count; start += threads(), ++batch) {
        const int64_t star = start + thread();
        bool found = false;
        if (star < source.count) {
            const double y = source.list >= 0 ? job.lists.y[source.first + star]
                                              : height_and_mass(source, table, static_cast<uint32_t>(star), batch % job.plan.strips == strip, mass);
            found = near_strip(job.plan, y, first_row);
        }
        waiting = append(memory, found, static_cast<uint32_t>(star), waiting);
        if (waiting >= threads()) waiting = put_down(source, &table, memory, waiting, first_row), any = true;
    }
    if (waiting > 0) put_down(source, &table, memory, waiting, first_row), any = true;
    if (source.cluster >= 0) add_up(memory.mass, mass, job.mass_parts + (source.cluster - job.first) * job.plan.strips + strip);
    return any;
}

// The two rows of a signal told apart by Hermitian symmetry: modes 0 .. K of each, next to one another.
template <class T>
CLUSTERCNN_DEVICE void store_modes(const Job& job, int64_t image, const StripMemory<T>& memory, int strip, bool any) {
    const Plan& plan = job.plan;
    const int pairs = plan.strip_rows / 2, n = plan.cells.n;
    T* half = static_cast<T*>(job.half) + 2 * static_cast<int64_t>(image - job.first) * plan.columns * n;
    for (int b = 0; b < plan.bands; ++b)
        for (int item = thread(); item < pairs * (plan.band[b].modes + 1); item += threads()) {
            const int k = item / pairs, pair = item - k * pairs, row = strip * plan.strip_rows + 2 * pair;
            if (row >= n) continue;
            T* to = half + 2 * (static_cast<int64_t>(plan.band[b].column + k) * n + row);
            const int signal = pair * plan.bands + b;
            const int p = memory.rows.at(signal, plan.cells.places[k]), q = memory.rows.at(signal, plan.cells.places[k == 0 ? 0 : n - k]);
            const T p_re = memory.rows.re[p], p_im = memory.rows.im[p], q_re = memory.rows.re[q], q_im = memory.rows.im[q];
            to[0] = any ? T(0.5) * (p_re + q_re) : T(0);
            to[1] = any ? T(0.5) * (p_im - q_im) : T(0);
            if (row + 1 >= n) continue;
            to[2] = any ? T(0.5) * (p_im + q_im) : T(0);
            to[3] = any ? T(0.5) * (q_re - p_re) : T(0);
        }
}

// A block per strip (x) and image (y).
template <class T>
CLUSTERCNN_DEVICE void draw_strip(const Job& job) {
    const int strip = block_x();
    const int64_t image = job.first + block_y();
    const StripMemory<T> memory(job.plan);
    clear_strip(job.plan, memory);
    const bool any = draw_stars(Source(job, image), memory, strip);
    if (any) run_passes<-1>(memory.rows, job.plan.cells);
    store_modes(job, image, memory, strip, any);
}

}  // namespace clustercnn::gpu
