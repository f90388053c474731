// Writes the inputs that the fuzzers start from: for each target a folder with one well-made file
// of each kind. What the fuzzers find beyond them is added by hand.
//
//   make_corpus DIRECTORY
#include <filesystem>
#include <fstream>
#include <iterator>

#include "agreement/ordered_log.h"
#include "crypto/key_files.h"
#include "crypto/keygen.h"
#include "crypto/secret_file.h"
#include "crypto/share_renewal.h"
#include "fuzz/hostile_peer.h"
#include "fuzz/input.h"
#include "net/frame.h"
#include "replica/page_set.h"
#include "replica/store_layout.h"
#include "service/kv/kv.pb.h"
#include "service/kv/kv_store.h"

namespace steward::fuzz {
namespace {

namespace fs = std::filesystem;

class Folder {
 public:
  Folder(const fs::path& root, const std::string& target) : path_(root / target) {
    fs::create_directories(path_);
  }
  void add(const std::string& name, BytesView bytes) const {
    std::ofstream(path_ / name, std::ios::binary) << bytes;
  }

 private:
  fs::path path_;
};

Bytes read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

Bytes one(std::uint8_t byte) { return Bytes(1, static_cast<char>(byte)); }
Bytes framed(BytesView bytes) {
  Bytes out;
  append_framed16(out, bytes);
  return out;
}

// --- messages

const HostilePeer& peer() {
  static const HostilePeer kPeer(LocalProtocol::kPbft, WideProtocol::kPbft);
  return kPeer;
}

template <class Message>
Bytes envelope(wire::Kind kind, const Message& message, const Bytes& attachment = {}) {
  wire::Envelope out;
  out.set_kind(kind);
  out.set_body(message.SerializeAsString());
  out.set_attachment(attachment);
  return out.SerializeAsString();
}

Bytes update(std::uint64_t timestamp, const Bytes& payload = "payload") {
  return site::testing::signed_update(peer().keys(), *peer().keys().client, 1, timestamp, payload);
}

Bytes set_request() {
  kv::Request request;
  for (const char* word : {"SET", "key", "value"}) request.add_commands()->add_args(word);
  kv::Command& command = *request.mutable_commands(0);
  command.add_args("key");
  command.add_args("value");
  request.mutable_commands()->DeleteSubrange(1, 2);
  return request.SerializeAsString();
}

wire::AgreementMessage vote(const std::string& kind, Sequence n, const crypto::Digest& digest) {
  wire::AgreementMessage body;
  const auto fill = [&](auto* message) {
    message->set_sequence(n);
    message->set_digest(digest.str());
  };
  if (kind == "pre_prepare") fill(body.mutable_pre_prepare());
  if (kind == "prepare") fill(body.mutable_prepare());
  if (kind == "commit") fill(body.mutable_commit());
  if (kind == "checkpoint") fill(body.mutable_checkpoint());
  if (kind == "proposal") fill(body.mutable_proposal());
  if (kind == "accept") fill(body.mutable_accept());
  if (kind == "committed") fill(body.mutable_committed());
  if (kind == "stable") fill(body.mutable_stable_checkpoint());
  return body;
}

constexpr const char* kVotes[] = {"pre_prepare", "prepare", "commit",    "checkpoint",
                                  "proposal",    "accept",  "committed", "stable"};

// What the lying site says in one signing batch: a proposal, a vote, an acknowledgement.
wire::SiteData site_data(std::uint64_t first, Sequence wide) {
  wire::SiteData data;
  data.set_site(kLyingSite);
  data.set_batch(first);
  const auto batch = wire::make_batch({update(wide, set_request())});
  for (const char* kind : {"pre_prepare", "commit"}) {
    wire::Leaf& leaf = *data.add_leaves();
    leaf.set_destination(kSelf.site);
    leaf.set_link_sequence(first++);
    leaf.set_body(vote(kind, wide, batch->digest).SerializeAsString());
    if (leaf.link_sequence() % 2 == 1) leaf.set_attachment(batch->encoded);
  }
  wire::AckVector acks;
  acks.set_number(wide);
  wire::LinkAck& ack = *acks.add_links();
  ack.set_site(kSelf.site);
  ack.set_cumulative(1);
  wire::Leaf& leaf = *data.add_leaves();
  leaf.set_type(wire::LEAF_ACK);
  leaf.set_body(acks.SerializeAsString());
  return data;
}

std::vector<Bytes> events(std::uint64_t n) {
  return {site::testing::event_of_update(update(n, set_request())),
          site::testing::event(site_data(2 * n - 1, n)),
          site::testing::event_of_timeout(2ULL << 32, n)};
}

Bytes proposal(Sequence n) {
  const auto batch = wire::make_batch(events(n));
  return envelope(wire::KIND_AGREEMENT, vote("pre_prepare", n, batch->digest), batch->encoded);
}

std::vector<std::pair<std::string, Bytes>> frames() {
  std::vector<std::pair<std::string, Bytes>> out;
  const auto batch = wire::make_batch(events(1));
  for (const char* kind : kVotes) {
    const bool carries = kind == kVotes[0] || kind == kVotes[4] || kind == kVotes[6];
    out.emplace_back(kind, envelope(wire::KIND_AGREEMENT, vote(kind, 4, batch->digest),
                                    carries ? batch->encoded : Bytes()));
  }
  wire::AgreementMessage status;
  status.mutable_status()->set_committed(3);
  out.emplace_back("status", envelope(wire::KIND_AGREEMENT, status));
  wire::TimerExpired timer;
  timer.set_timer(2ULL << 32);
  timer.set_generation(1);
  out.emplace_back("timer", envelope(wire::KIND_TIMER_EXPIRED, timer));
  wire::Share share;
  share.set_batch(1);
  share.set_leaf_count(2);
  share.set_root(Bytes(32, 'r'));
  share.set_share("share");
  share.set_proof("proof");
  out.emplace_back("share", envelope(wire::KIND_SHARE, share));
  wire::ShareRequest share_request;
  share_request.set_batch(1);
  share_request.set_with_proof(true);
  out.emplace_back("share_request", envelope(wire::KIND_SHARE_REQUEST, share_request));
  out.emplace_back("site_data", envelope(wire::KIND_SITE_DATA, site_data(1, 1)));
  wire::Forward forward;
  forward.add_updates(update(1));
  out.emplace_back("forward", envelope(wire::KIND_FORWARD, forward));
  wire::StateRequest state_request;
  state_request.set_sequence(4);
  out.emplace_back("state_request", envelope(wire::KIND_STATE_REQUEST, state_request));
  state_request.add_pages(5);
  out.emplace_back("pages_request", envelope(wire::KIND_STATE_REQUEST, state_request));
  wire::StateAnswer state;
  state.set_sequence(4);
  state.set_list(Bytes(4, '\0') + Bytes(32, 'd'));
  out.emplace_back("state_list", envelope(wire::KIND_STATE, state));
  state.clear_list();
  state.add_groups()->set_pages("x" + Bytes(32, 'd'));
  out.emplace_back("state_groups", envelope(wire::KIND_STATE, state));
  state.clear_groups();
  state.add_pages()->set_content("page");
  out.emplace_back("state_pages", envelope(wire::KIND_STATE, state));
  return out;
}

std::vector<std::pair<std::string, Bytes>> client_frames() {
  wire::ClientMessage updating;
  (void)updating.mutable_update()->ParseFromString(update(1, set_request()));
  wire::ClientMessage query;
  query.mutable_query()->set_id(1);
  query.mutable_query()->set_payload(set_request());
  wire::ClientMessage status;
  status.mutable_status_request()->set_id(1);
  return {{"update", updating.SerializeAsString()},
          {"query", query.SerializeAsString()},
          {"status_request", status.SerializeAsString()}};
}

void make_verifier(const fs::path& root) {
  const Folder folder(root, "verifier");
  for (const auto& [name, bytes] : frames()) {
    const bool wide = name == "site_data" || name == "forward";
    folder.add(name, one(wide ? 3 << 2 : 2 << 2) + bytes);
    if (name == "proposal" || name == "accept")
      folder.add(name + "_paxos", one(2 << 2 | 2) + bytes);
  }
  folder.add("site_data_raw", one(1 << 2) + peer().frame(frames()[12].second, true));
  for (const auto& [name, bytes] : client_frames()) folder.add(name, one(5 << 2) + bytes);
}

void make_server(const fs::path& root) {
  const Folder folder(root, "server");
  for (const auto& [name, bytes] : frames()) folder.add(name, one(0) + framed(bytes));
  for (const auto& [name, bytes] : client_frames()) folder.add(name, one(4) + framed(bytes));
  Bytes run;
  for (Sequence n = 1; n <= 5; ++n) run += one(0) + framed(proposal(n)) + one(5) + one(13);
  folder.add("ordering", run);
  folder.add("restart", run + one(7) + one(0) + framed(proposal(6)));
  folder.add("timers", one(4) + framed(client_frames()[0].second) + one(5) + one(13) + one(21) +
                           one(3) + framed(frames()[12].second) + one(5) + one(5));
}

// --- agreement

void make_agreement(const fs::path& root) {
  const Folder core(root, "agreement_core");
  Bytes run;
  for (int i = 0; i < 5; ++i) run += Bytes({0, 0, 1}) + Bytes(4, 4);
  core.add("ordering", run);
  core.add("restart", run + Bytes({6, 0, 0, 2, 4, 4, 7}));
  core.add("equivocation", Bytes({0, 0, 1, 4, 0, 0, 2, 3, 1, 1, 2, 4, 4, 4, 5, 7}));
  for (const char* kind : kVotes) {
    const Bytes body = vote(kind, 1, wire::make_batch({"item"})->digest).SerializeAsString();
    core.add(kind, one(2) + framed(body) + framed("item") + Bytes({4, 4, 5}));
  }

  const Folder records(root, "agreement_records");
  wire::ProposedRecord proposed;
  proposed.set_batch(wire::make_batch({"item"})->encoded);
  wire::CertificateRecord certificate;
  certificate.set_digest(wire::make_batch({"item"})->digest.str());
  for (int i = 0; i < 3; ++i) certificate.add_proofs("proof");
  wire::StableCheckpoint stable;
  stable.set_sequence(4);
  stable.set_digest(Bytes(32, 's'));
  wire::ViewRecord view;
  view.set_view(2);
  const auto record = [](std::uint8_t kind, std::uint8_t n, const auto& message) {
    return one(kind) + one(n) + framed(message.SerializeAsString());
  };
  using namespace agreement;
  const Bytes first = record(kViewRecord, 0, view) + record(kProposedRecord, 1, proposed);
  const Bytes slot = first + record(kPreparedRecord, 1, certificate);
  for (const std::uint8_t protocol : {std::uint8_t{0}, std::uint8_t{1}}) {
    const std::string name = protocol == 0 ? "pbft_" : "paxos_";
    records.add(name + "proposed", one(protocol) + first);
    records.add(name + "prepared", one(protocol) + slot);
    records.add(name + "committed",
                one(protocol) + slot + record(kCommittedRecord, 1, certificate));
    records.add(name + "learned", one(protocol) + record(kLearnedRecord, 2, proposed) +
                                      record(kCommittedRecord, 2, certificate));
    records.add(name + "stable", one(protocol) + record(kStableRecord, 0, stable) +
                                     record(kCheckpointRecord, 8, stable) +
                                     record(kProposedRecord, 5, proposed));
  }
}

// --- state on disk and in snapshots

class NoApplication : public site::Application {
 public:
  void execute(Sequence /*sequence*/, const wire::BatchPtr& /*batch*/) override {}
  crypto::Digest checkpoint() override { return {}; }
  bool settled(const site::UpdateKey& /*key*/) const override { return false; }
};

Bytes spread_key(PageKey key) {
  return key < 256
             ? one(0) + one(static_cast<std::uint8_t>(key))
             : one(static_cast<std::uint8_t>(key >> 19)) + one(static_cast<std::uint8_t>(key));
}

// Two events of a running cluster are enough to fill every kind of page.
Bytes machine_pages() {
  NoApplication application;
  site::LogicalMachine machine(peer().config(), peer().keys().domain, kSelf.site,
                               peer().keys().directory->sites[kSelf.site].site, application);
  site::LmOutputs out;
  const auto data = site::testing::event(site_data(1, 1));
  machine.execute(1, *wire::make_batch({data, site::testing::event_of_update(update(1))}), out);
  PageChanges changes;
  machine.collect(changes);
  Bytes bytes;
  for (const auto& [key, content] : changes) {
    if (content) bytes += spread_key(key) + framed(*content);
  }
  return bytes;
}

void make_snapshot(const fs::path& root) {
  const Folder folder(root, "snapshot");
  folder.add("machine", one(1) + machine_pages());
  wire::ClientTablePage table;
  wire::SessionEntry& entry = *table.add_sessions();
  entry.set_client("12345678");
  entry.set_session(1);
  entry.set_timestamp(1);
  entry.set_result("result");
  Bytes key;
  append_u16(key, (1 + (read_u64("12345678", 0) + 1) % 1024));
  folder.add("sessions", one(2) + key + framed(table.SerializeAsString()));
  wire::ClientTablePage clients;
  clients.add_clients()->set_client("a client");
  clients.mutable_clients(0)->set_expired_up_to(3);
  folder.add("clients", one(2) + Bytes(2, 0) + framed(clients.SerializeAsString()));
  Bytes list;
  Bytes group;
  for (std::uint8_t page = 0; page < 5; ++page) {
    append_u32(list, 1000U * page);
    list.append(32, 'd');
    group += one(page) + Bytes(32, 'd');
  }
  folder.add("list", one(3) + list);
  folder.add("group", one(5) + group);
  folder.add("pages", one(4) + Bytes({1, 1}) + framed("one") + Bytes({1, 2, 1}) + framed("two") +
                          Bytes({0, 1, 0, 0}));
  const Folder messages(root, "out_message");
  site::blink::OutMessage message;
  message.link_sequence = 3;
  message.body = vote("pre_prepare", 1, {}).SerializeAsString();
  message.leaf_count = 2;
  message.path.resize(1);
  messages.add("plain", site::blink::encode_out_message(message));
  message.attachment = wire::make_batch({"item", "another"});
  messages.add("attached", site::blink::encode_out_message(message));
  message.type = wire::LEAF_SKIP;
  messages.add("skip", site::blink::encode_out_message(message));
  const Folder batches(root, "batch");
  batches.add("empty", wire::make_batch({})->encoded);
  batches.add("two", wire::make_batch({"one", ""})->encoded);
  batches.add("events", wire::make_batch(events(1))->encoded);
}

void make_store(const fs::path& root) {
  storage::WriteBatch batch;
  replica::layout::put_record({1, 3, "record"}, batch);
  replica::layout::put_record({2, 4, ""}, batch);
  batch.puts.emplace_back(replica::layout::page_key(7), "page");
  replica::layout::put_marker(128, crypto::sha256("state"), 0, batch);
  Bytes bytes = one(1);
  for (const auto& [key, value] : batch.puts) {
    bytes += one(static_cast<std::uint8_t>(key.size())) + key + framed(*value);
  }
  Folder(root, "store").add("whole", bytes);
}

// --- text

void make_text(const fs::path& root) {
  const Folder files(root, "cluster_file");
  for (const auto& entry : fs::directory_iterator(STEWARD_EXAMPLES)) {
    files.add(entry.path().stem(), read_file(entry.path()));
    const Result<ClusterConfig> config = load_cluster_config(entry.path());
    STEWARD_CHECK(config.ok());
    const std::string written = to_toml(*config);
    if (written.size() <= 4096) files.add(entry.path().stem().string() + "_full", written);
  }
  const Folder resp(root, "resp");
  resp.add("multibulk",
           one(3) + "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\n\r\n\r\n*1\r\n$4\r\nPING\r\n");
  resp.add("inline", one(0) + "SET \"a\\x41\\n\" 'b\\'c' d\r\n\r\nGET k\n");
  resp.add("refused", one(9) + "*-1\r\n*2\r\n$3\r\nGET\r\n$600000\r\nabc");
  resp.add("broken", one(1) + "*1\r\n:3\r\n");
  kv::Value value;
  value.mutable_map()->add_values()->set_simple("a\r\nb");
  value.mutable_map()->add_values()->mutable_verbatim()->set_text("text");
  value.mutable_map()->add_values()->mutable_array()->add_values()->set_integer(-1);
  resp.add("reply", one(5) + value.SerializeAsString());

  const Folder key_value(root, "key_value");
  const auto request = [](std::uint8_t how, std::string_view text) {
    return one(how) + framed(text);
  };
  key_value.add("writes",
                one(0) + request(1, "SET a 1 EX\nSET a 1 NX\nINCR a\nAPPEND a x\nMSET b 2 c 3"));
  key_value.add("reads", one(0) + request(1, "SET a 1\nSET b 2") +
                             request(3,
                                     "GET a\nMGET a b c\nSCAN 0 MATCH [a-c]* COUNT 5\nKEYS *\n"
                                     "STRLEN a\nTYPE b\nEXISTS a a\nDBSIZE\nSCAN 4095"));
  key_value.add("numbers", one(0) + request(1,
                                            "SET n 9223372036854775807\nINCR n\nDECRBY n "
                                            "-9223372036854775808\nINCRBY n 01\nDECR n"));
  key_value.add("removal", one(0) + request(1,
                                            "SET a 1\nGETDEL a\nGETSET a 2\nSETNX a 3\nDEL a b\n"
                                            "FLUSHALL"));
  key_value.add("protobuf", one(0) + one(0) + framed(set_request()));
  kv::KvStore store(kv::HashKey{1, 2, 3});
  (void)store.apply(set_request());
  Bytes page = one(1);
  for (const auto& [key, content] : store.collect()) {
    append_u16(page, key);
    page += framed(*content);
  }
  key_value.add("page", page);

  Bytes stream;
  for (const char* frame : {"", "a frame", "another, longer frame"})
    net::append_frame(stream, frame);
  Folder(root, "frames").add("three", Bytes({1, 0, 0, 3, 9, 1, 2, 5, 0, 1}) + stream);
  Folder(root, "frames").add("too_large", Bytes({0, 9, 0, 3, 9, 1, 2, 5, 0, 1}) + stream);
}

// --- keys

void add_site_key(const Folder& folder, std::uint8_t scheme, const crypto::SiteKeySpec& spec) {
  const auto deal = crypto::deal_site_key(spec);
  STEWARD_CHECK(deal.ok());
  const Bytes key = one(scheme) + framed(deal->key->encoded());
  folder.add(spec.scheme + "_share",
             key + Bytes({0, 2}) + framed(deal->shares[2]->encoded().view()) + "message");
  Bytes shares;
  for (std::uint8_t server = 0; server < spec.servers; ++server) {
    const Bytes share = deal->shares[server]->share("message");
    shares += one(server) + framed(share) + framed(deal->shares[server]->prove("message", share));
  }
  folder.add(spec.scheme + "_combine", key + one(1) + framed("message") + shares);
  const Bytes wrong = one(0) + framed(deal->shares[0]->share("another")) + framed("");
  folder.add(spec.scheme + "_wrong_twice", key + one(1) + framed("message") + wrong + wrong);
  const auto* renewable = dynamic_cast<const crypto::RenewableSiteKey*>(deal->key.get());
  if (renewable == nullptr) return;
  crypto::Deal renewal{1, "context", {}};
  renewal.deal = renewable->make_deal(renewal, Bytes(32, 'e'));
  const Bytes complaint = renewable->make_complaint(*deal->shares[2], renewal, Bytes(32, 'f'));
  folder.add(spec.scheme + "_deal", key + Bytes({2, 1}) + framed("context") + framed(renewal.deal) +
                                        one(2) + framed(complaint));
}

void make_keys(const fs::path& root) {
  const Folder folder(root, "site_keys");
  add_site_key(folder, 0, {"plain", 4, 1});
  add_site_key(folder, 1, {"rsa-shoup", 4, 3, 512});
  add_site_key(folder, 2, {"ed25519-multi", 4, 3});
  add_site_key(folder, 3, {"bls12-381", 4, 3});

  const fs::path made =
      fs::temp_directory_path() / ("steward-corpus-" + std::to_string(::getpid()));
  const crypto::ClusterKeySpec spec{
      "c", {{"plain", 3, 1}, {"ed25519-multi", 4, 3}}, {"client"}, {}};
  STEWARD_CHECK(crypto::generate_cluster_keys(spec, made).ok());
  const Folder files(root, "key_files");
  const Bytes cluster = read_file(crypto::cluster_keys_path(made));
  files.add("cluster", one(0) + cluster);
  const std::string server = crypto::server_folder(made, {1, 2});
  files.add("server", one(1) + framed(cluster) +
                          framed(read_file(crypto::server_key_path(server))) +
                          read_file(crypto::share_path(server)));
  files.add("client",
            one(2) + framed(cluster) +
                read_file(crypto::client_key_path(crypto::client_folder(made, "client"))));
  fs::remove_all(made);
  const crypto::FileSecret secret{crypto::SecretKind::kPassphrase,
                                  crypto::SecretBytes("a passphrase")};
  const auto key = crypto::SealingKey::derive(secret);
  files.add("sealed", one(3) + key->seal({{"format", "a format"}, {"site", "1"}}, "content"));
}

}  // namespace

void make_corpus(const fs::path& root) {
  make_verifier(root);
  make_server(root);
  make_agreement(root);
  make_snapshot(root);
  make_store(root);
  make_text(root);
  make_keys(root);
}

}  // namespace steward::fuzz

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  steward::fuzz::make_corpus(argv[1]);
  return 0;
}
