// For tests: one core, fed message by message, and its disk.
#pragma once

#include <gtest/gtest.h>

#include "agreement/testing/verifier.h"

namespace steward::agreement {

class Driver {
 public:
  Driver(Protocol protocol, const Options& options) : protocol_(protocol), options_(options) {
    restart();
  }

  // Everything appended so far is on disk, unless `lose_lazy`: then what could be lost is.
  Actions restart(bool lose_lazy = false) {
    std::vector<Record> records;
    for (const auto& [key, append] : disk_) {
      if (!(lose_lazy && append.lazy)) records.push_back(append.record);
    }
    auto core = open_core(protocol_, options_, records);
    EXPECT_TRUE(core.ok());
    core_ = std::move(*core);
    Actions actions;
    core_->start(actions);
    return keep(std::move(actions));
  }

  Actions step(Event event) {
    Actions actions;
    core_->step(std::move(event), actions);
    core_->check_invariants();
    return keep(std::move(actions));
  }

  // A header without a signature, so that certificates can be looked into.
  Actions receive(PeerId from, const wire::AgreementMessage& body, wire::BatchPtr batch = nullptr) {
    return step(TestVerifier::vouch({from, body, std::move(batch), header(from, body)}));
  }

  // The core's own message comes back.
  Actions loop_back(const Send& send) { return receive(options_.self, send.body, send.batch); }

  static Bytes header(PeerId from, const wire::AgreementMessage& body) {
    wire::SignedHeader header;
    header.set_server(from);
    body.SerializeToString(header.mutable_body());
    return header.SerializeAsString();
  }

  Core& core() { return *core_; }
  std::uint64_t rejected(const std::string& reason) const {
    const auto found = core_->rejections().find(reason);
    return found == core_->rejections().end() ? 0 : found->second;
  }
  std::optional<Record> record(Sequence n, std::uint8_t kind) const {
    const auto found = disk_.find({n, kind});
    if (found == disk_.end()) return std::nullopt;
    return found->second.record;
  }

 private:
  Actions keep(Actions actions) {
    for (const Append& append : actions.appends) {
      disk_[{append.record.sequence, append.record.kind}] = append;
    }
    if (actions.truncate) {
      disk_.erase(disk_.lower_bound({1, 0}), disk_.lower_bound({*actions.truncate + 1, 0}));
    }
    return actions;
  }

  Protocol protocol_;
  Options options_;
  std::unique_ptr<Core> core_;
  std::map<std::pair<Sequence, std::uint8_t>, Append> disk_;
};

}  // namespace steward::agreement
