// What a cluster is: read from a TOML file (docs/configuration.md lists every key), the same file
// for real servers, gateways and the simulator. Plain values; copy freely.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/ids.h"
#include "common/quorum.h"
#include "common/result.h"
#include "common/time.h"

namespace steward {

enum class LocalProtocol { kSingle, kPaxos, kPbft };  // orders the events of one site
enum class WideProtocol { kPaxos, kPbft };            // runs among the sites

struct ServerConfig {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;
};

struct SiteConfig {
  std::string name;
  LocalProtocol protocol = LocalProtocol::kPbft;
  std::uint32_t faults = 1;  // f: servers of this site that may fail (in the way of its protocol)
  std::vector<ServerConfig> servers;
  std::string scheme;  // of its site key; empty: as CryptoConfig says. Sites of pbft only
  std::string gateway_host = "127.0.0.1";
  std::uint16_t gateway_port = 0;

  // Among its servers.
  Quorums quorums() const {
    return {static_cast<std::uint32_t>(servers.size()), faults, protocol == LocalProtocol::kPbft};
  }
};

// One directed wide-area link. Zero rate means unlimited.
struct LinkConfig {
  Duration latency{0};
  std::uint64_t rate_bits_per_s = 0;
  double loss =
      0;  // simulator: fraction of messages; real links: a retransmission delay (net/shaper.h)
};

struct LinkOverride {
  SiteId from = 0;
  SiteId to = 0;
  LinkConfig link;
};

struct TopologyConfig {
  bool shape = false;  // emulate the wide-area links (and allow `steward cut`); off in production
  LinkConfig wide;     // every pair of sites, unless overridden
  std::vector<LinkOverride> overrides;
  LinkConfig local{Duration(100), 1'000'000'000, 0};  // simulator only: links inside a site

  const LinkConfig& between(SiteId from, SiteId to) const;  // `local` when from == to
};

// How pbft sites sign; other sites sign with one plain Ed25519 key.
struct CryptoConfig {
  std::string scheme = "auto";    // or "rsa-shoup", "bls12-381", "ed25519-multi": see site_scheme()
  std::uint32_t rsa_bits = 3072;  // of "rsa-shoup": 2048, 3072 or 4096
  Duration refresh_interval{0};   // key shares are renewed so often; 0: when an operator asks
};

struct TimeoutConfig {
  Duration status_interval{100'000};  // retransmission by status exchange while work is unfinished
  Duration idle_status_interval{1'000'000};
  Duration acknowledge{200'000};  // T_ack: a site acknowledges what it received, if only by itself
  Duration link{3'000'000};       // a virtual link that shows no acknowledgement is replaced
  Duration retransmit{400'000};   // a forwarder sends again what is not acknowledged
  Duration client_retry{2'000'000};  // T0, doubling to 8 T0
  Duration view_change{2'000'000};  // a local leader that gets nothing done is replaced; doubles …
  Duration view_change_cap{30'000'000};  // … up to this
  Duration fair{10'000'000};  // T_fair: one that passes over a client or a link for so long, too
};

struct OrderingConfig {
  std::uint32_t local_window = 4;  // local batches in flight
  std::uint32_t wide_window = 16;  // wide batches in flight
  std::uint32_t max_batch_items = 1024;
  std::uint32_t max_batch_bytes = 256 << 10;
  std::uint32_t checkpoint_interval = 128;  // K: local sequences between checkpoints
  std::uint32_t wide_checkpoint_interval = 128;
  std::uint32_t link_window = 256;               // messages in flight on one link between sites
  std::uint64_t link_queue_bytes = 64ULL << 20;  // unacknowledged output kept for one link
  // What a server sends of its state to those of its site that lag, together; 0: unlimited.
  std::uint64_t transfer_rate_bits_per_s = 96'000'000;
};

struct ClusterConfig {
  std::string name;
  std::uint64_t epoch = 0;
  WideProtocol wide = WideProtocol::kPaxos;
  std::uint32_t site_faults = 0;  // F: sites that may fail (crash, or lie under wide pbft)
  std::vector<SiteConfig> sites;
  TopologyConfig topology;
  CryptoConfig crypto;
  TimeoutConfig timeouts;
  OrderingConfig ordering;

  // Among the sites.
  Quorums quorums() const {
    return {static_cast<std::uint32_t>(sites.size()), site_faults, wide == WideProtocol::kPbft};
  }
};

// The scheme of a site's key, by name: "plain" unless the site is pbft, then what its own `scheme`
// or that of [crypto] says; "auto" decides by the site's faults.
std::string site_scheme(const ClusterConfig& config, SiteId site);

// Reads and checks a cluster file. Errors name the file, line, key and reason.
Result<ClusterConfig> load_cluster_config(const std::string& path);
Result<ClusterConfig> parse_cluster_config(const std::string& toml, const std::string& source_name);

// The rules of PROTOCOLS, ground rule 1: sizes against fault counts. parse_ and load_ call it.
Status check_cluster_config(const ClusterConfig& config);

// The cluster file that parse_cluster_config reads as `config`, every key written out. `config`
// obeys check_cluster_config.
std::string to_toml(const ClusterConfig& config);

const char* to_string(LocalProtocol protocol);
const char* to_string(WideProtocol protocol);

}  // namespace steward
