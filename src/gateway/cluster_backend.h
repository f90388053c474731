// The backend that a gateway trusts: the servers of one site, of whom it believes only what enough
// of them say (client/client.h). Connections, timers and signatures run on the io_context's thread.
#pragma once

#include <memory>
#include <string>

#include "common/time.h"
#include "crypto/key_directory.h"
#include "crypto/signature.h"
#include "gateway/backend.h"
#include "steward/cluster_config.h"

namespace boost::asio {
class io_context;
}

namespace steward::gateway {

struct ClusterBackendOptions {
  ClusterConfig config;
  SiteId site = 0;
  std::shared_ptr<const crypto::KeyDirectory> directory;
  std::shared_ptr<const crypto::Signer> signer;  // the client's key
  Bytes seed;                                    // the same key's, for TLS
  // Session ids must grow over the key's whole life: a time in nanoseconds does.
  std::uint64_t first_session = 1;
  Duration deadline{60'000'000};  // after it a request fails, its outcome unknown
};

class ClusterBackend : public Backend {
 public:
  static Result<std::unique_ptr<ClusterBackend>> open(boost::asio::io_context& context,
                                                      ClusterBackendOptions options);
  ~ClusterBackend() override;

  void submit(Bytes payload, Callback done) override;
  void query(Bytes payload, Sequence min_sequence, Callback done) override;
  std::vector<std::pair<std::string, std::string>> facts() const override;

 private:
  class Impl;
  explicit ClusterBackend(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace steward::gateway
