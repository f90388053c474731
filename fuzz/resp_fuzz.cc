// gateway/resp.h: requests come out of a stream the same, however it is cut; a request written as a
// multibulk is read back as it was; replies of any shape can be written.
#include "fuzz/input.h"
#include "gateway/resp.h"

using namespace steward;

namespace {

struct Parsed {
  std::vector<gateway::ParsedCommand> commands;
  std::string error;
};

Parsed parse(BytesView stream, std::size_t cut) {
  gateway::RequestParser parser;
  Parsed parsed;
  while (!stream.empty() && parser.error().empty()) {
    BytesView piece = stream.substr(0, cut);
    stream.remove_prefix(piece.size());
    while (auto command = parser.next(piece)) parsed.commands.push_back(std::move(*command));
    STEWARD_CHECK(piece.empty() || !parser.error().empty());
  }
  parsed.error = parser.error();
  return parsed;
}

bool same(const gateway::ParsedCommand& a, const gateway::ParsedCommand& b) {
  return a.command.SerializeAsString() == b.command.SerializeAsString() && a.cost == b.cost &&
         a.refusal == b.refusal;
}

void check_round_trip(const gateway::ParsedCommand& parsed) {
  STEWARD_CHECK(parsed.command.args_size() > 0);
  if (!parsed.refusal.empty()) return;
  STEWARD_CHECK(parsed.cost <= gateway::kMaxRequestCost);
  STEWARD_CHECK(parsed.command.ByteSizeLong() <= parsed.cost);
  Bytes again;
  gateway::write_array_header(static_cast<std::size_t>(parsed.command.args_size()), again);
  for (const Bytes& argument : parsed.command.args()) {
    kv::Value bulk;
    bulk.set_bulk(argument);
    gateway::write_value(bulk, gateway::Protocol::kResp2, again);
  }
  const Parsed back = parse(again, again.size());
  STEWARD_CHECK(back.error.empty() && back.commands.size() == 1);
  STEWARD_CHECK(same(back.commands[0], parsed));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input in(data, size);
  const std::size_t cut = 1 + std::size_t{in.u8()} % 64;
  const BytesView stream = in.rest();
  const Parsed at_once = parse(stream, stream.size());
  const Parsed piecewise = parse(stream, cut);
  STEWARD_CHECK(at_once.error == piecewise.error);
  STEWARD_CHECK(at_once.commands.size() == piecewise.commands.size());
  for (std::size_t i = 0; i < at_once.commands.size(); ++i) {
    STEWARD_CHECK(same(at_once.commands[i], piecewise.commands[i]));
    check_round_trip(at_once.commands[i]);
  }
  kv::Value value;
  if (value.ParseFromArray(stream.data(), static_cast<int>(stream.size()))) {
    Bytes out;
    gateway::write_value(value, gateway::Protocol::kResp2, out);
    gateway::write_value(value, gateway::Protocol::kResp3, out);
    STEWARD_CHECK(out.size() >= 2 && out.substr(out.size() - 2) == "\r\n");
  }
  return 0;
}
