// Seeds with f liars in each site, of one mind: each draws what it does to whom. Safety all the
// time; in the end everything asked for is executed, though they go on lying.

#include <gtest/gtest.h>

#include <algorithm>

#include "hierarchy/testing/sites.h"

namespace steward::hierarchy {
namespace {

// What one liar does, with a chance of so many in a hundred for each message to each server.
struct Manner {
  std::uint64_t silent = 0;        // nothing said
  std::uint64_t two_faced = 0;     // another batch pre-prepared
  std::uint64_t forgets = 0;       // evidence left out of reports
  std::uint64_t other_quorum = 0;  // another quorum of reports shown
  std::uint64_t keeps_words = 0;   // words of its site not passed on
  std::uint64_t other_aru = 0;
};

class Liars {
 public:
  explicit Liars(Sites& sites) : sites_(sites) {}

  void draw(const std::vector<ServerId>& liars) {
    const auto chance = [&]() -> std::uint64_t {
      const std::uint64_t some[] = {0, 0, 0, 20, 60, 100};
      return some[sites_.random()() % 6];
    };
    for (const ServerId liar : liars) {
      manners_[liar] = {chance(), chance(), chance(), chance(), chance(), chance()};
    }
    sites_.set_mask([this](ServerId from, ServerId to, proto::ServerMessage& body,
                           wire::BatchPtr& batch) { return lie(from, to, body, batch); });
    sites_.set_word_mask([this](ServerId from, ServerId /*to*/, const SiteWord& word) {
      const Manner& manner = manners_[from];
      return word.site != from.site || !happens(manner.keeps_words);
    });
  }

 private:
  bool happens(std::uint64_t percent) { return sites_.random()() % 100 < percent; }

  bool lie(ServerId from, ServerId /*to*/, proto::ServerMessage& body, wire::BatchPtr& batch) {
    const Manner& manner = manners_[from];
    if (happens(manner.silent)) return false;
    if (body.has_pre_prepare() && happens(manner.two_faced)) {
      batch = wire::make_batch({});
      body.mutable_pre_prepare()->set_digest(batch->digest.str());
    } else if (body.has_local_state() && happens(manner.forgets)) {
      body.mutable_local_state()->clear_evidence();
    } else if (body.has_global_state() && happens(manner.forgets)) {
      body.mutable_global_state()->clear_evidence();
    } else if (body.has_new_local_view() && happens(manner.other_quorum)) {
      show_other(from.site, *body.mutable_new_local_view());
    } else if (body.has_global_states() && happens(manner.other_quorum)) {
      show_other(from.site, *body.mutable_global_states());
    } else if (body.has_aru_request() && happens(manner.other_aru)) {
      const std::uint64_t aru = body.aru_request().aru();
      body.mutable_aru_request()->set_aru(aru - std::min<std::uint64_t>(aru, 5));
    }
    return true;
  }

  // Reports on the same views, each server's own, drawn anew.
  template <class Shown>
  void show_other(SiteId site, Shown& shown) {
    const auto such = [&](const proto::ServerMessage& body) {
      if constexpr (std::is_same_v<Shown, proto::NewLocalView>) {
        return body.has_local_state() && body.local_state().global_view() == shown.global_view() &&
               body.local_state().local_view() == shown.local_view();
      } else {
        return body.has_global_state() &&
               body.global_state().global_view() == shown.global_view() &&
               body.global_state().local_view() == shown.local_view();
      }
    };
    std::vector<Bytes> all = sites_.signed_by(site, such);
    std::shuffle(all.begin(), all.end(), sites_.random());
    std::set<std::uint32_t> reporters;
    const int quorum = shown.states_size();
    shown.clear_states();
    for (const Bytes& encoded : all) {
      wire::SignedHeader header;
      if (!header.ParseFromString(encoded) || shown.states_size() == quorum) continue;
      if (reporters.insert(header.server()).second) shown.add_states(encoded);
    }
  }

  Sites& sites_;
  std::map<ServerId, Manner> manners_;
};

struct Size {
  std::uint32_t sites;
  std::uint32_t servers;
  std::uint32_t faults;
};

// Clocks of some run out at once: of a site, or of all.
void hurry(Sites& sites) {
  auto& random = sites.random();
  if (random() % 3 > 0) return;
  const TimeOuts::Timer timer = random() % 2 == 0 ? TimeOuts::kLocal : TimeOuts::kGlobal;
  const std::uint64_t percent = 30 + random() % 71;
  sites.run_for(Duration(static_cast<std::int64_t>(random() % 80'000)));
  for (const ServerId server : sites.servers()) {
    if (sites.up(server) && random() % 100 < percent) sites.expire(server, timer);
  }
}

class LiarSwarms : public ::testing::TestWithParam<Size> {};

TEST_P(LiarSwarms, TheyCannotMakeItWrongNorStopIt) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SitesOptions options;
    options.sites = GetParam().sites;
    options.servers = GetParam().servers;
    options.faults = GetParam().faults;
    options.seed = seed;
    std::mt19937_64 draw(seed);
    for (SiteId site = 0; site < options.sites; ++site) {
      while (std::count_if(options.liars.begin(), options.liars.end(),
                           [&](ServerId liar) { return liar.site == site; }) < options.faults) {
        // The first representatives, most often.
        const std::uint64_t index = draw() % 2 == 0 ? draw() % 2 : draw() % options.servers;
        options.liars.insert({site, static_cast<ServerIndex>(index)});
      }
    }
    Sites sites(options);
    Liars liars(sites);
    auto& random = sites.random();
    for (std::uint64_t round = 0; round < 12; ++round) {
      liars.draw({options.liars.begin(), options.liars.end()});
      const auto site = static_cast<SiteId>(random() % options.sites);
      sites.cut_site(site, random() % 3 == 0);
      sites.set_loss(random() % 4 == 0 ? 0.1 : 0);
      sites.ask(static_cast<std::uint32_t>(random() % 4));
      hurry(sites);
      sites.run_for(Duration(static_cast<std::int64_t>(random() % 2'000'000)));
    }
    sites.set_loss(0);
    for (SiteId site = 0; site < options.sites; ++site) sites.cut_site(site, false);
    sites.ask(3);
    ASSERT_TRUE(sites.run_until_done(600s)) << "seed " << seed << sites.standings();
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, LiarSwarms,
                         ::testing::Values(Size{1, 4, 1}, Size{3, 4, 1}, Size{5, 4, 1},
                                           Size{3, 7, 2}),
                         [](const auto& size) {
                           return std::to_string(size.param.sites) + "x" +
                                  std::to_string(size.param.servers);
                         });

}  // namespace
}  // namespace steward::hierarchy
