// Fetching a certified snapshot from peers, page by page (SPEC 2.7): the manifest is checked
// against the certificate's digest, each page against the manifest, so that no source need be
// trusted; one that does not answer or lies is replaced by the next. Pages that this server
// already has are not fetched. Not thread-safe.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "common/ids.h"
#include "replica/page_set.h"
#include "wire/agreement.pb.h"
#include "wire/state.pb.h"

namespace steward::replica {

class StateFetch {
 public:
  struct Requests {
    std::vector<std::pair<ServerIndex, wire::ManifestRequest>> manifests;
    std::vector<std::pair<ServerIndex, wire::PagesRequest>> pages;
  };

  StateFetch(ServerIndex self, std::uint32_t servers) : self_(self), servers_(servers) {}

  bool active() const { return target_.has_value(); }

  // Starts on this certificate, unless one at least as new is being fetched. `from` is asked first.
  void begin(const wire::StableCheckpoint& certificate, ServerIndex from, Requests& requests);

  // The host has executed so far by itself: a snapshot of no later a state is of no use any more,
  // and the others may have forgotten it.
  void reached(Sequence executed);

  void on_manifest(ServerIndex from, const wire::Manifest& manifest, const Pages& own,
                   Requests& requests);
  void on_pages(ServerIndex from, const wire::Pages& pages, Requests& requests);

  // Nothing has come since the last call: asks the next server. Called by timer while active().
  void on_timer(Requests& requests);

  // The whole snapshot, once; then inactive.
  struct Snapshot {
    wire::StableCheckpoint certificate;
    Pages pages;
  };
  std::optional<Snapshot> take_complete();

 private:
  void ask(Requests& requests);
  void next_source();

  const ServerIndex self_;
  const std::uint32_t servers_;
  std::optional<wire::StableCheckpoint> target_;
  ServerIndex source_ = 0;
  bool heard_ = false;  // from the source since the last timer
  std::optional<std::map<PageKey, crypto::Digest>> manifest_;
  Pages have_;
  std::set<PageKey> missing_;
};

// A donor's answer: pages of its snapshot up to a size that fits a frame well.
wire::Pages answer_pages(Sequence sequence, const Pages& snapshot,
                         const wire::PagesRequest& request);

}  // namespace steward::replica
