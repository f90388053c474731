#include "site/event_queue.h"

#include <algorithm>

#include "wire/limits.h"

namespace steward::site {
namespace {

// Complaints about as many dealers as a site has, and a little.
constexpr std::size_t kRefreshesPerServer = 72;

// How far behind what is held back something is looked for: votes beyond a window of usual size.
constexpr std::size_t kLookAhead = 1024;

// A map walked once around, starting behind `last`.
template <class Map>
std::vector<typename Map::iterator> round_robin(Map& map, const typename Map::key_type& last) {
  std::vector<typename Map::iterator> order;
  const auto start = map.upper_bound(last);
  for (auto it = start; it != map.end(); ++it) order.push_back(it);
  for (auto it = map.begin(); it != start; ++it) order.push_back(it);
  return order;
}

}  // namespace

std::pair<std::uint64_t, std::uint64_t> link_range(const wire::SiteData& data) {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  for (const wire::Leaf& leaf : data.leaves()) {
    if (leaf.type() == wire::LEAF_ACK) continue;
    // A skip voids all before it, so it may be drawn whatever is missing.
    if (first == 0) first = leaf.type() == wire::LEAF_SKIP ? 1 : leaf.link_sequence();
    last = leaf.link_sequence();
  }
  return {first, last};
}

std::uint64_t ack_number(const wire::SiteData& data) {
  for (const wire::Leaf& leaf : data.leaves()) {
    if (leaf.type() != wire::LEAF_ACK) continue;
    wire::AckVector ack;
    return ack.ParseFromString(leaf.body()) ? ack.number() : 0;
  }
  return 0;
}

// One batch being filled. It is full or it is not, for small events and large ones alike: were only
// the large refused, they could wait for ever.
class EventQueue::Drawer {
 public:
  explicit Drawer(const Limits& limits)
      : max_items_(limits.batch_items), full_bytes_(std::min(limits.batch_bytes, kFullBytes)) {}

  bool full() const { return items.size() >= max_items_ || bytes_ >= full_bytes_; }
  void add(const wire::LmEvent& event) { add_encoded(event.SerializeAsString()); }
  void add_encoded(Bytes event) {
    bytes_ += event.size();
    items.push_back(std::move(event));
  }

  std::vector<Bytes> items;

 private:
  // So that the largest event still fits into a batch that is not full.
  static constexpr std::size_t kFullBytes =
      limits::kMaxBatchBytes - limits::kMaxSiteDataBytes - (64 << 10);
  static_assert(limits::kMaxUpdateBytes <= limits::kMaxSiteDataBytes);

