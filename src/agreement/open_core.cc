#include "agreement/core.h"
#include "agreement/paxos.h"
#include "agreement/pbft.h"

namespace steward::agreement {
namespace {

template <class Protocol>
Result<std::unique_ptr<Core>> open(const Options& options, std::span<const Record> records) {
  auto core = std::make_unique<Protocol>(options);
  if (Status status = core->load(records); !status) return status.error();
  return std::unique_ptr<Core>(std::move(core));
}

}  // namespace

Result<std::unique_ptr<Core>> open_core(Protocol protocol, const Options& options,
                                        std::span<const Record> records) {
  const Quorums& quorums = options.quorums;
  if (!quorums.sound() || options.self >= quorums.peers) {
    return bad_input("agreement: too few peers for the faults to tolerate");
  }
  if (quorums.byzantine != (protocol == Protocol::kPbft)) {
    return bad_input("agreement: pbft is for faults that lie, paxos for crashes");
  }
  if (options.window == 0 || options.checkpoint_interval == 0) {
    return bad_input("agreement: window and checkpoint_interval must be at least 1");
  }
  if (protocol == Protocol::kPbft) return open<Pbft>(options, records);
  return open<Paxos>(options, records);
}

}  // namespace steward::agreement
