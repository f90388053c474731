// What the protocols of one server share (core.h): where it stands, what it knows, and what the
// step under way asks for. Not thread-safe.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "hierarchy/core.h"
#include "hierarchy/history.h"

namespace steward::hierarchy {

// Beyond the leader's windows, what a server behind it may still take in.
inline constexpr Sequence kWindowSlack = 8;
// To one server, between two ticks: a short question may cost no more than this.
inline constexpr std::size_t kGivenBytes = 8 << 20;

// Durable before anything is said of it. Installed: a quorum of the site (local), or of a majority
// of sites (global), waits for this view or is in it. Only then does a server act in it.
struct Views {
  ViewPair now;
  bool global_installed = true;
  bool local_installed = true;
  // The last pair in which this server adopted NEW_LOCAL_VIEW; nothing binds the first.
  ViewPair constrained;
};

class Context {
 public:
  explicit Context(const Options& chosen) : options(chosen) {}

  const Options options;
  Views views;
  History history;
  // Constraint_Set of this global view, as one: what its leader site is bound to above the base.
  EvidenceBySequence constraint;
  // That this global and this local view are installed: GlobalViewChanges of a majority of sites or
  // one later word; New_Reps of a quorum (SignedHeaders). Of each site its newest LocalViewProof.
  std::vector<SiteWordPtr> global_proof;
  std::vector<Bytes> local_proof;
  std::map<SiteId, SiteWordPtr> local_views;
  // Payloads that this server goes on asking for.
  std::set<std::pair<Sequence, crypto::Digest>> wanted;
  bool work_expected = false;
  std::map<ServerId, std::size_t> given;  // bytes of batches, since the last tick
  std::map<std::string, std::uint64_t> rejections;
  Actions* out = nullptr;  // of the step under way

  // --- who
  const Quorums& site() const { return options.sites[options.self.site]; }
  SiteId site_count() const { return static_cast<SiteId>(options.sites.size()); }
  std::uint32_t majority() const { return site_count() / 2 + 1; }
  SiteId leader_of(View global) const { return static_cast<SiteId>(global % site_count()); }
  SiteId leader_site() const { return leader_of(views.now.global); }
  bool leads() const { return leader_site() == options.self.site; }
  ServerIndex representative() const;
  bool is_representative() const;
  // As far as this server has heard.
  ServerId representative_of(SiteId site) const;
  bool installed() const { return views.global_installed && views.local_installed; }
  bool constrained() const { return installed() && views.constrained == views.now; }
  // Is this what the representative says in the views in which this server is?
  bool from_representative(ServerIndex from, const ViewPair& view) const;

  // --- what is bound
  // Who leads this global view may order nothing else there; nullopt: anything. Not for what is
  // ordered.
  std::optional<crypto::Digest> bound(Sequence n) const;
  Sequence highest_bound() const;  // or ordered
  Sequence window_end() const;
  // Are the batches at hand, where they are not in the state already? Those that are not are asked
  // for from now on.
  bool has_payloads(const EvidenceBySequence& evidence);

  // --- what to do
  void send(std::vector<ServerId> to, proto::ServerMessage body, wire::BatchPtr batch = nullptr,
            bool promise = false);
  void send_site(proto::ServerMessage body, wire::BatchPtr batch = nullptr, bool promise = false);
  void promise_site(proto::ServerMessage body, wire::BatchPtr batch = nullptr);
  // A batch that was asked for; not when this server was given much since the last tick.
  void give(ServerId to, proto::ServerMessage body, const wire::BatchPtr& batch);
  void send_word(std::vector<ServerId> to, const SiteWordPtr& word);
  void spread(const SiteWordPtr& word);  // to the others of the site
  void send_to_representatives(const SiteWordPtr& word);
  void send_to_counterparts(const SiteWordPtr& word);  // same index, each other site
  void sign(Sequence sequence, proto::SiteMessage body, wire::BatchPtr batch, bool at_once);
  void persist(std::uint8_t kind, const google::protobuf::MessageLite& record);
  void persist_views();
  void reject(const std::string& reason) { ++rejections[reason]; }

  std::vector<ServerId> servers() const;  // of the site
  std::vector<ServerId> others() const;

  // Into a higher global view, or the one it waits for: what was prepared in the old one goes over
  // into the global history.
  void enter_global_view(View view, bool installed);
};

// Records of no sequence.
enum StateRecord : std::uint8_t {
  kViewsRecord = 1,
  kGlobalProofRecord,
  kLocalProofRecord,
  kConstraintRecord,
  kAruSignedRecord,
  kConstraintSignedRecord,
  kStableRecord,
};

template <class Message>
ViewPair view_of(const Message& message) {
  return {message.global_view(), message.local_view()};
}
template <class Message>
void set_view(const ViewPair& view, Message& message) {
  message.set_global_view(view.global);
  message.set_local_view(view.local);
}

}  // namespace steward::hierarchy
