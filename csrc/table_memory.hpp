// One thread's memory for a cluster's table of stars, used again from cluster to cluster.
#pragma once

#include <vector>

#include "reddened.hpp"

namespace clustercnn {
inline namespace CLUSTERCNN_ISA {

class TableMemory {
  public:
    ReddenedTable build(const Populations& p, int population, float a_v) {
        const PopulationRow row(p, population);
        const size_t bands = row.bands, stride = table_stride(row.bands);
        flux_.resize(row.knots * bands);
        for (size_t i = 0; i < flux_.size(); ++i) flux_[i] = reddened(row.flux[i], row.coefficients + 2 * i, a_v);
        segments_.resize(row.knots * stride);
        for (int k = 0; k + 1 < row.knots; ++k)
            row.segment(k, flux_.data() + k * bands, flux_.data() + (k + 1) * bands, segments_.data() + k * stride);
        return {row, segments_.data()};
    }

  private:
    std::vector<float> flux_, segments_;
};

}  // namespace CLUSTERCNN_ISA
}  // namespace clustercnn
