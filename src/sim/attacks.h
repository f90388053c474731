// The ways to misbehave that runs choose from (adversary.h says what they stand in).
#pragma once

#include "sim/adversary.h"

namespace steward::sim {

// --- Agreement in the site (attacks_agreement.cc).
StrategyPtr mute();           // says nothing to anybody
StrategyPtr silent_leader();  // proposes nothing and announces no view, takes part otherwise
// Leads with different batches for different peers; its colluders vote as each peer expects.
StrategyPtr equivocate();
StrategyPtr delay_proposals(Duration delay);
// Proposals and view announcements reach only as many as it takes; bodies are never shown.
StrategyPtr withhold_bodies();
// View changes for views near and far, stale ones, such that conceal what was prepared, and new
// views that nobody asked for.
StrategyPtr forge_view_changes();
// Votes, statuses, shares and requests for views and sequences far away, `copies` for each message
// that the server means to send.
StrategyPtr flood(std::uint32_t copies);
// Keeps a client's updates from being ordered while it leads.
StrategyPtr censor_client(Bytes client);
// The same with what comes from another site.
StrategyPtr censor_site(SiteId site);

// --- What is to be ordered (attacks_leading.cc).
// As leader shows all others another batch than its own protocol decided on, also where a new view
// binds the slot; with `forge` one with an update that no client signed.
StrategyPtr override_proposals(bool forge);
StrategyPtr usurp();              // proposes although it does not lead
StrategyPtr forward_forgeries();  // passes on updates that no client signed

// --- The site as one machine (attacks_site.cc).
// Wrong shares of signatures, wrong proofs; to all others, or to one of them.
StrategyPtr poison_shares(std::optional<ServerId> only_to = {});
StrategyPtr leave_shares_unsigned();
StrategyPtr lie_in_transfer();  // wrong parts of snapshots
StrategyPtr lie_to_clients();
StrategyPtr withhold_site_data();  // neither forwards to other sites nor spreads what comes
// Deals a wrong subshare to one holder, complains of right ones. Ideal keys only.
StrategyPtr lie_in_renewal();
StrategyPtr accuse_falsely();  // shows right shares of others around as wrong
// Asks for ever that the site move on, as if it had to be readmitted: all, or all but the leader.
StrategyPtr wait_for_ever(bool leader_too);

// --- In the names of others (attacks_forgery.cc).
// Certificates of empty batches and of states that are not, without a quorum's signatures; view
// changes that others never sent.
StrategyPtr forge_certificates();
StrategyPtr withhold_state();  // neither lists nor pages of snapshots

// --- Anything (attacks_mutation.cc).
// One message of every `one_in` is changed in a random field, at random depth, or replaced by an
// earlier one.
StrategyPtr mutate(std::uint32_t one_in);

// One to three of these, by chance. Equal numbers, equal strategies.
std::vector<StrategyPtr> draw_strategies(const ClusterConfig& config,
                                         const crypto::KeyDirectory& keys, Random& random);

}  // namespace steward::sim
