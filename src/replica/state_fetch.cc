#include "replica/state_fetch.h"

#include "wire/limits.h"

namespace steward::replica {
namespace {

constexpr std::size_t kAnswerBytes = 1 << 20;
constexpr std::size_t kPagesPerRequest = 256;

}  // namespace

void StateFetch::begin(const wire::StableCheckpoint& certificate, ServerIndex from,
                       Requests& requests) {
  if (target_ && target_->sequence() >= certificate.sequence()) return;
  target_ = certificate;
  source_ = from;
  heard_ = true;
  manifest_.reset();
  missing_.clear();
  ask(requests);
}

void StateFetch::reached(Sequence executed) {
  if (!target_ || target_->sequence() > executed) return;
  target_.reset();
  manifest_.reset();
  have_.clear();
  missing_.clear();
}

void StateFetch::on_manifest(ServerIndex from, const wire::Manifest& manifest, const Pages& own,
                             Requests& requests) {
  if (!target_ || manifest_ || from != source_ || manifest.sequence() != target_->sequence()) {
    return;
  }
  auto content = read_manifest(manifest);
  if (!content || content->root.view() != target_->digest()) {
    next_source();
    return ask(requests);
  }
  heard_ = true;
  manifest_ = std::move(content->digests);
  // Of an earlier target, too: under load the next checkpoint is there before a large state is.
  const Pages fetched = std::exchange(have_, {});
  for (const auto& [key, digest] : *manifest_) {
    missing_.insert(key);
    for (const Pages* pages : {&own, &fetched}) {
      const auto mine = pages->find(key);
      if (mine == pages->end() || mine->second.digest != digest) continue;
      have_[key] = mine->second;
      missing_.erase(key);
    }
  }
  ask(requests);
}

void StateFetch::on_pages(ServerIndex from, const wire::Pages& pages, Requests& requests) {
  if (!target_ || !manifest_ || from != source_ || pages.sequence() != target_->sequence()) return;
  bool helped = false;
  for (const wire::Page& page : pages.pages()) {
    if (!missing_.contains(page.key())) continue;
    const crypto::Digest digest = page_digest(page.content());
    helped = digest == manifest_->at(page.key());
    if (!helped) break;
    have_[page.key()] = {std::make_shared<const Bytes>(page.content()), digest};
    missing_.erase(page.key());
    heard_ = true;
  }
  if (!helped) next_source();
  ask(requests);
}

void StateFetch::on_timer(Requests& requests) {
  if (!target_) return;
  if (!heard_) next_source();
  heard_ = false;
  ask(requests);
}

std::optional<StateFetch::Snapshot> StateFetch::take_complete() {
  if (!target_ || !manifest_ || !missing_.empty()) return std::nullopt;
  Snapshot snapshot{std::move(*target_), std::move(have_)};
  target_.reset();
  manifest_.reset();
  have_.clear();
  return snapshot;
}

void StateFetch::ask(Requests& requests) {
  if (source_ == self_) next_source();
  if (!manifest_) {
    wire::ManifestRequest request;
    request.set_sequence(target_->sequence());
    requests.manifests.emplace_back(source_, std::move(request));
    return;
  }
  wire::PagesRequest request;
  request.set_sequence(target_->sequence());
  for (const PageKey key : missing_) {
    if (static_cast<std::size_t>(request.keys_size()) == kPagesPerRequest) break;
    request.add_keys(key);
  }
  if (!missing_.empty()) requests.pages.emplace_back(source_, std::move(request));
}

void StateFetch::next_source() {
  do {
    source_ = (source_ + 1) % servers_;
  } while (source_ == self_ && servers_ > 1);
}

wire::Pages answer_pages(Sequence sequence, const Pages& snapshot,
                         const wire::PagesRequest& request) {
  wire::Pages answer;
  answer.set_sequence(sequence);
  std::size_t bytes = 0;
  std::size_t count = 0;
  for (const PageKey key : request.keys()) {
    if (++count > limits::kMaxPagesPerMessage || bytes > kAnswerBytes) break;
    const auto page = snapshot.find(key);
    if (page == snapshot.end()) continue;
    wire::Page* out = answer.add_pages();
    out->set_key(key);
    out->set_content(*page->second.content);
    bytes += page->second.content->size();
  }
  return answer;
}

}  // namespace steward::replica
