// net/frame.h: frames come out of a stream the same, however it is cut, and go back into it.
#include "fuzz/input.h"
#include "net/frame.h"

using namespace steward;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input in(data, size);
  const std::size_t max_payload = in.u16();
  const BytesView cuts = in.take(8);
  const BytesView stream = in.rest();

  net::FrameParser at_once(max_payload);
  std::vector<Bytes> frames;
  const bool sound = at_once.feed(stream, frames);

  net::FrameParser piecewise(max_payload);
  std::vector<Bytes> frames_piecewise;
  bool still_sound = true;
  BytesView left = stream;
  for (std::size_t i = 0; !left.empty(); ++i) {
    const auto cut = cuts.empty() ? 1 : static_cast<unsigned char>(cuts[i % cuts.size()]) + 1U;
    const BytesView piece = left.substr(0, cut);
    left.remove_prefix(piece.size());
    still_sound = piecewise.feed(piece, frames_piecewise);
  }
  STEWARD_CHECK(sound == still_sound);
  STEWARD_CHECK(frames == frames_piecewise);

  Bytes again;
  for (const Bytes& frame : frames) {
    STEWARD_CHECK(frame.size() <= max_payload);
    net::append_frame(again, frame);
  }
  STEWARD_CHECK(stream.substr(0, again.size()) == again);
  if (!sound) STEWARD_CHECK(!at_once.feed("more", frames));
  return 0;
}
