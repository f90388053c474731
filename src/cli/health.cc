#include "cli/health.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "wire/offence.h"

namespace steward::cli {
namespace {

std::uint32_t count_live(const Statuses& statuses, SiteId site) {
  return static_cast<std::uint32_t>(
      std::count_if(statuses.begin(), statuses.end(),
                    [&](const auto& entry) { return entry.first.site == site; }));
}

std::uint32_t count_voting(const Statuses& statuses, SiteId site) {
  return static_cast<std::uint32_t>(
      std::count_if(statuses.begin(), statuses.end(), [&](const auto& entry) {
        return entry.first.site == site && entry.second.silent().empty();
      }));
}

// Its servers replace a leader that is gone once there is something to order.
bool leader_lives(const ClusterConfig& config, const Statuses& statuses, SiteId site) {
  View view = 0;
  for (const auto& [id, status] : statuses) {
    if (id.site == site) view = std::max(view, status.local_view());
  }
  const auto servers = config.sites[site].servers.size();
  return statuses.contains({site, static_cast<ServerIndex>(view % servers)});
}

SiteId leader_site(const ClusterConfig& config, const Statuses& statuses) {
  const wire::StatusReply* status = foremost(statuses);
  return status == nullptr ? 0 : static_cast<SiteId>(status->wide_view() % config.sites.size());
}

// Servers whose state differs from what most servers at the same sequence hold.
std::vector<std::string> find_diverged(const Statuses& statuses) {
  std::map<Sequence, std::map<std::string, std::vector<ServerId>>> by_state;
  for (const auto& [id, status] : statuses) {
    by_state[status.sequence()][status.state_digest()].push_back(id);
  }
  std::vector<std::string> problems;
  for (const auto& [sequence, states] : by_state) {
    const auto most = std::max_element(
        states.begin(), states.end(),
        [](const auto& a, const auto& b) { return a.second.size() < b.second.size(); });
    for (auto state = states.begin(); state != states.end(); ++state) {
      if (state == most) continue;
      for (const ServerId id : state->second) {
        problems.push_back(
            fmt::format("server {} holds another state than {} others at sequence {}",
                        to_string(id), most->second.size(), sequence));
      }
    }
  }
  return problems;
}

// Servers that one correct server of their site, at least, holds to be faulty.
std::vector<std::string> find_accused(const ClusterConfig& config, const Statuses& statuses) {
  // Who says it of each, by what they say. One that repeats itself is still one.
  std::map<ServerId, std::map<wire::Offence, std::set<ServerIndex>>> accused;
  for (const auto& [id, status] : statuses) {
    for (const wire::Evidence& evidence : status.evidence()) {
      const bool other = evidence.server() != id.server;
      if (other) accused[{id.site, evidence.server()}][evidence.offence()].insert(id.server);
    }
  }
  std::vector<std::string> problems;
  for (const auto& [id, offences] : accused) {
    std::set<ServerIndex> accusers;
    auto most = offences.begin();
    for (auto one = offences.begin(); one != offences.end(); ++one) {
      accusers.insert(one->second.begin(), one->second.end());
      if (one->second.size() > most->second.size()) most = one;
    }
    if (accusers.size() < config.sites[id.site].quorums().one_correct()) continue;
    problems.push_back(fmt::format("server {} is faulty, say {} others: it {}; replace it",
                                   to_string(id), accusers.size(), wire::to_string(most->first)));
  }
  return problems;
}

// Servers that cannot sign for their site, because they miss a renewal of its key's shares.
std::vector<std::string> find_shareless(const Statuses& statuses) {
  std::vector<std::string> problems;
  for (const auto& [id, status] : statuses) {
    if (status.own_share_epoch() == status.share_epoch()) continue;
    problems.push_back(
        fmt::format("server {} holds a key share of epoch {}, its site is at {}: it does not sign",
                    to_string(id), status.own_share_epoch(), status.share_epoch()));
  }
  return problems;
}

// Servers that answer, and do not vote.
std::vector<std::string> find_silent(const Statuses& statuses) {
  std::vector<std::string> problems;
  for (const auto& [id, status] : statuses) {
    if (status.silent().empty()) continue;
    problems.push_back(
        fmt::format("server {} does not vote: it {}", to_string(id), status.silent()));
  }
  return problems;
}

std::string names(const std::vector<std::string>& list) {
  return fmt::format("{}", fmt::join(list, ", "));
}

}  // namespace

const wire::StatusReply* foremost(const Statuses& statuses) {
  const wire::StatusReply* foremost = nullptr;
  for (const auto& [id, status] : statuses) {
    const bool later = foremost == nullptr || status.wide_view() > foremost->wide_view() ||
                       (status.wide_view() == foremost->wide_view() && foremost->wide_changing());
    if (later) foremost = &status;
  }
  return foremost;
}

Health judge(const ClusterConfig& config, const Statuses& statuses) {
  Health health;
  health.problems = find_diverged(statuses);
  for (auto&& more :
       {find_accused(config, statuses), find_shareless(statuses), find_silent(statuses)}) {
    health.problems.insert(health.problems.end(), more.begin(), more.end());
  }
  const SiteId leads = leader_site(config, statuses);
  std::vector<std::string> spare;
  std::vector<std::string> tight;
  std::uint32_t working_sites = 0;
  for (SiteId site = 0; site < config.sites.size(); ++site) {
    const SiteConfig& one = config.sites[site];
    const std::uint32_t live = count_live(statuses, site);
    const std::uint32_t quorum = one.quorums().quorum();
    const auto servers = static_cast<std::uint32_t>(one.servers.size());
    if (live < servers) {
      health.problems.push_back(
          fmt::format("site {}: {} of {} servers answer", one.name, live, servers));
    }
    const std::uint32_t voting = count_voting(statuses, site);
    if (voting < quorum) {
      health.problems.push_back(
          fmt::format("site {} cannot order updates: too few servers{}", one.name,
                      leads == site ? "; it leads, and another takes over" : ""));
      continue;
    }
    if (!leader_lives(config, statuses, site)) {
      health.problems.push_back(
          fmt::format("site {}: its leader is gone, another takes over", one.name));
    }
    ++working_sites;
    if (voting > quorum) {
      spare.push_back(fmt::format("{} more of {}", voting - quorum, one.name));
    } else {
      tight.push_back(one.name);
    }
  }
  const Quorums wide = config.quorums();
  health.healthy = working_sites >= wide.quorum();
  if (!health.healthy) {
    health.can_lose =
        "It cannot order updates now; reads go on where enough servers of a site live.";
    return health;
  }
  const std::uint32_t sites = working_sites - wide.quorum();
  health.can_lose = fmt::format(
      "It can still lose {}{}{}.", spare.empty() ? "no server" : "servers: " + names(spare),
      tight.empty() ? "" : " (none of " + names(tight) + ")",
      sites == 0 ? ", and no site"
                 : fmt::format(", and {} whole site{}", sites, sites == 1 ? "" : "s"));
  return health;
}

}  // namespace steward::cli
