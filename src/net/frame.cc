#include "net/frame.h"

#include <algorithm>
#include <utility>

#include "common/check.h"

namespace steward::net {

void append_frame(Bytes& out, BytesView payload) {
  STEWARD_CHECK(payload.size() <= limits::kMaxFrameBytes);
  append_framed(out, payload);
}

bool FrameParser::feed(BytesView chunk, std::vector<Bytes>& frames) {
  while (!broken_ && !chunk.empty()) {
    if (header_.size() < kFrameHeaderBytes) {
      const std::size_t taken = std::min(kFrameHeaderBytes - header_.size(), chunk.size());
      header_.append(chunk.substr(0, taken));
      chunk.remove_prefix(taken);
      if (header_.size() < kFrameHeaderBytes) break;
      payload_size_ = read_u32(header_, 0);
      broken_ = payload_size_ > max_payload_bytes_;
      if (broken_) break;
    }
    const std::size_t taken = std::min(payload_size_ - payload_.size(), chunk.size());
    payload_.append(chunk.substr(0, taken));
    chunk.remove_prefix(taken);
    if (payload_.size() == payload_size_) {
      frames.push_back(std::exchange(payload_, {}));
      header_.clear();
    }
  }
  return !broken_;
}

}  // namespace steward::net
