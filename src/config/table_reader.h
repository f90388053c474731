// Reads the keys of one TOML table into fields, with a person's eyes on what goes wrong: the first
// mistake of a file is kept with its line and key, and later ones are not looked at. A key that
// nobody asked for is a mistake too (finish()).
#pragma once

#include <toml++/toml.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "common/time.h"

namespace steward::config {

// Where in the file something is wrong. One per file; readers share it.
class Mistakes {
 public:
  explicit Mistakes(std::string source_name) : source_name_(std::move(source_name)) {}

  void add(const toml::source_region& where, const std::string& key, const std::string& reason);
  bool any() const { return first_.has_value(); }
  Error first() const { return *first_; }

 private:
  std::string source_name_;
  std::optional<Error> first_;
};

// Borrows the table and the mistakes. Fields whose key is absent keep their value.
class TableReader {
 public:
  // `path` comes before the keys in messages: "" or "site[0].".
  TableReader(const toml::table& table, std::string path, Mistakes& mistakes)
      : table_(table), path_(std::move(path)), mistakes_(mistakes) {}

  bool has(const std::string& key) const { return table_.contains(key); }
  const toml::table& table() const { return table_; }

  void text(const std::string& key, std::string& field);
  void boolean(const std::string& key, bool& field);
  void fraction(const std::string& key, double& field);
  void duration(const std::string& key, Duration& field);
  void rate(const std::string& key, std::uint64_t& field);

  template <class Integer>
  void integer(const std::string& key, Integer& field) {
    constexpr std::uint64_t kHighest = std::numeric_limits<Integer>::max();
    if (const auto value = whole_number(key, kHighest)) field = static_cast<Integer>(*value);
  }

  template <class Integer>
  void size(const std::string& key, Integer& field) {
    constexpr std::uint64_t kHighest = std::numeric_limits<Integer>::max();
    if (const auto value = byte_count(key, kHighest)) field = static_cast<Integer>(*value);
  }

  // The sub-table or array under `key`; nullptr when it is absent or of another type.
  const toml::table* sub_table(const std::string& key);
  const toml::array* tables(const std::string& key);

  // The raw value, for keys that may be of several types.
  const toml::node* any(const std::string& key);

  void fail(const std::string& key, const std::string& reason);

  // To be called after every key was asked for.
  void finish();

 private:
  std::optional<std::uint64_t> whole_number(const std::string& key, std::uint64_t highest);
  std::optional<std::uint64_t> byte_count(const std::string& key, std::uint64_t highest);
  const std::string* quantity(const std::string& key, std::string_view example);

  const toml::table& table_;
  std::string path_;
  Mistakes& mistakes_;
  std::vector<std::string> known_;
};

}  // namespace steward::config
