#include "sim/story.h"

#include <fmt/format.h>

#include "wire/agreement.pb.h"

namespace steward::sim {
namespace {

template <class Proposal>
std::string proposed(const Proposal& proposal, const replica::Outgoing& outgoing) {
  const std::size_t items = outgoing.attachment ? outgoing.attachment->items.size() : 0;
  return fmt::format("proposes {} events as local sequence {} in view {}", items,
                     proposal.sequence(), proposal.view());
}

}  // namespace

std::optional<std::string> told(const replica::Outgoing& outgoing) {
  const bool ordering =
      outgoing.kind == wire::KIND_AGREEMENT || outgoing.kind == wire::KIND_VIEW_CHANGE;
  wire::AgreementMessage message;
  // What goes to single peers repeats.
  if (!ordering || !outgoing.to_self || !message.ParseFromString(outgoing.body)) {
    return std::nullopt;
  }
  if (message.has_pre_prepare()) return proposed(message.pre_prepare(), outgoing);
  if (message.has_proposal()) return proposed(message.proposal(), outgoing);
  if (message.has_view_change()) {
    return fmt::format("leaves for view {}", message.view_change().view());
  }
  if (message.has_new_view()) return fmt::format("opens view {}", message.new_view().view());
  return std::nullopt;
}

std::string told(const replica::Executed& executed) {
  return fmt::format("executes sequence {}: {} updates, batch {}", executed.sequence,
                     executed.batch->items.size(), executed.batch->digest.hex().substr(0, 8));
}

}  // namespace steward::sim
