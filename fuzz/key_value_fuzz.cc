// service/kv: requests of any bytes against the store get an answer within the limits, queries
// change nothing, and the pages that it hands out bring it back.
// Inputs that start with an odd byte are such pages themselves.
#include "fuzz/input.h"
#include "service/kv/kv.pb.h"
#include "service/kv/kv_store.h"
#include "wire/limits.h"

using namespace steward;

namespace {

constexpr kv::HashKey kHashKey{1, 2, 3};

std::map<PageKey, Bytes> all_pages(kv::KvStore& store, std::map<PageKey, Bytes> pages) {
  for (const auto& [key, content] : store.collect()) {
    if (content) {
      pages[key] = *content;
    } else {
      pages.erase(key);
    }
  }
  return pages;
}

void check_answer(const Bytes& answer) {
  kv::Response response;
  STEWARD_CHECK(answer.size() <= limits::kMaxResultBytes);
  STEWARD_CHECK(response.ParseFromString(answer));
}

// Commands as lines of words, since protobuf's framing is not what is looked for here.
Bytes request_of_text(BytesView text, bool atomic) {
  kv::Request request;
  request.set_atomic(atomic);
  while (!text.empty()) {
    BytesView line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    kv::Command& command = *request.add_commands();
    while (!line.empty()) {
      const BytesView word = line.substr(0, line.find(' '));
      line.remove_prefix(std::min(line.size(), word.size() + 1));
      command.add_args(Bytes(word));
    }
  }
  return request.SerializeAsString();
}

void run_requests(fuzz::Input& in) {
  kv::KvStore store(kHashKey);
  std::map<PageKey, Bytes> pages;
  while (!in.empty()) {
    const std::uint8_t how = in.u8();
    const BytesView bytes = in.framed();
    const Bytes payload = (how & 1) != 0 ? request_of_text(bytes, (how & 2) != 0) : Bytes(bytes);
    check_answer(store.query(payload));
    STEWARD_CHECK(store.collect().empty());
    check_answer(store.apply(payload));
    pages = all_pages(store, std::move(pages));
  }
  kv::KvStore copy(kHashKey);
  STEWARD_CHECK(copy.load(pages));
  STEWARD_CHECK(copy.size() == store.size() && copy.collect().empty());
}

void load_pages(fuzz::Input& in) {
  std::map<PageKey, Bytes> pages;
  while (!in.empty()) {
    const PageKey key = in.u16();
    pages[key] = Bytes(in.framed());
  }
  kv::PagedMap map(kHashKey);
  if (!map.load(pages)) return;
  // A page comes out as it went in.
  std::vector<std::pair<Bytes, Bytes>> pairs;
  for (const auto& [key, content] : pages) {
    for (const auto& [name, value] : map.page(key)) pairs.emplace_back(name, value);
  }
  kv::PagedMap filled(kHashKey);
  for (const auto& [name, value] : pairs) {
    const kv::PagedMap::Pair pair{name, value};
    STEWARD_CHECK(filled.put({&pair, 1}));
  }
  STEWARD_CHECK(filled.size() == map.size());
  PageChanges expected;
  for (auto& [key, content] : pages) expected.emplace(key, std::move(content));
  STEWARD_CHECK(filled.collect() == expected);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input in(data, size);
  if ((in.u8() & 1) == 0) {
    run_requests(in);
  } else {
    load_pages(in);
  }
  return 0;
}
