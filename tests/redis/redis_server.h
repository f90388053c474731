// A private redis-server for tests that compare with it: on a Unix socket in a directory of its
// own, without persistence, gone with this object.
#pragma once

#include <sys/types.h>

#include <string>

#include "common/bytes.h"

namespace steward::test {

// A stream socket, blocking, with a limit on every wait.
class RawClient {
 public:
  explicit RawClient(const std::string& unix_path);
  ~RawClient();
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool connected() const { return socket_ >= 0; }
  // False when the other side is gone.
  bool send(BytesView bytes);
  // Reads at least `size` bytes and until they end with `mark`, or to the end of the stream.
  Bytes receive(std::size_t size, BytesView mark);
  Bytes receive_all();  // to the end of the stream

 private:
  int socket_ = -1;
};

class RedisServer {
 public:
  RedisServer();
  ~RedisServer();
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  bool running() const { return process_ > 0; }
  std::string socket_path() const { return directory_ + "/redis.sock"; }

 private:
  std::string directory_;
  pid_t process_ = -1;
};

}  // namespace steward::test
