#include "cli/graph_names.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>

namespace steward::cli {

using namespace accountability;

namespace {

constexpr std::size_t kSuggestions = 5;

// Names may begin with '@', as those of npm's scopes do.
std::string base_name(const std::string& name) {
  return name.substr(0, name.find_first_of("=@", 1));
}

}  // namespace

ItemNames::ItemNames(const Catalogue& catalogue) : catalogue_(catalogue) {
  for (ItemIndex i = 0; i < catalogue.items.size(); ++i) {
    const Item& item = catalogue.items[i];
    by_name_[item.name].push_back(i);
    const std::string base = base_name(item.name);
    if (base != item.name) by_name_[base].push_back(i);
    const std::string without_release = item.name.substr(0, item.name.rfind('@'));
    if (without_release != item.name && without_release != base) {
      by_name_[without_release].push_back(i);
    }
    by_node_[item.own] = i;
    if (item.own != item.whole) ++circle_sizes_[item.whole];
  }
}

Result<ItemIndex> ItemNames::find(const std::string& name) const {
  const auto found = by_name_.find(name);
  if (found != by_name_.end()) {
    std::vector<ItemIndex> items = found->second;
    const auto in_full = [&](ItemIndex item) { return catalogue_.items[item].name == name; };
    if (std::any_of(items.begin(), items.end(), in_full)) {
      std::erase_if(items, [&](ItemIndex item) { return !in_full(item); });
    }
    const ItemIndex newest =
        *std::max_element(items.begin(), items.end(), [this](ItemIndex a, ItemIndex b) {
          return catalogue_.items[a].own < catalogue_.items[b].own;
        });
    if (items.size() > 1) {
      fmt::print(stderr, "{}: taking {}, the newest of {}\n", name, catalogue_.items[newest].name,
                 items.size());
    }
    return newest;
  }
  std::string alike;
  std::size_t count = 0;
  for (auto next = by_name_.lower_bound(name); next != by_name_.end() && count < kSuggestions;
       ++next, ++count) {
    if (!next->first.starts_with(name.substr(0, 3))) break;
    alike += (count == 0 ? ". There is: " : ", ") + next->first;
  }
  return Error{ErrorCode::kNotFound, "no item is called " + clean_name(name) + alike};
}

Result<Mark> ItemNames::find_client(const std::string& text) const {
  const auto& clients = catalogue_.clients;
  const auto named = [&clients](const std::string& name) {
    return std::find(clients.begin(), clients.end(), name);
  };
  // Names may hold '@', as mail addresses do: a time is only what is a number after the last one.
  auto client = named(text);
  Timestamp from = 0;
  const std::size_t at = text.rfind('@');
  if (client == clients.end() && at != std::string::npos) {
    const char* const end = text.data() + text.size();
    const auto [stop, failed] = std::from_chars(text.data() + at + 1, end, from);
    if (failed == std::errc() && stop == end) client = named(text.substr(0, at));
  }
  if (client != clients.end()) {
    return client_from(static_cast<Client>(client - clients.begin()), from);
  }
  std::string alike;
  std::size_t count = 0;
  for (const std::string& name : clients) {
    if (name.find(text.substr(0, at)) == std::string::npos || count == kSuggestions) continue;
    alike += (count++ == 0 ? ". There is: " : "; ") + name;
  }
  return Error{ErrorCode::kNotFound, "no client is called " + clean_name(text) + alike};
}

Result<Mark> ItemNames::find_mark(const std::string& text) const {
  const auto after = [&text](std::string_view prefix) {
    return text.starts_with(prefix) ? std::optional(text.substr(prefix.size())) : std::nullopt;
  };
  if (const auto client = after("client:")) return find_client(*client);
  const auto corrupt = after("corrupt:");
  const auto is_clear = after("cleared:");
  const auto item = find(corrupt ? *corrupt : is_clear ? *is_clear : text);
  if (!item) return item.error();
  const Item& it = catalogue_.items[*item];
  if (corrupt) return corrupt_update(it.own);
  if (!is_clear) return honest_bad(it.own);
  if (it.own != it.whole) {
    fmt::print(stderr, "{} is in a circle of {}: all of it is cleared\n", it.name,
               circle_sizes_.at(it.whole));
  }
  return cleared(it.whole);
}

Result<std::vector<Mark>> ItemNames::find_marks(const std::vector<std::string>& texts) const {
  std::vector<Mark> out;
  for (const std::string& text : texts) {
    const auto mark = find_mark(text);
    if (!mark) return mark.error();
    out.push_back(*mark);
  }
  return out;
}

std::optional<ItemIndex> ItemNames::item_of(Node node) const {
  const auto found = by_node_.find(node);
  if (found == by_node_.end()) return std::nullopt;
  return found->second;
}

std::string ItemNames::describe(Node node) const {
  if (node == kUnresolvable) return "something unknown";
  if (const auto item = item_of(node)) return catalogue_.items[*item].name;
  const auto circle = circle_sizes_.find(node);
  const Cells cells = catalogue_.graph.at(node).cells();
  std::string out = circle != circle_sizes_.end() ? fmt::format("circle of {}:", circle->second)
                    : cells.size() > 1            ? std::string("any of:")
                                                  : std::string("all of:");
  std::size_t shown = 0;
  for (const Cell& cell : cells) {
    for (const Node inner : cell) {
      const auto item = item_of(inner);
      if (!item || (circle != circle_sizes_.end() && catalogue_.items[*item].whole != node)) {
        continue;
      }
      if (shown++ == kSuggestions) return out + " …";
      out += " " + catalogue_.items[*item].name;
    }
  }
  return out;
}

std::vector<ItemIndex> items_labelled(const Catalogue& catalogue, const Classification& labels,
                                      Label label) {
  std::vector<ItemIndex> out;
  for (ItemIndex i = 0; i < catalogue.items.size(); ++i) {
    if (catalogue.label(labels, i) == label) out.push_back(i);
  }
  return out;
}

}  // namespace steward::cli
