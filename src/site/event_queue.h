// Events that wait to be ordered by the site: one queue per incoming link, one per client, one for
// timers, served round robin so that none can starve another (PROTOCOLS 2.4, SPEC 2.4): one entry
// of each in turn, whatever its size, and links and clients begin a batch alternately. Every server
// keeps the queues; the local leader draws batches from them. Bounded per queue and in total, the
// total being large enough for all links: a site that lies and fills its queue takes no room from
// others. What does not fit is dropped and comes again by retransmission.
//
// Not thread-safe. No order depends on hashing or addresses.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "common/bytes.h"
#include "common/ids.h"
#include "site/application.h"
#include "wire/site.pb.h"

namespace steward::site {

class EventQueue {
 public:
  struct Limits {
    std::size_t batch_items = 1024;
    std::size_t batch_bytes = 256 << 10;  // a batch that has reached this is full
    std::size_t client_bytes = 4 << 20;   // waiting updates of one client
    std::size_t total_bytes = 64 << 20;
    std::size_t link_bytes = 64 << 20;  // waiting SiteData of one link
    std::size_t link_entries = 512;
  };

  explicit EventQueue(Limits limits) : limits_(limits) {}

  // False when it is already waiting or does not fit.
  bool add_update(const UpdateKey& key, Bytes signed_update);
  bool add_site_data(std::shared_ptr<const wire::SiteData> data);
  bool add_timeout(wire::LmTimeout timeout);
  // A renewal message of a server of the site, or (kOperator) an order: LmEvents, encoded. Senders
  // repeat what is not executed, so what was drawn may be added again.
  static constexpr ServerIndex kOperator = UINT32_MAX;
  bool add_refresh(ServerIndex from, Bytes event);

  bool empty() const;
  // Waits here what its site has to order? Not what is held back; nor an acknowledgement alone: it
  // comes again if somebody misses it. But it may not be passed over while other events are ordered
  // (waiting()).
  bool has_work() const;
  std::size_t size() const;
  std::size_t bytes() const { return bytes_; }

  // The leader's next batch: encoded LmEvents, in the order in which they are to be executed.
  // What is drawn is remembered until it is executed, so that it is not drawn twice.
  std::vector<Bytes> take();

  // Links run ahead of each other, above all to a site that was away: what `ready` says no to is
  // not drawn yet, nor what is behind it on its link.
  void hold_back_unless(std::function<bool(const wire::SiteData&)> ready) {
    ready_ = std::move(ready);
  }
  // The next of each link that is held back, and of which `may` says yes, is drawn all the same.
  void let_through(const std::function<bool(const wire::SiteData&)>& may);
  // So is all of it up to the first that is `awaited`, if that waits here, too.
  void let_through_to(const std::function<bool(const wire::SiteData&)>& awaited);

  // The logical machine has executed this, or knows it already: it need not be ordered (again).
  void forget_update(const UpdateKey& key);
  void forget_timeout(std::uint64_t timer, std::uint64_t generation);
  void forget_refresh(const Bytes& event);
  // What else need not be ordered any more, as the caller judges.
  void forget_timeouts_unless(const std::function<bool(std::uint64_t, std::uint64_t)>& armed);
  void forget_updates_if(const std::function<bool(const UpdateKey&)>& settled);

  // What could be ordered now: a client's queue, a link's data, its acknowledgement, a time-out.
  // The stamp is a new one whenever it begins to wait or something of it has been executed.
  struct Waiting {
    std::uint64_t stamp = 0;
    std::vector<Bytes> updates;
    std::shared_ptr<const wire::SiteData> data;
    bool held_back = false;  // so that no leader is to blame for it
  };
  // With at most so many updates of each client.
  std::vector<Waiting> waiting(std::size_t max_updates) const;

  // Everything from `site` below link sequence `next_in`, and acks up to `ack_number`.
  void forget_site_data(SiteId site, std::uint64_t next_in, std::uint64_t ack_number);

  // After a snapshot or a change of leader: what was drawn may have been executed or may be lost,
  // and nobody will say which. It may come and be drawn again; the caller then tells for each link
  // with forget_site_data how far it has come.
  void forget_drawn();

 private:
  struct ClientQueue {
    std::deque<std::pair<UpdateKey, Bytes>> waiting;
    std::size_t bytes = 0;
    std::uint64_t stamp = 0;
  };
  struct LinkQueue {
    std::map<std::uint64_t, std::shared_ptr<const wire::SiteData>> waiting;  // by first sequence
    std::size_t bytes = 0;                                                   // of those
    // The newest, also that of data: a leader might order the one without the other.
    std::shared_ptr<const wire::SiteData> ack_only;
    std::uint64_t next = 1;        // first link sequence not yet drawn
    std::uint64_t drawn_ack = 0;   // highest ack number drawn
    std::uint64_t newest_ack = 0;  // highest ack number waiting in ack_only
    std::uint64_t stamp = 0;       // of the data
    std::uint64_t ack_stamp = 0;
    std::uint64_t let_through = 0;  // up to this link sequence, ready or not
  };

  class Drawer;
  void draw_timeouts(Drawer& drawer);
  void draw_refreshes(Drawer& drawer);
  bool draw_links(Drawer& drawer);
  bool draw_clients(Drawer& drawer);
  bool draw_link(LinkQueue& link, Drawer& drawer);
  bool draw_client(ClientQueue& client, Drawer& drawer);
  // Is what comes next in the order of this link here?
  static bool has_next(const LinkQueue& link);
  bool is_ready(const LinkQueue& link) const;
  bool may_draw(const LinkQueue& link) const;  // what comes next
  // False when it is old.
  bool keep_acknowledgement(LinkQueue& link, const wire::SiteData& data);
  void drop_site_data(
      LinkQueue& link,
      std::map<std::uint64_t, std::shared_ptr<const wire::SiteData>>::iterator entry);

  const Limits limits_;
  std::function<bool(const wire::SiteData&)> ready_;
  std::map<Bytes, ClientQueue> clients_;
  std::map<SiteId, LinkQueue> links_;
  struct WaitingTimeout {
    wire::LmTimeout timeout;
    std::uint64_t stamp = 0;
  };
  std::map<std::pair<std::uint64_t, std::uint64_t>, WaitingTimeout> timeouts_;
  std::set<std::pair<std::uint64_t, std::uint64_t>> drawn_timeouts_;
  std::map<ServerIndex, std::deque<Bytes>> refreshes_;
  std::set<UpdateKey> known_updates_;  // waiting or drawn
  std::size_t bytes_ = 0;
  std::uint64_t last_stamp_ = 0;
  Bytes last_client_;  // served last, for the round robin
  SiteId last_link_ = 0;
  bool clients_first_ = false;
};

// First and last link sequence in a SiteData; {0, 0} when it holds only acknowledgements.
std::pair<std::uint64_t, std::uint64_t> link_range(const wire::SiteData& data);
// Number of the acknowledgement it holds, 0 for none.
std::uint64_t ack_number(const wire::SiteData& data);

}  // namespace steward::site
