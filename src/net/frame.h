// Framing: a 4-byte big-endian length, then that many bytes. No I/O.
#pragma once

#include <vector>

#include "common/bytes.h"
#include "wire/limits.h"

namespace steward::net {

inline constexpr std::size_t kFrameHeaderBytes = 4;

// Appends header and payload. The payload is at most limits::kMaxFrameBytes.
void append_frame(Bytes& out, BytesView payload);

// Cuts a byte stream back into frames. Holds at most one unfinished frame, and only as much memory
// as has arrived of it, whatever its header announces.
class FrameParser {
 public:
  explicit FrameParser(std::size_t max_payload_bytes = limits::kMaxFrameBytes)
      : max_payload_bytes_(max_payload_bytes) {}

  // Appends the payloads that `chunk` completes. False when a header announces too much; the stream
  // is then useless and every later call is false, too.
  bool feed(BytesView chunk, std::vector<Bytes>& frames);

 private:
  std::size_t max_payload_bytes_;
  Bytes header_;
  Bytes payload_;
  std::size_t payload_size_ = 0;  // once the header is complete
  bool broken_ = false;
};

}  // namespace steward::net
