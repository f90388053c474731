#include "config/table_reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "config/units.h"

namespace steward::config {
namespace {

std::string type_name(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::string:
      return "a text";
    case toml::node_type::integer:
      return "a whole number";
    case toml::node_type::floating_point:
      return "a decimal number";
    case toml::node_type::boolean:
      return "true or false";
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::date:
    case toml::node_type::time:
    case toml::node_type::date_time:
      return "a date or time";
    case toml::node_type::none:
      break;
  }
  return "nothing";
}

std::string expected(std::string_view what, const toml::node& node) {
  return fmt::format("must be {}, not {}", what, type_name(node));
}

}  // namespace

void Mistakes::add(const toml::source_region& where, const std::string& key,
                   const std::string& reason) {
  if (first_) return;
  first_ =
      bad_input(fmt::format("{}:{}: key '{}': {}", source_name_, where.begin.line, key, reason));
}

const toml::node* TableReader::any(const std::string& key) {
  known_.push_back(key);
  return table_.get(key);
}

void TableReader::fail(const std::string& key, const std::string& reason) {
  const toml::node* node = table_.get(key);
  mistakes_.add(node != nullptr ? node->source() : table_.source(), path_ + key, reason);
}

void TableReader::text(const std::string& key, std::string& field) {
  const toml::node* node = any(key);
  if (node == nullptr) return;
  const auto* value = node->as_string();
  if (value == nullptr) return fail(key, expected("a text", *node));
  field = value->get();
}

void TableReader::boolean(const std::string& key, bool& field) {
  const toml::node* node = any(key);
  if (node == nullptr) return;
  const auto* value = node->as_boolean();
  if (value == nullptr) return fail(key, expected("true or false", *node));
  field = value->get();
}

void TableReader::fraction(const std::string& key, double& field) {
  const toml::node* node = any(key);
  if (node == nullptr) return;
  if (!node->is_number()) return fail(key, expected("a number", *node));
  field = node->value<double>().value_or(-1);
}

std::optional<std::uint64_t> TableReader::whole_number(const std::string& key,
                                                       std::uint64_t highest) {
  const toml::node* node = any(key);
  if (node == nullptr) return std::nullopt;
  const auto* value = node->as_integer();
  if (value == nullptr) {
    fail(key, expected("a whole number", *node));
    return std::nullopt;
  }
  if (value->get() < 0 || static_cast<std::uint64_t>(value->get()) > highest) {
    fail(key, fmt::format("{} is not in 0 to {}", value->get(), highest));
    return std::nullopt;
  }
  return static_cast<std::uint64_t>(value->get());
}

const std::string* TableReader::quantity(const std::string& key, std::string_view example) {
  const toml::node* node = any(key);
  if (node == nullptr) return nullptr;
  const auto* value = node->as_string();
  if (value != nullptr) return &value->get();
  fail(key, expected(fmt::format("a text with a unit such as {}", example), *node));
  return nullptr;
}

void TableReader::duration(const std::string& key, Duration& field) {
  const std::string* text = quantity(key, "\"50ms\"");
  if (text == nullptr) return;
  const auto value = parse_duration(*text);
  if (!value) return fail(key, fmt::format("'{}' is not a time such as \"50ms\" or \"2s\"", *text));
  field = *value;
}

void TableReader::rate(const std::string& key, std::uint64_t& field) {
  const std::string* text = quantity(key, "\"10Mbit/s\"");
  if (text == nullptr) return;
  const auto value = parse_rate(*text);
  if (!value) {
    return fail(key,
                fmt::format("'{}' is not a rate such as \"10Mbit/s\" or \"unlimited\"", *text));
  }
  field = *value;
}

std::optional<std::uint64_t> TableReader::byte_count(const std::string& key,
                                                     std::uint64_t highest) {
  const std::string* text = quantity(key, "\"64MiB\"");
  if (text == nullptr) return std::nullopt;
  const auto value = parse_size(*text);
  if (!value || *value > highest) {
    fail(key, fmt::format("'{}' is not a size such as \"256KiB\" or \"64MiB\"", *text));
    return std::nullopt;
  }
  return value;
}

const toml::table* TableReader::sub_table(const std::string& key) {
  const toml::node* node = any(key);
  if (node == nullptr) return nullptr;
  if (!node->is_table()) fail(key, expected("a table", *node));
  return node->as_table();
}

const toml::array* TableReader::tables(const std::string& key) {
  const toml::node* node = any(key);
  if (node == nullptr) return nullptr;
  const toml::array* array = node->as_array();
  if (array == nullptr || !array->is_homogeneous(toml::node_type::table)) {
    fail(key, fmt::format("must be written as [[{}]] tables", key));
    return nullptr;
  }
  return array;
}

void TableReader::finish() {
  for (const auto& [key, node] : table_) {
    if (std::find(known_.begin(), known_.end(), key.str()) != known_.end()) continue;
    std::sort(known_.begin(), known_.end());
    mistakes_.add(key.source(), path_ + std::string(key.str()),
                  fmt::format("not known; the keys here are {}", fmt::join(known_, ", ")));
    return;
  }
}

}  // namespace steward::config
