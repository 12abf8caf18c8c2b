// The stars of one cluster, listed.
#pragma once

#include "strips.hpp"

namespace clustercnn::gpu {

struct StarColumns {  // of cluster job.first
    float *x, *y, *mass, *companion;  // [stars]; companion of clusters that have them only
    float* flux;                      // [stars][band]
};

struct ListJob {
    Job job;
    StarColumns out;
};

// As many threads as there are stars, or more.
CLUSTERCNN_DEVICE void list_stars(const ListJob& list) {
    const Job& job = list.job;
    const StarColumns& out = list.out;
    const int64_t star = static_cast<int64_t>(block_x()) * threads() + thread();
    const Lots& lots = job.lots[0];
    if (star >= lots.count) return;
    StarBlock block;
    sample_block(job.clusters, job.first, static_cast<uint32_t>(star), lots.u_max, table_of(job, job.first), block);
    out.x[star] = block.x[0];
    out.y[star] = block.y[0];
    out.mass[star] = block.mass[0];
    if (has_companions(job.clusters.variety, job.first)) out.companion[star] = block.companion[0];
    for (int b = 0; b < job.plan.bands; ++b) out.flux[star * job.plan.bands + b] = block.flux[b][0];
}

}  // namespace clustercnn::gpu
