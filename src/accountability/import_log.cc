#include "accountability/import_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

namespace steward::accountability {
namespace {

using nlohmann::json;

struct Line {
  std::string id;
  std::string client;
  std::optional<Timestamp> time;
  std::vector<std::vector<std::string>> cells;
};

constexpr const char* kBlanks = " \t\r";

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> out;
  while (true) {
    const std::size_t begin = text.find_first_not_of(kBlanks);
    if (begin == std::string_view::npos) return out;
    text.remove_prefix(begin);
    const std::size_t end = std::min(text.find_first_of(kBlanks), text.size());
    out.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

std::optional<Timestamp> parse_time(std::string_view text) {
  Timestamp out = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return out;
}

Result<std::vector<std::string>> split_csv(std::string_view line) {
  std::vector<std::string> out(1);
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quoted && c == '"' && i + 1 < line.size() && line[i + 1] == '"') {
      out.back() += '"';
      ++i;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      out.emplace_back();
    } else {
      out.back() += c;
    }
  }
  if (quoted) return bad_input("a quotation mark is not closed");
  return out;
}

// The columns of a CSV file, by the names in its first line.
struct Columns {
  std::optional<std::size_t> id, client, time, dependencies;

  static Result<Columns> parse(std::string_view header) {
    auto names = split_csv(header);
    if (!names) return names.error();
    Columns out;
    for (std::size_t i = 0; i < names->size(); ++i) {
      const auto words = words_of((*names)[i]);
      const std::string name = words.empty() ? std::string() : words.front();
      if (name == "id") out.id = i;
      if (name == "client") out.client = i;
      if (name == "time") out.time = i;
      if (name == "dependencies") out.dependencies = i;
    }
    if (!out.id || !out.client || !out.dependencies) {
      return bad_input(
          "the first line has to name the columns id, client and dependencies (and "
          "may name time)");
    }
    return out;
  }

  Result<Line> read(std::string_view text) const {
    auto fields = split_csv(text);
    if (!fields) return fields.error();
    const auto at = [&fields](std::optional<std::size_t> column) {
      if (!column || *column >= fields->size()) return std::string();
      return (*fields)[*column];
    };
    Line out{at(id), at(client), std::nullopt, {}};
    const std::vector<std::string> when = words_of(at(time));
    if (!when.empty()) {
      out.time = parse_time(when.front());
      if (!out.time) return bad_input("the time \"" + clean_name(at(time)) + "\" is no number");
    }
    std::string rest = at(dependencies);
    if (words_of(rest).empty()) return out;
    for (std::string_view left = rest;;) {
      const std::size_t bar = left.find('|');
      out.cells.push_back(words_of(left.substr(0, bar)));
      if (out.cells.back().empty()) return bad_input("an alternative is empty");
      if (bar == std::string_view::npos) return out;
      left.remove_prefix(bar + 1);
    }
  }
};

Result<Line> read_json(std::string_view text) {
  const json value = json::parse(text, nullptr, false);
  if (!value.is_object()) return bad_input("is damaged, or no JSON object");
  const auto text_at = [&value](const char* name) {
    const auto found = value.find(name);
    return found != value.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  Line out{text_at("id"), text_at("client"), std::nullopt, {}};
  if (const auto time = value.find("time"); time != value.end() && !time->is_null()) {
    if (!time->is_number_unsigned()) return bad_input("\"time\" is no number from 0 on");
    out.time = time->get<Timestamp>();
  }
  const auto cells = value.find("cells");
  if (cells == value.end()) return out;
  if (!cells->is_array()) return bad_input("\"cells\" is no list of lists of ids");
  for (const json& cell : *cells) {
    if (!cell.is_array()) return bad_input("\"cells\" is no list of lists of ids");
    std::vector<std::string>& ids = out.cells.emplace_back();
    for (const json& id : cell) {
      if (!id.is_string()) return bad_input("\"cells\" holds what is no id");
      ids.push_back(id.get<std::string>());
    }
  }
  return out;
}

class Reader {
 public:
  Status add(const Line& line) {
    if (line.id.empty() || line.client.empty()) return bad_input("id or client is missing");
    if (out_.items.size() >= kMaxItems) {
      return Error{ErrorCode::kTooLarge, fmt::format("more than {} updates", kMaxItems)};
    }
    if (nodes_.contains(line.id)) {
      return bad_input("the id " + clean_name(line.id) + " was there before");
    }
    auto cells = resolve(line);
    if (!cells) return cells.error();
    auto client = client_named(line.client);
    if (!client) return client.error();
    const Timestamp time = line.time.value_or(last_times_[*client] + 1);
    const auto node = out_.graph.append(*client, time, *cells);
    if (!node) return {Error{node.error().code, clean_name(line.id) + ": " + node.error().message}};
    last_times_[*client] = time;
    nodes_.emplace(line.id, *node);
    out_.items.push_back({clean_name(line.id), *node, *node});
    return {};
  }

  Catalogue take() { return std::move(out_); }

 private:
  Result<Cells> resolve(const Line& line) const {
    Cells cells;
    for (const auto& ids : line.cells) {
      Cell& cell = cells.emplace_back();
      for (const std::string& id : ids) {
        const auto found = nodes_.find(id);
        if (found == nodes_.end()) {
          return bad_input(fmt::format("{} depends on {}, which is on no earlier line",
                                       clean_name(line.id), clean_name(id)));
        }
        cell.push_back(found->second);
      }
    }
    return cells;
  }

  Result<Client> client_named(const std::string& name) {
    const auto found = clients_.find(name);
    if (found != clients_.end()) return found->second;
    auto client = out_.graph.add_client();
    if (!client) return client;
    clients_.emplace(name, *client);
    out_.clients.push_back(clean_name(name));
    last_times_.push_back(0);
    return client;
  }

  Catalogue out_;
  std::map<std::string, Node> nodes_;
  std::map<std::string, Client> clients_;
  std::vector<Timestamp> last_times_;
};

}  // namespace

Result<Catalogue> read_log(const LogFile& file, const ImportProgress& progress) {
  const std::string_view text = file.text;
  const bool is_json = text.find_first_not_of(" \t\r\n") != std::string_view::npos &&
                       text[text.find_first_not_of(" \t\r\n")] == '{';
  Reader reader;
  std::optional<Columns> columns;
  std::uint64_t number = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view content = text.substr(begin, end - begin);
    if (content.ends_with('\r')) content.remove_suffix(1);
    begin = end + 1;
    ++number;
    const auto wrong = [&file, number](const Error& error) {
      return Error{error.code, fmt::format("{}, line {}: {}", file.name, number, error.message)};
    };
    if (content.find_first_not_of(kBlanks) == std::string_view::npos) continue;
    if (!is_json && !columns) {
      auto parsed = Columns::parse(content);
      if (!parsed) return wrong(parsed.error());
      columns = *parsed;
      continue;
    }
    const auto line = is_json ? read_json(content) : columns->read(content);
    if (!line) return wrong(line.error());
    if (Status status = reader.add(*line); !status) return wrong(status.error());
    if (progress && number % 4096 == 0) progress(begin, text.size());
  }
  return reader.take();
}

}  // namespace steward::accountability
