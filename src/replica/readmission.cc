#include "replica/readmission.h"

#include <algorithm>
#include <functional>

namespace steward::replica {
namespace {

// While the server waits for it to vote, and later, so that all have it on record.
constexpr Duration kAskAgain = 100ms;
constexpr Duration kTellAgain = 1s;
// Higher incarnations are not believed of so few that all may lie: ours could not exceed them.
constexpr std::uint64_t kHighest = std::uint64_t{1} << 48;

bool same_run(const wire::Life& a, const wire::Life& b) {
  return a.incarnation() == b.incarnation() && a.nonce() == b.nonce();
}

agreement::Birth birth_in(const wire::Life& life) { return {life.since(), life.view_bound()}; }

// Does `life` say more about where a memory begins than `known`?
bool bears(const wire::Life& life, const wire::Life& known) {
  if (life.since() != known.since()) return life.since() > known.since();
  return life.view_bound() > known.view_bound();
}

}  // namespace

const char* to_string(Readmission::State state) {
  switch (state) {
    case Readmission::State::kAsking:
      return "asks the others of its site whether they know better";
    case Readmission::State::kLearning:
      return "has forgotten what it promised, and learns";
    case Readmission::State::kVoting:
      return "";
  }
  return "";
}

Readmission::Readmission(const Options& options, Stored stored)
    : options_(options), peers_(std::move(stored.peers)), said_(std::move(stored.said)) {
  own_.set_fresh(stored.blank);
  if (stored.own) own_ = std::move(*stored.own);
  wire::Life& life = *own_.mutable_life();
  life.set_incarnation(life.incarnation() + 1);
  life.set_nonce(options_.nonce);
  asked_since_ = life.since();
  if (own_.amnesiac()) state_ = State::kLearning;
  if (options_.quorums.peers > 1) return;
  state_ = State::kVoting;  // nobody could tell it
  own_.set_fresh(false);
}

agreement::Birth Readmission::birth_of(ServerIndex peer, const wire::Life& life) const {
  const auto said = said_.find(peer);
  return {life.since(), life.view_bound(), said == said_.end() ? Bytes() : said->second};
}

std::map<ServerIndex, agreement::Birth> Readmission::births() const {
  std::map<ServerIndex, agreement::Birth> births;
  for (const auto& [peer, life] : peers_) {
    if (life.since() > 0) births[peer] = birth_of(peer, life);
  }
  if (!own_.amnesiac() && own_.life().since() > 0) births[options_.self] = birth_in(own_.life());
  return births;
}

std::uint32_t Readmission::confirmations() const {
  const std::uint32_t others = options_.quorums.quorum() - 1;
  return own_.fresh() ? std::max(others, witnesses()) : others;
}

// The others of a quorum that the forgotten life was part of are quorum - 1, of whom under lies
// faults - 1 may lie, as this server is itself one of the faulty.
std::uint32_t Readmission::witnesses() const {
  const Quorums& quorums = options_.quorums;
  const std::uint32_t liars = quorums.byzantine && quorums.faults > 0 ? quorums.faults - 1 : 0;
  const std::uint32_t met = quorums.peers - quorums.quorum() + 1 + liars;
  return std::min(std::max(met, quorums.quorum() - 1), quorums.peers - 1);
}

std::map<ServerIndex, wire::Life> Readmission::take_dirty() {
  std::map<ServerIndex, wire::Life> records;
  for (const ServerIndex peer : std::exchange(dirty_, {})) records[peer] = peers_.at(peer);
  return records;
}

// --- asking

void Readmission::start(Actions& actions) {
  actions.durable = true;
  if (options_.quorums.peers == 1) return;
  ask_all(actions);
  actions.timer = kAskAgain;
}

void Readmission::on_timer(Actions& actions) {
  const std::size_t before = actions.sends.size();
  heeded_.clear();
  ask_all(actions);
  if (actions.sends.size() > before) actions.timer = voting() ? kTellAgain : kAskAgain;
  if (state_ != State::kLearning || !own_.bounded()) return;
  tell_bounds(actions);
  if (!actions.timer) actions.timer = kTellAgain;
}

// Also to those that have answered: some may need the bound of its views to enter theirs.
void Readmission::tell_bounds(Actions& actions) const {
  wire::Introduction out;
  out.mutable_awaited()->set_sequence(own_.stable_bound());
  for (ServerIndex peer = 0; peer < options_.quorums.peers; ++peer) {
    if (peer == options_.self) continue;
    actions.sends.emplace_back(peer, out);
    if (answered(peer)) ask(peer, actions);
  }
}

bool Readmission::answered(ServerIndex peer) const {
  return state_ == State::kLearning ? answers_.contains(peer) : confirmed_.contains(peer);
}

void Readmission::ask_all(Actions& actions) const {
  for (ServerIndex peer = 0; peer < options_.quorums.peers; ++peer) {
    if (peer != options_.self && !answered(peer)) ask(peer, actions);
  }
}

void Readmission::ask(ServerIndex peer, Actions& actions) const {
  wire::Introduction out;
  *out.mutable_hello()->mutable_life() = own_.life();
  out.mutable_hello()->set_recovering(own_.amnesiac());
  actions.sends.emplace_back(peer, std::move(out));
}

void Readmission::receive(ServerIndex from, const Introduced& in, const Standing& standing,
                          Actions& actions) {
  if (from >= options_.quorums.peers || from == options_.self) return;
  if (in.body.has_hello()) return on_hello(from, in, standing, actions);
  if (in.body.has_answer()) on_answer(from, in.body.answer(), standing, actions);
}

void Readmission::on_answer(ServerIndex from, const wire::HelloAnswer& answer,
                            const Standing& standing, Actions& actions) {
  if (answer.nonce() != own_.life().nonce()) return;  // to an earlier run
  // Whoever answers may not vote yet, and have forgotten: what it says of itself replaces nothing
  // by which it would be refused.
  const auto record = peers_.find(from);
  const bool fitting = record == peers_.end() || fits(answer.own(), record->second);
  if (answer.own().incarnation() > 0 && fitting) heard(from, answer.own(), actions);
  if (answer.refused()) return on_refusal(from, answer, standing, actions);
  if (state_ == State::kLearning) {
    // Given before the new memory was on record there, it promises nothing about the old one.
    if (answer.known().since() < asked_since_) return;
    answers_.emplace(from, Answer{answer.view(), answer.stable()});
    return observe(standing, actions);
  }
  confirmed_.insert(from);
  if (state_ != State::kAsking || confirmed_.size() < confirmations()) return;
  state_ = State::kVoting;
  if (own_.fresh()) actions.durable = true;
  own_.set_fresh(false);
  actions.admitted = true;
}

void Readmission::on_refusal(ServerIndex from, const wire::HelloAnswer& answer,
                             const Standing& standing, Actions& actions) {
  const std::uint64_t known = answer.known().incarnation();
  // Said before that peer heard that we know.
  if (state_ == State::kLearning && known < own_.life().since()) return;
  refused_[from] = known;
  if (refused_.size() >= options_.quorums.one_correct()) return lose_memory(actions);
  // One alone knows of a later life, or lies: it costs a number, once each time that we ask.
  if (heeded_.contains(from) || !outgrow(known, standing, actions)) return;
  heeded_.insert(from);
}

// Of a memory that this server has lost again since: view changes would not count as its own.
void Readmission::shown(const agreement::Birth& birth, const Standing& standing, Actions& actions) {
  if (birth.since > own_.life().since()) outgrow(birth.since, standing, actions);
}

// A life later than one that a peer knows of, which never voted. Answers and bounds stay: all that
// was promised before them is from before the old number, too.
bool Readmission::outgrow(std::uint64_t known, const Standing& standing, Actions& actions) {
  wire::Life& life = *own_.mutable_life();
  // Not before this run is known to be of no old copy: that one has to lose its bounds, too.
  const bool unbounded = state_ == State::kLearning && !own_.bounded();
  if (!unbounded && !voting() && answers_.size() < witnesses()) return false;
  if (life.since() == 0 || known < life.since() || known >= kHighest) return false;
  life.set_incarnation(std::max(known, life.incarnation()) + 1);
  life.set_since(life.incarnation());
  actions.durable = true;
  if (state_ == State::kLearning) {
    actions.memory_lost = true;
    return true;
  }
  // What it promised since its memory began it still knows, up to the view that it is in.
  life.set_view_bound(std::max<View>(life.view_bound(), standing.view));
  actions.reborn[options_.self] = birth_in(life);
  return true;
}

// --- answering

bool Readmission::fits(const wire::Life& now, const wire::Life& known) const {
  if (same_run(now, known)) return true;
  if (now.incarnation() <= known.incarnation()) return false;
  // A memory that begins after all that is known here has nothing to show for before.
  const bool fresh = now.since() > known.incarnation();
  return fresh || (now.count() >= known.count() && now.since() >= known.since());
}

void Readmission::on_hello(ServerIndex from, const Introduced& in, const Standing& standing,
                           Actions& actions) {
  const wire::Hello& hello = in.body.hello();
  const auto known = peers_.find(from);
  const bool refused = known != peers_.end() && !fits(hello.life(), known->second);
  const wire::Life before = known == peers_.end() ? wire::Life() : known->second;
  const bool anew = hello.life().since() > before.since();
  // The view change that this server has sent does not show it. It will be asked again.
  if (!refused && anew && options_.quorums.byzantine && standing.changing) return;
  if (!refused) {
    if (bears(hello.life(), before) && !in.header.empty()) said_[from] = in.header;
    put_on_record(from, hello.life(), actions);
  }
  wire::Introduction out;
  wire::HelloAnswer& answer = *out.mutable_answer();
  answer.set_nonce(hello.life().nonce());
  answer.set_refused(refused);
  *answer.mutable_known() = peers_.at(from);
  *answer.mutable_own() = own_.life();
  // Under lies only an installed view can be shown to be one.
  answer.set_view(options_.quorums.byzantine ? standing.installed : standing.view);
  answer.set_stable(standing.stable);
  actions.sends.emplace_back(from, std::move(out));
  // One that forgot may have forgotten us.
  if (!refused && hello.recovering() && state_ != State::kLearning) ask(from, actions);
}

void Readmission::put_on_record(ServerIndex from, const wire::Life& life, Actions& actions) {
  wire::Life& known = peers_[from];
  const bool born = bears(life, known);
  if (born) actions.reborn[from] = birth_of(from, life);
  if (same_run(known, life)) {
    if (known.count() >= life.count() && !born) return;
    known.set_count(std::max(known.count(), life.count()));
    if (born) {
      known.set_since(life.since());
      known.set_view_bound(life.view_bound());
    }
  } else {
    known = life;
  }
  dirty_.insert(from);
  actions.durable = true;
}

bool Readmission::heard(ServerIndex from, const wire::Life& life, Actions& actions) {
  if (from == options_.self || from >= options_.quorums.peers) return true;
  wire::Life& known = peers_[from];
  if (options_.quorums.byzantine && life.since() > known.since()) {
    // Heeded once it says so in a Hello, which others can be shown.
    return same_run(known, life) || life.incarnation() > known.incarnation();
  }
  if (same_run(known, life) && !bears(life, known)) {
    if (life.count() > known.count()) {
      known.set_count(life.count());
      dirty_.insert(from);
    }
    return true;
  }
  if (!same_run(known, life) && life.incarnation() <= known.incarnation()) return false;
  const bool durable = actions.durable;
  put_on_record(from, life, actions);
  actions.durable = durable;  // with the next durable step: nothing was promised
  return true;
}

// --- having forgotten

void Readmission::lose_memory(Actions& actions) {
  std::uint64_t highest = own_.life().incarnation();
  std::vector<std::uint64_t> words;
  for (const auto& [peer, known] : refused_) {
    if (known < kHighest) highest = std::max(highest, known);
    words.push_back(known);
  }
  // Of so many one is by a correct peer: the lowest of the highest such is true, however high.
  const std::size_t enough = options_.quorums.one_correct();
  std::sort(words.begin(), words.end(), std::greater<>());
  highest = std::max(highest, words.at(enough - 1));
  state_ = State::kLearning;
  wire::Life& life = *own_.mutable_life();
  life.set_incarnation(highest + 1);
  life.set_since(highest + 1);
  life.set_view_bound(0);
  asked_since_ = life.since();
  own_.set_fresh(false);
  own_.set_amnesiac(true);
  own_.set_bounded(false);
  confirmed_.clear();
  refused_.clear();
  answers_.clear();
  actions.durable = true;
  actions.memory_lost = true;
  actions.admitted = false;
  ask_all(actions);
  actions.timer = kAskAgain;
}

void Readmission::set_bounds(const Standing& standing, Actions& actions) {
  std::uint32_t complete = 0;
  View view = standing.installed;
  Sequence stable = 0;
  for (const auto& [peer, answer] : answers_) {
    if (answer.view > standing.installed || answer.stable > standing.stable) continue;
    ++complete;
    view = std::max(view, answer.view);
    stable = std::max(stable, answer.stable);
  }
  if (complete < witnesses()) return;
  own_.set_bounded(true);
  own_.mutable_life()->set_view_bound(view);
  own_.set_stable_bound(stable + kIntervals * options_.checkpoint_interval);
  actions.durable = true;
  tell_bounds(actions);
  actions.timer = kAskAgain;
}

void Readmission::observe(const Standing& standing, Actions& actions) {
  if (state_ != State::kLearning) return;
  if (!own_.bounded()) set_bounds(standing, actions);
  const bool beyond = own_.bounded() && answers_.size() >= witnesses() && !standing.changing &&
                      standing.stable >= own_.stable_bound() &&
                      standing.installed >= own_.life().view_bound();
  if (!beyond) return;
  own_.set_amnesiac(false);
  own_.set_bounded(false);
  state_ = State::kVoting;
  refused_.clear();
  for (const auto& [peer, answer] : answers_) confirmed_.insert(peer);
  actions.durable = true;
  actions.reborn[options_.self] = birth_in(own_.life());
  actions.admitted = true;
}

}  // namespace steward::replica
