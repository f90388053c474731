// The real world around one replica::Server: sockets, disk, clock and threads.
//
// Threads: the net thread (in net::Links) moves frames; a verifying pool decodes and checks what
// comes in and signs what goes out; a signing pool does threshold cryptography; the log writer
// commits to disk in groups; the protocol thread runs the server itself and nothing slow.
// A promise travels: protocol thread → log writer → verifying pool (signature) → net thread.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "common/result.h"
#include "crypto/key_directory.h"
#include "crypto/signature.h"
#include "net/links.h"
#include "replica/server.h"
#include "replica/verifier.h"
#include "runtime/intake.h"
#include "runtime/latency.h"
#include "runtime/protocol_loop.h"
#include "runtime/worker_pool.h"
#include "steward/cluster_config.h"
#include "steward/state_machine.h"
#include "storage/log_writer.h"
#include "storage/store.h"

namespace steward::runtime {

struct ServerHostOptions {
  ClusterConfig config;
  ServerId self;
  std::shared_ptr<const crypto::KeyDirectory> directory;
  Bytes seed;                                    // of this server's Ed25519 key
  std::shared_ptr<const crypto::Signer> signer;  // the same key
  crypto::SiteKeySharePtr site_key_share;
  // Takes the place of the file with the key share, durably, when shares have been renewed.
  std::function<Status(const crypto::SecretBytes&)> replace_share;
  std::unique_ptr<StateMachine> state_machine;
  std::unique_ptr<storage::Store> store;
  std::size_t verify_threads = 1;
  std::size_t signing_threads = 1;
  // Called once, from any thread, when the server cannot go on (its disk failed).
  std::function<void(const Error&)> on_fatal;
};

class ServerHost {
 public:
  // Recovers from the store, listens and takes part.
  static Result<std::unique_ptr<ServerHost>> start(ServerHostOptions options);

  // Stops everything; what was promised is on disk already.
  ~ServerHost();
  ServerHost(const ServerHost&) = delete;
  ServerHost& operator=(const ServerHost&) = delete;

 private:
  explicit ServerHost(ServerHostOptions options);

  Status open();
  void on_server_frame(ServerId from, Bytes frame);
  void on_client_frame(net::ClientConnectionId connection, const Bytes& key, Bytes frame);
  void on_client_closed(net::ClientConnectionId connection);
  void verify_client_frame(net::ClientConnectionId connection, const Bytes& key, Bytes frame,
                           Intake::Ticket ticket);

  void step(replica::Input input);                      // protocol thread
  void perform(replica::Output output);                 // protocol thread
  void transmit(std::vector<replica::Outgoing> sends);  // verifying pool
  void run_job(site::SigningJob job);
  void answer(replica::ToClient answer);
  void add_runtime_status(wire::StatusReply& reply) const;
  void fail(const Error& error);
  void reject(const char* where, const std::string& reason);

  ServerHostOptions options_;
  const wire::Domain domain_;
  const replica::Verifier verifier_;
  std::unique_ptr<replica::Server> server_;
  Latency latency_;
  Intake intake_;
  std::atomic<bool> failed_ = false;
  std::atomic<bool> open_ = false;  // frames that come before links_ is there are dropped

  mutable std::mutex mutex_;                                              // guards what follows
  std::map<Bytes, std::map<net::ClientConnectionId, bool>> connections_;  // by client key
  std::map<net::ClientConnectionId, Bytes> client_keys_;
  std::map<std::string, std::uint64_t> rejections_;

  // Destroyed, and so stopped, from the last to the first. Others call into links_ until it goes.
  std::unique_ptr<net::Links> links_;
  ProtocolLoop loop_;
  WorkerPool verifying_;
  WorkerPool signing_;
  storage::LogWriter writer_;
};

}  // namespace steward::runtime
