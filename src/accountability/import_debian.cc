#include "accountability/import_debian.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "accountability/debian_version.h"

namespace steward::accountability {
namespace {

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

// Calls `visit(std::string_view)` for each part between separators, trimmed, the empty ones not.
template <class Visit>
void for_each_part(std::string_view text, char separator, Visit visit) {
  while (!text.empty()) {
    const std::size_t end = text.find(separator);
    const std::string_view part = trim(text.substr(0, end));
    if (!part.empty()) visit(part);
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

struct Package {
  std::string_view name;
  std::string_view version;
  std::string_view maintainer;
  std::string_view depends;
  std::string_view pre_depends;
  std::string_view provides;
  ItemIndex item = 0;
};

// "name", "name:any", "name (>= 1.2)", "name (>= 1.2) [amd64]".
struct Relation {
  std::string_view name;
  std::string_view relation;  // empty: any version will do
  std::string_view version;
};

std::optional<Relation> parse_relation(std::string_view text) {
  Relation out;
  const std::size_t open = text.find('(');
  std::string_view name = trim(text.substr(0, std::min(open, text.find_first_of("[<"))));
  if (open != std::string_view::npos) {
    const std::size_t close = text.find(')', open);
    if (close == std::string_view::npos) return std::nullopt;
    const std::string_view inside = trim(text.substr(open + 1, close - open - 1));
    const std::size_t version = inside.find_first_not_of("<>=");
    if (version == std::string_view::npos || version == 0) return std::nullopt;
    out.relation = inside.substr(0, version);
    out.version = trim(inside.substr(version));
    name = trim(text.substr(0, open));
  }
  out.name = name.substr(0, name.find(':'));
  if (out.name.empty() || out.name.find_first_of(" \t\n") != std::string_view::npos) {
    return std::nullopt;
  }
  return out;
}

void set_field(Package& package, std::string_view field, std::string_view value) {
  if (field == "Package") package.name = value;
  if (field == "Version") package.version = value;
  if (field == "Maintainer") package.maintainer = value;
  if (field == "Depends") package.depends = value;
  if (field == "Pre-Depends") package.pre_depends = value;
  if (field == "Provides") package.provides = value;
}

// One paragraph: fields, each with lines that begin with a blank going on.
Package parse_paragraph(std::string_view text) {
  Package out;
  std::size_t begin = 0;
  while (begin < text.size()) {
    std::size_t end = text.find('\n', begin);
    while (end != std::string_view::npos && end + 1 < text.size() &&
           (text[end + 1] == ' ' || text[end + 1] == '\t')) {
      end = text.find('\n', end + 1);
    }
    const std::string_view line = text.substr(begin, end - begin);
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos) {
      set_field(out, line.substr(0, colon), trim(line.substr(colon + 1)));
    }
    if (end == std::string_view::npos) break;
    begin = end + 1;
  }
  return out;
}

// The packages of one release, and who can meet a need in it.
class Release {
 public:
  Release(std::uint32_t number, Draft& draft, bool is_one_of_many)
      : number_(number), draft_(draft), is_one_of_many_(is_one_of_many) {}

  Status add(const DebianFile& file) {
    const std::string_view text = file.text;
    std::size_t begin = 0;
    while (begin < text.size()) {
      std::size_t end = text.find("\n\n", begin);
      if (end == std::string_view::npos) end = text.size();
      const std::string_view paragraph = trim(text.substr(begin, end - begin));
      begin = end + 2;
      if (paragraph.empty()) continue;
      if (Status status = add(parse_paragraph(paragraph)); !status) {
        return Error{status.error().code, file.name + ": " + status.error().message};
      }
    }
    return {};
  }

  // All files have been added. `before` may be null.
  Status link(const Release* before) {
    for (auto& [name, versions] : by_name_) {
      std::sort(versions.begin(), versions.end(), [this](std::size_t a, std::size_t b) {
        return compare_debian_versions(packages_[a].version, packages_[b].version) < 0;
      });
      for (std::size_t i = 1; i < versions.size(); ++i) {
        add_need(packages_[versions[i]], {packages_[versions[i - 1]].item});
      }
      if (before == nullptr) continue;
      const auto older = before->by_name_.find(name);
      if (older == before->by_name_.end()) continue;
      add_need(packages_[versions.front()], {before->packages_[older->second.back()].item});
    }
    for (const Package& package : packages_) {
      for (const std::string_view field : {package.pre_depends, package.depends}) {
        if (Status status = add_needs(package, field); !status) return status;
      }
    }
    return {};
  }

 private:
  struct Provider {
    std::size_t package;
    std::string_view version;  // empty: none, which satisfies no relation
  };

  Status add(Package package) {
    if (package.name.empty() || package.version.empty()) {
      return bad_input(
          fmt::format("a paragraph after {} packages has no Package or no Version; is "
                      "this a Packages file?",
                      packages_.size()));
    }
    std::vector<std::size_t>& versions = by_name_[package.name];
    for (const std::size_t known : versions) {
      if (packages_[known].version != package.version) continue;
      ++draft_.notes.duplicates;
      return {};
    }
    versions.push_back(packages_.size());
    package.item = static_cast<ItemIndex>(draft_.entries.size());
    Draft::Entry entry;
    entry.name = clean_name(fmt::format("{}={}", package.name, package.version));
    if (is_one_of_many_) entry.name += fmt::format("@{}", number_ + 1);
    entry.client = draft_.client_named(package.maintainer.empty() ? "(no maintainer)"
                                                                  : clean_name(package.maintainer));
    entry.release = number_;
    draft_.entries.push_back(std::move(entry));
    packages_.push_back(package);
    return add_provides(package, packages_.size() - 1);
  }

  Status add_provides(const Package& package, std::size_t index) {
    Status status;
    for_each_part(package.provides, ',', [&](std::string_view part) {
      const auto relation = parse_relation(part);
      if (!relation) {
        status = unreadable(package, "Provides", part);
        return;
      }
      providers_[relation->name].push_back({index, relation->version});
    });
    return status;
  }

  static Error unreadable(const Package& package, const char* field, std::string_view part) {
    return bad_input(fmt::format("the {} of {} cannot be read at \"{}\"", field, package.name,
                                 clean_name(part.substr(0, 60))));
  }

  Status add_needs(const Package& package, std::string_view field) {
    Status status;
    for_each_part(field, ',', [&](std::string_view group) {
      Draft::Need need;
      for_each_part(group, '|', [&](std::string_view part) {
        const auto relation = parse_relation(part);
        if (relation) {
          meet(*relation, need);
        } else {
          status = unreadable(package, "dependencies", part);
        }
      });
      if (!status) return;
      std::sort(need.begin(), need.end());
      need.erase(std::unique(need.begin(), need.end()), need.end());
      if (!need.empty()) {
        add_need(package, std::move(need));
      } else if (draft_.notes.unresolved++ == 0) {
        draft_.notes.unresolved_example =
            clean_name(fmt::format("{} needs {}", package.name, group.substr(0, 100)));
      }
    });
    return status;
  }

  void add_need(const Package& package, Draft::Need need) {
    draft_.entries[package.item].needs.push_back(std::move(need));
  }

  // Adds the newest version that satisfies the relation, and who provides it.
  void meet(const Relation& relation, Draft::Need& need) const {
    const auto named = by_name_.find(relation.name);
    if (named != by_name_.end()) {
      for (auto i = named->second.rbegin(); i != named->second.rend(); ++i) {
        if (!satisfies(packages_[*i].version, relation)) continue;
        need.push_back(packages_[*i].item);
        break;
      }
    }
    const auto provided = providers_.find(relation.name);
    if (provided == providers_.end()) return;
    for (const Provider& provider : provided->second) {
      const bool is_versioned = !provider.version.empty();
      if (!relation.relation.empty() && (!is_versioned || !satisfies(provider.version, relation))) {
        continue;
      }
      need.push_back(packages_[provider.package].item);
    }
  }

  static bool satisfies(std::string_view version, const Relation& relation) {
    return relation.relation.empty() ||
           debian_version_satisfies(version, relation.relation, relation.version);
  }

  std::uint32_t number_;
  Draft& draft_;
  bool is_one_of_many_;
  std::vector<Package> packages_;
  std::map<std::string_view, std::vector<std::size_t>>
      by_name_;  // versions, once sorted: oldest first
  std::map<std::string_view, std::vector<Provider>> providers_;
};

}  // namespace

Result<Draft> read_debian(std::span<const DebianFile> files) {
  Draft draft;
  if (files.empty()) return draft;
  std::unique_ptr<Release> before;
  for (std::size_t i = 0; i < files.size();) {
    const std::uint32_t number = files[i].release;
    auto release = std::make_unique<Release>(number, draft, files.back().release > 0);
    for (; i < files.size() && files[i].release == number; ++i) {
      if (Status status = release->add(files[i]); !status) return status.error();
    }
    if (Status status = release->link(before.get()); !status) return status.error();
    before = std::move(release);
  }
  return draft;
}

}  // namespace steward::accountability
