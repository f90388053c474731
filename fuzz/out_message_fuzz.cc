// site/blink/link.h: an output of a logical machine as a page of its snapshot. What can be read is
// written back the same.
#include "fuzz/input.h"
#include "site/blink/link.h"

using namespace steward;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input in(data, size);
  const auto message = site::blink::decode_out_message(in.rest());
  if (!message) return 0;
  const Bytes encoded = site::blink::encode_out_message(*message);
  const auto again = site::blink::decode_out_message(encoded);
  STEWARD_CHECK(again.has_value());
  STEWARD_CHECK(again->link_sequence == message->link_sequence && again->body == message->body);
  STEWARD_CHECK(again->path == message->path && again->root == message->root);
  STEWARD_CHECK(again->bytes() == message->bytes());
  STEWARD_CHECK(site::blink::encode_out_message(*again) == encoded);
  return 0;
}
