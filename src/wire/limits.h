// Every bound on what a peer or client can make us hold or do, in one place.
#pragma once

#include <cstddef>
#include <cstdint>

namespace steward::limits {

inline constexpr std::size_t kMaxFrameBytes = 16 << 20;  // one frame on any connection
inline constexpr std::size_t kMaxUpdateBytes = 2 << 20;  // one signed update
inline constexpr std::size_t kMaxResultBytes = 8 << 20;  // the result of one update
inline constexpr std::size_t kMaxBatchBytes = 8 << 20;   // one ordered batch, encoded
inline constexpr std::size_t kMaxBatchItems = 4096;
inline constexpr std::size_t kMaxForwardUpdates = 1024;
inline constexpr std::size_t kMaxLeavesPerBatch = 1 << 16;  // outputs signed at once
inline constexpr std::size_t kMaxSiteDataBytes = 4 << 20;   // outputs in one message, one event
inline constexpr std::size_t kMaxWideBatchBytes =
    kMaxSiteDataBytes / 2;                              // updates in one of its batches
inline constexpr std::size_t kMaxShareBytes = 4 << 10;  // a signature share, or its proof
inline constexpr std::size_t kMaxDealBytes = 16 << 10;  // one server's part in a share renewal
inline constexpr std::size_t kMaxLeafPath = 16;         // hashes from a leaf to its root
inline constexpr std::size_t kMaxSites = 32;
inline constexpr std::size_t kMaxServersPerSite = 64;
inline constexpr std::size_t kMaxProofs = 64;            // signatures in one certificate
inline constexpr std::size_t kMaxVoteBytes = 208;        // one signed vote
inline constexpr std::size_t kMaxPagesPerMessage = 256;  // contents, of a snapshot
inline constexpr std::size_t kMaxGroupsPerMessage = 64;  // digests of their pages
inline constexpr std::size_t kMaxStateRequestBytes =
    64 + 6 * (kMaxPagesPerMessage + kMaxGroupsPerMessage);
inline constexpr std::size_t kMaxPageGroups = 1 << 18;  // of a state: all that its keys allow
inline constexpr std::uint64_t kStatusWindow = 64;      // sequences a Status map speaks of
inline constexpr std::size_t kMaxClientResultBytes = 8 << 20;  // kept for one client, all sessions
inline constexpr std::size_t kMaxSessionsPerClient = 4096;
inline constexpr std::size_t kMaxKeyBytes = 1 << 10;      // service/kv
inline constexpr std::size_t kMaxValueBytes = 512 << 10;  // service/kv

// A ViewChange, of which every sequence of the window is prepared, with all its proofs, and which
// shows that all peers have lost their memory once.
constexpr std::size_t max_view_change_bytes(std::size_t quorum, std::size_t checkpoint_interval) {
  constexpr std::size_t kCandidateBytes = 96;
  constexpr std::size_t kBirthBytes = kMaxVoteBytes + 8;
  constexpr std::size_t kRest = (4 << 10) + kMaxServersPerSite * kBirthBytes;
  return kRest + quorum * kMaxVoteBytes +
         2 * checkpoint_interval * (quorum * kMaxVoteBytes + kCandidateBytes);
}

// The same among sites: as one output of a site, or inside another, with all sites' signatures no
// longer than so.
inline constexpr std::size_t kPlainSignatureBytes = 72;  // one, with what frames it
constexpr std::size_t max_wide_view_change_bytes(std::size_t quorum,
                                                 std::size_t checkpoint_interval,
                                                 std::size_t signature_bytes) {
  constexpr std::size_t kCandidateBytes = 96;
  constexpr std::size_t kRest = 64 << 10;  // the checkpoint's proofs too, certificates themselves
  // Paths are as long as they are under a few hundred outputs; longer ones are rare.
  constexpr std::size_t kVoteBytes = 160 + 10 * 34;
  const std::size_t vote = kVoteBytes + signature_bytes;
  return kRest + 2 * quorum * quorum * vote +
         2 * checkpoint_interval * (quorum * vote + kCandidateBytes);
}

}  // namespace steward::limits
