// All connections of one server: to and from the other servers, and from gateways and operators,
// on one port. Owns a thread, the "net thread".
//
// Every server dials every other and sends only on the connection that it dialled; it receives on
// those that others dialled. Frames to one server arrive in order, each at most once; what cannot
// be sent is dropped and counted, and the layers above send again what still matters:
//   - while there is no connection, and what was queued when it broke;
//   - beyond `max_peer_queue_bytes`;
//   - over a cut link.
// With `topology.shape`, frames to servers of other sites wait as long as a real wide-area link
// would take (shaper.h). Each server has the link's whole rate for itself: nothing is shared
// between processes, so a site whose servers all send at once gets more than the file says.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/bytes.h"
#include "common/ids.h"
#include "common/result.h"
#include "common/time.h"
#include "crypto/key_directory.h"
#include "steward/cluster_config.h"

namespace steward::net {

// Of a connection from a client; never used twice.
using ClientConnectionId = std::uint64_t;

struct LinksOptions {
  ServerId self;
  Bytes seed;  // of the server's Ed25519 key, 32 bytes
  ClusterConfig config;
  std::shared_ptr<const crypto::KeyDirectory> directory;
  std::size_t max_peer_queue_bytes = 16 << 20;    // waiting to leave, per server
  std::size_t max_client_queue_bytes = 32 << 20;  // a client that lets more pile up is cut off
  std::size_t max_clients = 256;                  // connections
  std::size_t max_connections_per_client = 16;    // with one key; the oldest gives way
  std::size_t max_pending_handshakes = 128;
  Duration handshake_limit{5'000'000};
};

// All on the net thread; they must be quick, and may send but not destroy the Links.
struct LinksCallbacks {
  std::function<void(ServerId from, Bytes frame)> on_server_frame;
  std::function<void(ClientConnectionId, const Bytes& public_key, Bytes frame)> on_client_frame;
  std::function<void(ClientConnectionId)> on_client_closed;
};

struct PeerStats {
  ServerId id;
  bool connected = false;       // ours to it
  bool connected_back = false;  // its to us
  std::uint64_t bytes_in = 0;   // on the sockets, TLS included, TCP headers not
  std::uint64_t bytes_out = 0;
  std::uint64_t queued_bytes = 0;    // frames waiting to leave
  std::uint64_t dropped_frames = 0;  // full queue, or no connection
  std::uint64_t cut_frames = 0;      // dropped by a cut, in either direction
  bool cut = false;
};

struct LinksStats {
  std::vector<PeerStats> peers;  // in order of id, without ourselves
  std::uint64_t clients = 0;
  std::uint64_t client_bytes_in = 0;
  std::uint64_t client_bytes_out = 0;
  std::uint64_t refused_connections = 0;  // not authenticated, garbage, or over a limit
};

class Links {
 public:
  // Listens and starts dialling. kBadInput when the seed is not that of the directory's key for
  // `self`; kIo when the port is taken.
  static Result<std::unique_ptr<Links>> start(LinksOptions options, LinksCallbacks callbacks);

  // Ends the net thread, drops what is queued. No callback afterwards. Not from the net thread.
  ~Links();
  Links(const Links&) = delete;
  Links& operator=(const Links&) = delete;

  // Any thread; never blocks. `to` is another server of the cluster. The frame may be shared with
  // other calls, and has at most limits::kMaxFrameBytes (a larger one is dropped and counted).
  void send(ServerId to, std::shared_ptr<const Bytes> frame);

  // Any thread. Unknown and closed connections are ignored, frames beyond limits::kMaxFrameBytes
  // are dropped with a line in the log.
  void send_client(ClientConnectionId to, Bytes frame);

  // Any thread. For a client that breaks the rules: closes, and counts it as refused.
  // on_client_closed follows.
  void close_client(ClientConnectionId client);

  // Any thread. Cuts, or mends, the links between this server and these sites, in both directions:
  // connections stay, frames are dropped. kBadInput unless the cluster file says `shape`.
  Status set_cut(const std::vector<SiteId>& sites, bool cut);

  // Any thread.
  LinksStats stats() const;

 private:
  class Impl;
  explicit Links(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace steward::net
