// The gateway's listener: accepts Redis clients and carries bytes between their sockets, their
// Connections and the backend. Runs on the one thread of its io_context.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "common/result.h"
#include "gateway/backend.h"

namespace boost::asio {
class io_context;
}

namespace steward::gateway {

struct GatewayOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;  // 0: any free one
  bool linearizable_reads = false;
  std::uint32_t max_connections = 10'000;
};

class Gateway {
 public:
  // Binds and begins to accept. `context` and `backend` outlive the gateway; calls of the backend
  // that are under way when the gateway ends may still complete, to no effect.
  static Result<std::unique_ptr<Gateway>> listen(boost::asio::io_context& context,
                                                 const GatewayOptions& options, Backend& backend);
  ~Gateway();  // closes every connection; on the context's thread, or when that has stopped

  std::uint16_t port() const;

 private:
  class Impl;
  explicit Gateway(std::shared_ptr<Impl> impl);

  std::shared_ptr<Impl> impl_;
};

}  // namespace steward::gateway
