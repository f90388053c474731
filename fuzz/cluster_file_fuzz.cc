// steward/cluster_config.h: a cluster file that is accepted obeys the rules and, written out again,
// says the same.
#include "fuzz/input.h"
#include "steward/cluster_config.h"

using namespace steward;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const Result<ClusterConfig> config = parse_cluster_config(text, "input");
  if (!config) {
    STEWARD_CHECK(!config.error().message.empty());
    return 0;
  }
  STEWARD_CHECK(check_cluster_config(*config).ok());
  const std::string written = to_toml(*config);
  const Result<ClusterConfig> again = parse_cluster_config(written, "written");
  STEWARD_CHECK(again.ok());
  STEWARD_CHECK(to_toml(*again) == written);
  return 0;
}
