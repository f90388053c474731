#include "replica/client_table.h"

#include <algorithm>

#include "common/check.h"
#include "crypto/sha256.h"
#include "wire/limits.h"
#include "wire/state.pb.h"

namespace steward::replica {
namespace {

constexpr PageKey kClientsPage = 0;  // what is kept per client
constexpr PageKey kSessionPages = 1024;

PageKey page_of(const Bytes& client, std::uint64_t session) {
  const std::uint64_t spread = client.size() < 8 ? 0 : read_u64(client, 0);
  return static_cast<PageKey>(1 + (spread + session) % kSessionPages);
}

}  // namespace

ClientTable::Verdict ClientTable::judge(const site::UpdateKey& key) const {
  const Session* session = find(key.client, key.session);
  if (session == nullptr) {
    const auto client = clients_.find(key.client);
    const std::uint64_t expired = client == clients_.end() ? 0 : client->second.expired_up_to;
    if (key.session <= expired) return Verdict::kExpired;
    return key.timestamp == 1 ? Verdict::kExecute : Verdict::kGap;
  }
  if (key.timestamp <= session->timestamp) return Verdict::kDuplicate;
  return key.timestamp == session->timestamp + 1 ? Verdict::kExecute : Verdict::kGap;
}

void ClientTable::record(const site::UpdateKey& key, Sequence sequence, Bytes result) {
  STEWARD_CHECK(judge(key) == Verdict::kExecute);
  Client& client = clients_[key.client];
  if (!client.sessions.contains(key.session)) {
    if (client.sessions.size() >= limits::kMaxSessionsPerClient) {
      expire_oldest(key.client, client, key.session);
    }
    if (client.sessions.empty()) dirty_.insert(kClientsPage);
    pages_[page_of(key.client, key.session)].insert({key.client, key.session});
  }
  Session& session = client.sessions[key.session];
  client.result_bytes += result.size();
  client.result_bytes -= session.result.size();
  session = {key.timestamp, sequence, std::move(result)};
  while (client.result_bytes > limits::kMaxClientResultBytes && client.sessions.size() > 1) {
    expire_oldest(key.client, client, key.session);
  }
  touch(key.client, key.session);
}

void ClientTable::expire_oldest(const Bytes& name, Client& client, std::uint64_t kept) {
  auto oldest = client.sessions.end();
  for (auto it = client.sessions.begin(); it != client.sessions.end(); ++it) {
    const bool older =
        oldest == client.sessions.end() || it->second.sequence < oldest->second.sequence;
    if (it->first != kept && older) oldest = it;
  }
  client.expired_up_to = std::max(client.expired_up_to, oldest->first);
  client.result_bytes -= oldest->second.result.size();
  touch(name, oldest->first);
  dirty_.insert(kClientsPage);
  pages_[page_of(name, oldest->first)].erase({name, oldest->first});
  client.sessions.erase(oldest);
}

void ClientTable::touch(const Bytes& client, std::uint64_t session) {
  dirty_.insert(page_of(client, session));
}

const ClientTable::Session* ClientTable::find(const Bytes& client, std::uint64_t session) const {
  const auto found = clients_.find(client);
  if (found == clients_.end()) return nullptr;
  const auto it = found->second.sessions.find(session);
  return it == found->second.sessions.end() ? nullptr : &it->second;
}

std::size_t ClientTable::sessions() const {
  std::size_t count = 0;
  for (const auto& [name, client] : clients_) count += client.sessions.size();
  return count;
}

PageChanges ClientTable::collect() {
  PageChanges changes;
  for (const PageKey key : dirty_) {
    wire::ClientTablePage page;
    if (key == kClientsPage) {
      for (const auto& [name, client] : clients_) {
        wire::ClientEntry* entry = page.add_clients();
        entry->set_client(name);
        entry->set_expired_up_to(client.expired_up_to);
      }
    }
    for (const auto& [name, session] : pages_[key]) {
      const Session& state = *find(name, session);
      wire::SessionEntry* entry = page.add_sessions();
      entry->set_client(name);
      entry->set_session(session);
      entry->set_timestamp(state.timestamp);
      entry->set_sequence(state.sequence);
      entry->set_result(state.result);
    }
    const bool gone = page.clients().empty() && page.sessions().empty();
    changes[key] = gone ? std::nullopt : std::optional(page.SerializeAsString());
  }
  dirty_.clear();
  return changes;
}

bool ClientTable::load(const std::map<PageKey, Bytes>& pages) {
  *this = ClientTable();
  for (const auto& [key, content] : pages) {
    wire::ClientTablePage page;
    if (key > kSessionPages || !page.ParseFromString(content)) return false;
    for (const wire::ClientEntry& entry : page.clients()) {
      clients_[entry.client()].expired_up_to = entry.expired_up_to();
    }
    for (const wire::SessionEntry& entry : page.sessions()) {
      if (page_of(entry.client(), entry.session()) != key) return false;
      pages_[key].insert({entry.client(), entry.session()});
      Client& client = clients_[entry.client()];
      client.result_bytes += entry.result().size();
      client.sessions[entry.session()] = {entry.timestamp(), entry.sequence(), entry.result()};
    }
  }
  return true;
}

}  // namespace steward::replica
