#include "sim/seeds.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <deque>
#include <map>
#include <ostream>

namespace steward::sim {
namespace {

constexpr std::size_t kMaxTold = 400;  // lines kept of what is told

// First on each line that is ours; other lines are what the run wrote on standard error.
constexpr char kOurs = '\1';
constexpr char kViolation = 'V';
constexpr char kTold = 'T';
constexpr char kDone = 'D';

constexpr std::string_view kViolationTold = "VIOLATION ";  // as World tells it

void write_all(int to, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(to, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) _exit(1);  // whoever asked is gone
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

void say(int to, char what, std::string_view text) {
  write_all(to, fmt::format("{}{}{}\n", kOurs, what, text));
}

// In the child: everything goes through `to`, standard error too.
[[noreturn]] void child(const ClusterConfig& config, RunOptions options, const FaultPlan& plan,
                        bool tell, int to) {
  (void)dup2(to, STDERR_FILENO);
  options.stop_at_violation = true;
  if (tell) {
    options.world.tell = [to](Duration at, const std::string& what) {
      say(to, kTold, fmt::format("{:10.3f} s  {}", to_ms(at) / 1e3, what));
      if (!what.starts_with(kViolationTold)) return;
      // What comes after it explains nothing.
      say(to, kViolation, what.substr(kViolationTold.size()));
      _exit(0);
    };
  }
  const auto report = run(config, options, plan);
  if (!report) {
    say(to, kViolation, "set-up: " + report.error().message);
    _exit(0);
  }
  for (const std::string& violation : report->violations) say(to, kViolation, violation);
  say(to, kDone,
      fmt::format("{} {} {}", report->updates, report->simulated.count(),
                  report->longest_wait.count()));
  _exit(0);
}

// A run under way.
class Run {
 public:
  Run(const ClusterConfig& config, const RunOptions& options, const FaultPlan& plan, bool tell) {
    std::array<int, 2> ends{};
    STEWARD_CHECK(::pipe(ends.data()) == 0);
    child_ = ::fork();
    STEWARD_CHECK(child_ >= 0);
    if (child_ == 0) {
      ::close(ends[0]);
      child(config, options, plan, tell, ends[1]);
    }
    ::close(ends[1]);
    from_ = ends[0];
  }
  ~Run() { ::close(from_); }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  int descriptor() const { return from_; }

  // Takes in what there is, waiting for something; false when the run is over.
  bool read() {
    std::array<char, 1 << 16> buffer;
    const ssize_t bytes = ::read(from_, buffer.data(), buffer.size());
    if (bytes < 0 && errno == EINTR) return true;
    if (bytes <= 0) return false;
    rest_.append(buffer.data(), static_cast<std::size_t>(bytes));
    std::size_t begin = 0;
    for (std::size_t end = rest_.find('\n'); end != Bytes::npos; end = rest_.find('\n', begin)) {
      take(rest_.substr(begin, end - begin));
      begin = end + 1;
    }
    rest_.erase(0, begin);
    return true;
  }

  // After the end.
  Outcome finish() {
    int status = 0;
    while (::waitpid(child_, &status, 0) < 0 && errno == EINTR) {
    }
    if (!done_ && outcome_.violations.empty()) {
      const int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
      outcome_.violations.push_back(fmt::format("abort: signal {}: {}", signal, last_error_));
    }
    outcome_.told.assign(told_.begin(), told_.end());
    return std::move(outcome_);
  }

 private:
  void take(const std::string& line) {
    if (line.size() < 2 || line[0] != kOurs) {
      last_error_ = line;
      return;
    }
    const std::string text = line.substr(2);
    if (line[1] == kViolation) outcome_.violations.push_back(text);
    if (line[1] == kTold) {
      told_.push_back(text);
      if (told_.size() > kMaxTold) told_.pop_front();
    }
    if (line[1] == kDone) {
      long long simulated = 0;
      long long longest_wait = 0;
      unsigned long long updates = 0;
      done_ = std::sscanf(text.c_str(), "%llu %lld %lld", &updates, &simulated, &longest_wait) == 3;
      outcome_.updates = updates;
      outcome_.longest_wait = Duration(longest_wait);
      outcome_.simulated = Duration(simulated);
    }
  }

  pid_t child_ = -1;
  int from_ = -1;
  bool done_ = false;
  Bytes rest_;
  std::string last_error_;
  std::deque<std::string> told_;
  Outcome outcome_;
};

// Runs of a sweep, numbered in the order in which they are reported.
class Runner {
 public:
  Runner(const Sweep& sweep, std::ostream& out) : sweep_(sweep), out_(out) {}

  bool run() {
    const auto begun = std::chrono::steady_clock::now();
    const std::uint64_t seeds = sweep_.last - sweep_.first + 1;
    const std::uint64_t all = seeds * sweep_.compositions.size();
    std::uint64_t started = 0;
    while (reported_ < all) {
      while (started < all && running_.size() < sweep_.jobs) start(started++);
      wait();
      report();
    }
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begun;
    const double simulated = to_ms(simulated_) / 1e3;
    out_ << fmt::format("{} updates, {:.0f} simulated seconds in {:.1f} s: {:.0f} in one\n",
                        updates_, simulated, taken.count(), simulated / taken.count());
    for (const auto& [cluster, longest] : longest_) {
      out_ << fmt::format("longest wait with enough servers well: {:.1f} s, seed {} of {}\n",
                          to_ms(longest.first) / 1e3, longest.second, cluster);
    }
    out_ << all - failed_ << " passed, " << failed_ << " failed" << std::endl;
    return failed_ == 0;
  }

 private:
  const Composition& composition(std::uint64_t number) const {
    return sweep_.compositions[number / (sweep_.last - sweep_.first + 1)];
  }
  std::uint64_t seed(std::uint64_t number) const {
    return sweep_.first + number % (sweep_.last - sweep_.first + 1);
  }

  void start(std::uint64_t number) {
    RunOptions options = sweep_.options;
    options.world.seed = seed(number);
    const ClusterConfig& config = composition(number).config;
    running_.emplace(number,
                     std::make_unique<Run>(config, options, plan_of(config, options), false));
  }

  void wait() {
    std::vector<pollfd> waited;
    for (const auto& [number, run] : running_) waited.push_back({run->descriptor(), POLLIN, 0});
    if (::poll(waited.data(), waited.size(), -1) < 0) return;
    std::size_t index = 0;
    for (auto at = running_.begin(); at != running_.end(); ++index) {
      if (waited[index].revents == 0 || at->second->read()) {
        ++at;
        continue;
      }
      finished_.emplace(at->first, at->second->finish());
      at = running_.erase(at);
    }
  }

  void report() {
    for (auto at = finished_.find(reported_); at != finished_.end();
         at = finished_.find(reported_)) {
      const Outcome& outcome = at->second;
      updates_ += outcome.updates;
      simulated_ += outcome.simulated;
      auto& longest = longest_[composition(reported_).arguments];
      longest = std::max(longest, std::pair(outcome.longest_wait, seed(reported_)));
      if (!outcome.passed()) {
        ++failed_;
        out_ << "seed " << seed(reported_) << " failed: " << outcome.violations.front()
             << "\n  replay: " << sweep_.replay(composition(reported_), seed(reported_))
             << std::endl;
      }
      finished_.erase(at);
      ++reported_;
    }
  }

  const Sweep& sweep_;
  std::ostream& out_;
  std::map<std::uint64_t, std::unique_ptr<Run>> running_;
  std::map<std::uint64_t, Outcome> finished_;
  std::uint64_t reported_ = 0;
  std::uint64_t failed_ = 0;
  std::uint64_t updates_ = 0;
  Duration simulated_{0};
  std::map<std::string, std::pair<Duration, std::uint64_t>> longest_;  // wait, and its seed
};

}  // namespace

std::string Outcome::kind() const {
  return violations.empty() ? "" : violations.front().substr(0, violations.front().find(':'));
}

Outcome run_apart(const ClusterConfig& config, const RunOptions& options, const FaultPlan& plan,
                  bool tell) {
  Run run(config, options, plan, tell);
  while (run.read()) {
  }
  return run.finish();
}

bool run_seeds(const Sweep& sweep, std::ostream& out) { return Runner(sweep, out).run(); }

}  // namespace steward::sim