  const std::size_t max_items_;
  const std::size_t full_bytes_;
  std::size_t bytes_ = 0;
};

bool EventQueue::add_update(const UpdateKey& key, Bytes signed_update) {
  if (known_updates_.contains(key)) return false;
  ClientQueue& client = clients_[key.client];
  const std::size_t size = signed_update.size();
  if (client.bytes + size > limits_.client_bytes || bytes_ + size > limits_.total_bytes) {
    return false;
  }
  known_updates_.insert(key);
  client.bytes += size;
  bytes_ += size;
  if (client.waiting.empty()) client.stamp = ++last_stamp_;
  client.waiting.emplace_back(key, std::move(signed_update));
  return true;
}

bool EventQueue::add_site_data(std::shared_ptr<const wire::SiteData> data) {
  const std::size_t size = data->ByteSizeLong();
  if (size > limits::kMaxSiteDataBytes) return false;
  LinkQueue& link = links_[data->site()];
  const auto [first, last] = link_range(*data);
  const bool acknowledges = keep_acknowledgement(link, *data);
  if (first == 0) return acknowledges;
  if (last < link.next || link.waiting.contains(first)) return false;
  const bool full = link.waiting.size() >= limits_.link_entries ||
                    link.bytes + size > limits_.link_bytes || bytes_ + size > limits_.total_bytes;
  // A full queue still takes the message that everything behind it waits for, once.
  const bool awaited = first <= link.next && !has_next(link);
  if (full && !awaited) return false;
  if (awaited) link.stamp = ++last_stamp_;
  link.bytes += size;
  bytes_ += size;
  link.waiting.emplace(first, std::move(data));
  return true;
}

bool EventQueue::keep_acknowledgement(LinkQueue& link, const wire::SiteData& data) {
  const std::uint64_t number = ack_number(data);
  if (number <= std::max(link.newest_ack, link.drawn_ack)) return false;
  auto alone = std::make_shared<wire::SiteData>();
  alone->set_site(data.site());
  alone->set_batch(data.batch());
  alone->set_leaf_count(data.leaf_count());
  alone->set_root(data.root());
  alone->set_signature(data.signature());
  for (const wire::Leaf& leaf : data.leaves()) {
    if (leaf.type() == wire::LEAF_ACK) *alone->add_leaves() = leaf;
  }
  if (!link.ack_only) link.ack_stamp = ++last_stamp_;
  link.newest_ack = number;
  link.ack_only = std::move(alone);
  return true;
}

bool EventQueue::add_timeout(wire::LmTimeout timeout) {
  const std::pair key{timeout.timer(), timeout.generation()};
  if (drawn_timeouts_.contains(key)) return false;
  if (timeouts_.contains(key)) return false;
  timeouts_[key] = {std::move(timeout), ++last_stamp_};
  return true;
}

bool EventQueue::add_refresh(ServerIndex from, Bytes event) {
  std::deque<Bytes>& waiting = refreshes_[from];
  if (std::find(waiting.begin(), waiting.end(), event) != waiting.end()) return false;
  waiting.push_back(std::move(event));
  if (waiting.size() > kRefreshesPerServer) waiting.pop_front();
  return true;
}

void EventQueue::forget_refresh(const Bytes& event) {
  for (auto& [from, waiting] : refreshes_) std::erase(waiting, event);
  std::erase_if(refreshes_, [](const auto& entry) { return entry.second.empty(); });
}

bool EventQueue::empty() const {
  if (!timeouts_.empty() || !refreshes_.empty()) return false;
  for (const auto& [key, client] : clients_) {
    if (!client.waiting.empty()) return false;
  }
  for (const auto& [site, link] : links_) {
    if (link.ack_only) return false;
    if (has_next(link)) return false;
  }
  return true;
}

bool EventQueue::has_work() const {
  const auto waits = [](const auto& entry) { return !entry.second.waiting.empty(); };
  return !timeouts_.empty() || std::any_of(clients_.begin(), clients_.end(), waits) ||
         std::any_of(links_.begin(), links_.end(),
                     [this](const auto& entry) { return may_draw(entry.second); });
}

std::vector<EventQueue::Waiting> EventQueue::waiting(std::size_t max_updates) const {
  std::vector<Waiting> out;
  for (const auto& [name, client] : clients_) {
    if (client.waiting.empty()) continue;
    Waiting one{client.stamp, {}, nullptr, false};
    for (const auto& [key, update] : client.waiting) {
      if (one.updates.size() == max_updates) break;
      one.updates.push_back(update);
    }
    out.push_back(std::move(one));
  }
  for (const auto& [site, link] : links_) {
    if (has_next(link)) {
      out.push_back({link.stamp, {}, link.waiting.begin()->second, !may_draw(link)});
    }
    if (link.ack_only) out.push_back({link.ack_stamp, {}, link.ack_only, false});
  }
  // Servers repeat by themselves that one has run out.
  for (const auto& [key, waiting] : timeouts_) out.push_back({waiting.stamp, {}, nullptr, false});
  return out;
}

bool EventQueue::has_next(const LinkQueue& link) {
  return !link.waiting.empty() && link.waiting.begin()->first <= link.next;
}

bool EventQueue::is_ready(const LinkQueue& link) const {
  return !ready_ || ready_(*link.waiting.begin()->second);
}

bool EventQueue::may_draw(const LinkQueue& link) const {
  if (!has_next(link)) return false;
  return link_range(*link.waiting.begin()->second).second <= link.let_through || is_ready(link);
}

void EventQueue::let_through(const std::function<bool(const wire::SiteData&)>& may) {
  for (auto& [site, link] : links_) {
    if (!has_next(link) || may_draw(link)) continue;
    const wire::SiteData& next = *link.waiting.begin()->second;
    if (may(next)) link.let_through = link_range(next).second;
  }
}

void EventQueue::let_through_to(const std::function<bool(const wire::SiteData&)>& awaited) {
  for (auto& [site, link] : links_) {
    if (!has_next(link) || may_draw(link)) continue;
    std::uint64_t next = link.next;
    std::size_t left = kLookAhead;
    for (const auto& [first, data] : link.waiting) {
      if (first > next || left-- == 0) break;
      next = std::max(next, link_range(*data).second + 1);
      if (!awaited(*data)) continue;
      link.let_through = next - 1;
      break;
    }
  }
}

std::size_t EventQueue::size() const {
  std::size_t count = timeouts_.size();
  for (const auto& [key, client] : clients_) count += client.waiting.size();
  for (const auto& [from, waiting] : refreshes_) count += waiting.size();
  for (const auto& [site, link] : links_) count += link.waiting.size() + (link.ack_only ? 1 : 0);
  return count;
}

std::vector<Bytes> EventQueue::take() {
  Drawer drawer(limits_);
  draw_timeouts(drawer);
  draw_refreshes(drawer);
  if (std::exchange(clients_first_, !clients_first_)) draw_clients(drawer);
  for (bool any = true; any;) {
    any = draw_links(drawer);
    any = draw_clients(drawer) || any;
  }
  std::erase_if(clients_, [](const auto& entry) { return entry.second.waiting.empty(); });
  return std::move(drawer.items);
}

bool EventQueue::draw_links(Drawer& drawer) {
  bool any = false;
  for (const auto& it : round_robin(links_, last_link_)) {
    if (!draw_link(it->second, drawer)) continue;
    last_link_ = it->first;
    any = true;
  }
  return any;
}

bool EventQueue::draw_clients(Drawer& drawer) {
  bool any = false;
  for (const auto& it : round_robin(clients_, last_client_)) {
    if (!draw_client(it->second, drawer)) continue;
    last_client_ = it->first;
    any = true;
  }
  return any;
}

void EventQueue::draw_refreshes(Drawer& drawer) {
  for (const auto& [from, waiting] : std::exchange(refreshes_, {})) {
    for (const Bytes& event : waiting) drawer.add_encoded(event);
  }
}

void EventQueue::draw_timeouts(Drawer& drawer) {
  for (auto& [key, waiting] : timeouts_) {
    wire::LmEvent event;
    *event.mutable_timeout() = std::move(waiting.timeout);
    drawer.add(event);
    drawn_timeouts_.insert(key);
  }
  timeouts_.clear();
}

bool EventQueue::draw_link(LinkQueue& link, Drawer& drawer) {
  while (!link.waiting.empty() && link_range(*link.waiting.begin()->second).second < link.next) {
    drop_site_data(link, link.waiting.begin());
  }
  if (drawer.full()) return false;
  std::shared_ptr<const wire::SiteData> data;
  if (may_draw(link)) {
    data = link.waiting.begin()->second;
    link.next = link_range(*data).second + 1;
    drop_site_data(link, link.waiting.begin());
  } else if (link.ack_only) {
    data = std::exchange(link.ack_only, nullptr);
  }
  if (!data) return false;
  link.drawn_ack = std::max(link.drawn_ack, ack_number(*data));
  if (link.ack_only && link.newest_ack <= link.drawn_ack) link.ack_only = nullptr;
  wire::LmEvent event;
  *event.mutable_site_data() = *data;
  drawer.add(event);
  return true;
}

bool EventQueue::draw_client(ClientQueue& client, Drawer& drawer) {
  if (client.waiting.empty() || drawer.full()) return false;
  wire::LmEvent event;
  Bytes& update = client.waiting.front().second;
  client.bytes -= update.size();
  bytes_ -= update.size();
  event.set_client_update(std::move(update));
  client.waiting.pop_front();
  drawer.add(event);
  return true;
}

void EventQueue::drop_site_data(
    LinkQueue& link,
    std::map<std::uint64_t, std::shared_ptr<const wire::SiteData>>::iterator entry) {
  const std::size_t size = entry->second->ByteSizeLong();
  link.bytes -= size;
  bytes_ -= size;
  link.waiting.erase(entry);
}

void EventQueue::forget_update(const UpdateKey& key) {
  const auto client = clients_.find(key.client);
  if (client != clients_.end()) client->second.stamp = ++last_stamp_;
  if (known_updates_.erase(key) == 0 || client == clients_.end()) return;
  std::erase_if(client->second.waiting, [&](const auto& entry) {
    if (entry.first != key) return false;
    client->second.bytes -= entry.second.size();
    bytes_ -= entry.second.size();
    return true;
  });
  if (client->second.waiting.empty()) clients_.erase(client);
}

void EventQueue::forget_timeout(std::uint64_t timer, std::uint64_t generation) {
  timeouts_.erase({timer, generation});
  drawn_timeouts_.erase({timer, generation});
}

void EventQueue::forget_timeouts_unless(
    const std::function<bool(std::uint64_t, std::uint64_t)>& armed) {
  std::erase_if(timeouts_,
                [&](const auto& entry) { return !armed(entry.first.first, entry.first.second); });
}

void EventQueue::forget_updates_if(const std::function<bool(const UpdateKey&)>& settled) {
  std::vector<UpdateKey> gone;
  for (const auto& [name, client] : clients_) {
    for (const auto& [key, update] : client.waiting) {
      if (settled(key)) gone.push_back(key);
    }
  }
  for (const UpdateKey& key : gone) forget_update(key);
}

void EventQueue::forget_site_data(SiteId site, std::uint64_t next_in, std::uint64_t ack_number) {
  LinkQueue& link = links_[site];
  if (next_in > link.next) link.stamp = ++last_stamp_;
  if (ack_number > link.drawn_ack) link.ack_stamp = ++last_stamp_;
  link.next = std::max(link.next, next_in);
  link.drawn_ack = std::max(link.drawn_ack, ack_number);
  if (link.ack_only && link.newest_ack <= link.drawn_ack) link.ack_only = nullptr;
  while (!link.waiting.empty() && link_range(*link.waiting.begin()->second).second < link.next) {
    drop_site_data(link, link.waiting.begin());
  }
}

void EventQueue::forget_drawn() {
  drawn_timeouts_.clear();
  known_updates_.clear();
  for (const auto& [name, client] : clients_) {
    for (const auto& [key, update] : client.waiting) known_updates_.insert(key);
  }
  for (auto& [site, link] : links_) {
    link.next = 1;
    link.drawn_ack = 0;
    if (!link.ack_only) link.newest_ack = 0;
  }
}

}  // namespace steward::site
