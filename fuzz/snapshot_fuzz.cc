// The pages of a server's snapshot: the logical machine (with the wide core and the links in it),
// the client table, lists of groups and of pages. Pages of any content are refused, or taken; what
// was taken is handed out again and taken again. A machine is not run from there: pages count only
// when a quorum certified their digest, so that what they say is a state that a correct server had.
#include "crypto/ideal.h"
#include "fuzz/input.h"
#include "replica/client_table.h"
#include "replica/page_set.h"
#include "replica/testing/memory_store.h"
#include "site/logical_machine.h"
#include "site/testing/sites.h"

using namespace steward;

namespace {

class NoApplication : public site::Application {
 public:
  void execute(Sequence /*sequence*/, const wire::BatchPtr& /*batch*/) override {}
  crypto::Digest checkpoint() override { return {}; }
  bool settled(const site::UpdateKey& /*key*/) const override { return false; }
};

const ClusterConfig& config(bool lying_sites) {
  namespace test = site::testing;
  static const ClusterConfig kPaxos =
      test::cluster(3, 4, LocalProtocol::kPbft, WideProtocol::kPaxos);
  static const ClusterConfig kPbft = test::cluster(4, 4, LocalProtocol::kPbft, WideProtocol::kPbft);
  return lying_sites ? kPbft : kPaxos;
}

// Keys are spread over a machine's 2^25; a page's is its kind and a small number.
PageKey machine_key(fuzz::Input& in) {
  const PageKey base = in.u8() % 8;
  if (base == 7) return (1 << 17) + in.u8();  // the renewal of the key shares
  return base == 0 ? in.u8() : (base << 19) + in.u8();
}

std::map<PageKey, Bytes> read_pages(fuzz::Input& in, bool machine) {
  std::map<PageKey, Bytes> pages;
  while (!in.empty()) {
    const PageKey key = machine ? machine_key(in) : in.u16() % 1100;
    pages[key] = Bytes(in.framed());
  }
  return pages;
}

void apply_changes(const PageChanges& changes, std::map<PageKey, Bytes>& pages) {
  for (const auto& [key, content] : changes) {
    if (content) {
      pages[key] = *content;
    } else {
      pages.erase(key);
    }
  }
}

void load_machine(fuzz::Input& in, bool lying_sites) {
  NoApplication application;
  const wire::Domain domain{"fuzz", 0};
  const crypto::SitePublicKeyPtr key = crypto::IdealAuthority(1).site("site", 3, 4).key;
  site::LogicalMachine machine(config(lying_sites), domain, 1, key, application);
  std::map<PageKey, Bytes> pages = read_pages(in, true);
  if (!machine.load(pages)) return;
  PageChanges changes;
  machine.collect(changes);
  apply_changes(changes, pages);
  site::LogicalMachine again(config(lying_sites), domain, 1, key, application);
  STEWARD_CHECK(again.load(pages));
  STEWARD_CHECK(again.executed() == machine.executed());
  STEWARD_CHECK(again.wide_core().save() == machine.wide_core().save());
}

void load_clients(fuzz::Input& in) {
  replica::ClientTable table;
  std::map<PageKey, Bytes> pages = read_pages(in, false);
  if (!table.load(pages)) return;
  STEWARD_CHECK(table.collect().empty());
  const site::UpdateKey key{"a client", 1ULL << 40, 1};
  if (table.judge(key) == replica::ClientTable::Verdict::kExecute) {
    const std::size_t sessions = table.sessions();
    table.record(key, 1, "result");
    STEWARD_CHECK(table.find(key.client, key.session) != nullptr);
    STEWARD_CHECK(table.sessions() <= sessions + 1);
    apply_changes(table.collect(), pages);
    replica::ClientTable again;
    STEWARD_CHECK(again.load(pages) && again.sessions() == table.sessions());
  }
}

void read_list(fuzz::Input& in) {
  const BytesView bytes = in.rest();
  const auto list = replica::decode_groups(bytes);
  if (!list) return;
  Bytes again;
  for (const auto& [key, digest] : *list) {
    append_u32(again, key);
    again.append(digest.view());
  }
  STEWARD_CHECK(again == bytes);
  (void)replica::groups_root(*list);
}

void read_group(fuzz::Input& in) {
  const BytesView bytes = in.rest();
  const auto digests = replica::decode_group(7, bytes);
  if (!digests) return;
  replica::PageMap pages;
  for (const auto& [key, digest] : *digests) {
    STEWARD_CHECK(replica::group_of(key) == 7);
    pages[key] = {nullptr, digest};
  }
  STEWARD_CHECK(replica::encode_group(pages) == bytes);
  STEWARD_CHECK(replica::make_group(7, pages)->digest == replica::group_digest(7, bytes));
}

void keep_pages(fuzz::Input& in) {
  replica::PageSet pages;
  PageChanges changes;
  while (!in.empty()) {
    const PageKey key = in.u8();
    if (in.u8() % 4 == 0) {
      changes[key] = std::nullopt;
    } else {
      changes[key] = Bytes(in.framed());
    }
    if (in.u8() % 2 == 0) pages.apply(std::exchange(changes, {}), 7);
  }
  pages.apply(changes, 7);
  replica::PageSet again;
  again.load(pages.range(0, 0));
  STEWARD_CHECK(again.root() == pages.root());
  const auto list = replica::decode_groups(replica::encode_groups(pages.pages()));
  STEWARD_CHECK(list && replica::groups_root(*list) == pages.root());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input in(data, size);
  switch (in.u8() % 6) {
    case 0:
      load_machine(in, false);
      break;
    case 1:
      load_machine(in, true);
      break;
    case 2:
      load_clients(in);
      break;
    case 3:
      read_list(in);
      break;
    case 4:
      keep_pages(in);
      break;
    default:
      read_group(in);
  }
  return 0;
}
