// `steward server` whose answers are lies. The service's state stays right; the results that a
// server remembers for its clients do not, so its checkpoints differ from those of the others.
// Only for tests; the product has no such switch.
#include <CLI/CLI.hpp>
#include <memory>
#include <utility>

#include "cli/exit_code.h"
#include "cli/server_setup.h"
#include "service/kv/kv.pb.h"
#include "steward/state_machine.h"

namespace steward {
namespace {

// The same form with another content: what a gateway without a check would hand on.
void falsify(kv::Value& value) {
  switch (value.kind_case()) {
    case kv::Value::kSimple:
      value.set_error("ERR a lie");
      break;
    case kv::Value::kInteger:
      value.set_integer(value.integer() + 1);
      break;
    case kv::Value::kArray:
      for (kv::Value& entry : *value.mutable_array()->mutable_values()) falsify(entry);
      break;
    case kv::Value::kError:
    case kv::Value::kBulk:
    case kv::Value::kNull:
    case kv::Value::kMap:
    case kv::Value::kSet:
    case kv::Value::kVerbatim:
    case kv::Value::KIND_NOT_SET:
      value.set_bulk("a lie");
      break;
  }
}

Bytes falsify(const Bytes& result) {
  kv::Response response;
  if (!response.ParseFromString(result)) return "a lie";
  for (kv::Value& value : *response.mutable_values()) falsify(value);
  return response.SerializeAsString();
}

class Liar final : public StateMachine {
 public:
  explicit Liar(std::unique_ptr<StateMachine> honest) : honest_(std::move(honest)) {}

  Bytes apply(BytesView payload) override { return falsify(honest_->apply(payload)); }
  Bytes query(BytesView payload) const override { return falsify(honest_->query(payload)); }
  PageChanges collect() override { return honest_->collect(); }
  bool load(const std::map<PageKey, Bytes>& pages) override { return honest_->load(pages); }
  std::uint64_t size() const override { return honest_->size(); }

 private:
  std::unique_ptr<StateMachine> honest_;
};

}  // namespace
}  // namespace steward

int main(int argc, char** argv) {
  using namespace steward;
  CLI::App app("A server that lies to its clients, for tests");
  cli::ServerFlags flags;
  cli::add_server_options(app, flags);
  CLI11_PARSE(app, argc, argv);
  return cli::run_server(flags, [](std::unique_ptr<StateMachine> honest) {
    return std::unique_ptr<StateMachine>(std::make_unique<Liar>(std::move(honest)));
  });
}
