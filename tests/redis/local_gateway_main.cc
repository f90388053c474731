// A gateway in front of one KvStore in its own process, to try clients on: prints its port and runs
// until it is stopped.
#include <cstdio>

#include "gateway/gateway.h"
#include "local_gateway.h"

int main() {
  boost::asio::io_context context;
  steward::test::LocalBackend backend(context);
  const auto gateway = steward::gateway::Gateway::listen(context, {}, backend);
  if (!gateway.ok()) {
    std::fprintf(stderr, "%s\n", gateway.error().message.c_str());
    return 1;
  }
  std::printf("%u\n", static_cast<unsigned>((*gateway)->port()));
  std::fflush(stdout);
  context.run();
}
