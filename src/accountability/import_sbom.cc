#include "accountability/import_sbom.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

namespace steward::accountability {
namespace {

using nlohmann::json;

const json* field(const json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

std::string text_at(const json& object, const char* name) {
  const json* value = field(object, name);
  return value != nullptr && value->is_string() ? clean_name(value->get_ref<const std::string&>())
                                                : std::string();
}

// The entries of one document, by what the document calls them.
class Document {
 public:
  Document(const SbomFile& file, std::uint32_t release, bool is_one_of_many, Draft& draft)
      : file_(file), release_(release), is_one_of_many_(is_one_of_many), draft_(draft) {}

  void add(const std::string& reference, const std::string& name, const std::string& version,
           const std::string& supplier) {
    if (by_reference_.contains(reference)) {
      ++draft_.notes.duplicates;
      return;
    }
    const auto item = static_cast<ItemIndex>(draft_.entries.size());
    Draft::Entry entry;
    entry.name = version.empty() ? name : name + "=" + version;
    if (is_one_of_many_) entry.name += fmt::format("@{}", release_ + 1);
    entry.client = draft_.client_named(supplier.empty() ? "(no supplier)" : supplier);
    entry.release = release_;
    draft_.entries.push_back(std::move(entry));
    by_reference_.emplace(reference, item);
    by_name_.emplace(name, item);
  }

  void add_need(const std::string& who, const std::string& what) {
    const auto from = by_reference_.find(who);
    const auto to = by_reference_.find(what);
    if (from != by_reference_.end() && to != by_reference_.end()) {
      draft_.entries[from->second].needs.push_back({to->second});
    } else if (draft_.notes.unresolved++ == 0) {
      draft_.notes.unresolved_example = fmt::format("{}: {} needs {}", file_.name, who, what);
    }
  }

  void link(const Document& before) {
    for (const auto& [name, item] : by_name_) {
      const auto older = before.by_name_.find(name);
      if (older != before.by_name_.end()) draft_.entries[item].needs.push_back({older->second});
    }
  }

  Error wrong(const std::string& what) const { return bad_input(file_.name + ": " + what); }

 private:
  const SbomFile& file_;
  std::uint32_t release_;
  bool is_one_of_many_;
  Draft& draft_;
  std::map<std::string, ItemIndex> by_reference_;
  std::map<std::string, ItemIndex> by_name_;  // of several versions, the first
};

std::string supplier_of(const json& component) {
  if (const json* supplier = field(component, "supplier")) {
    if (std::string name = text_at(*supplier, "name"); !name.empty()) return name;
  }
  for (const char* name : {"publisher", "author"}) {
    if (std::string text = text_at(component, name); !text.empty()) return text;
  }
  return text_at(component, "group");
}

// What the document calls it.
Result<std::string> add_component(Document& document, const json& component) {
  std::string name = text_at(component, "name");
  if (name.empty()) return document.wrong("a component has no name");
  const std::string group = text_at(component, "group");
  if (!group.empty()) name = group + "/" + name;
  const std::string version = text_at(component, "version");
  std::string reference = text_at(component, "bom-ref");
  if (reference.empty()) reference = name + "=" + version;
  document.add(reference, name, version, supplier_of(component));
  return reference;
}

// Components may hold components, to any depth, and rest on those.
Status add_components(Document& document, const json& bom) {
  std::vector<std::pair<const json*, std::optional<std::string>>> open;  // with what holds it
  const auto open_inner = [&open](const json& object, const std::optional<std::string>& holder) {
    const json* list = field(object, "components");
    if (list == nullptr || !list->is_array()) return;
    for (const json& component : *list) open.emplace_back(&component, holder);
  };
  if (const json* metadata = field(bom, "metadata")) {
    if (const json* root = field(*metadata, "component")) open.emplace_back(root, std::nullopt);
  }
  open_inner(bom, std::nullopt);
  for (std::size_t next = 0; next < open.size(); ++next) {
    const auto [component, holder] = open[next];
    auto reference = add_component(document, *component);
    if (!reference) return reference.error();
    if (holder) document.add_need(*holder, *reference);
    open_inner(*component, *reference);
  }
  return {};
}

Status read_one_cyclonedx(Document& document, const json& bom) {
  if (text_at(bom, "bomFormat") != "CycloneDX") {
    return document.wrong("is not a CycloneDX document in JSON (it has no bomFormat)");
  }
  if (Status status = add_components(document, bom); !status) return status;
  const json* dependencies = field(bom, "dependencies");
  if (dependencies == nullptr || !dependencies->is_array()) return {};
  for (const json& dependency : *dependencies) {
    const std::string who = text_at(dependency, "ref");
    const json* list = field(dependency, "dependsOn");
    if (list == nullptr || !list->is_array()) continue;
    for (const json& what : *list) {
      if (!what.is_string()) return document.wrong("a dependsOn holds what is not text");
      document.add_need(who, clean_name(what.get_ref<const std::string&>()));
    }
  }
  return {};
}

enum class Direction { kNone, kForward, kBackward };

// Whether the first element rests on the second, or the second on the first.
Direction direction_of(const std::string& type) {
  static const std::map<std::string, Direction> kDirections = {
      {"DEPENDS_ON", Direction::kForward},
      {"CONTAINS", Direction::kForward},
      {"DYNAMIC_LINK", Direction::kForward},
      {"STATIC_LINK", Direction::kForward},
      {"GENERATED_FROM", Direction::kForward},
      {"DESCENDANT_OF", Direction::kForward},
      {"COPY_OF", Direction::kForward},
      {"EXPANDED_FROM_ARCHIVE", Direction::kForward},
      {"HAS_PREREQUISITE", Direction::kForward},
      {"DEPENDENCY_OF", Direction::kBackward},
      {"BUILD_DEPENDENCY_OF", Direction::kBackward},
      {"RUNTIME_DEPENDENCY_OF", Direction::kBackward},
      {"PROVIDED_DEPENDENCY_OF", Direction::kBackward},
      {"BUILD_TOOL_OF", Direction::kBackward},
      {"CONTAINED_BY", Direction::kBackward},
      {"GENERATES", Direction::kBackward},
      {"ANCESTOR_OF", Direction::kBackward},
      {"PREREQUISITE_FOR", Direction::kBackward},
  };
  const auto found = kDirections.find(type);
  return found == kDirections.end() ? Direction::kNone : found->second;
}

Status add_spdx_elements(Document& document, const json& bom, const char* list_name,
                         const char* name_field) {
  const json* list = field(bom, list_name);
  if (list == nullptr || !list->is_array()) return {};
  for (const json& element : *list) {
    const std::string id = text_at(element, "SPDXID");
    std::string name = text_at(element, name_field);
    if (id.empty() || name.empty()) {
      return document.wrong(
          fmt::format("an entry of {} has no SPDXID or no {}", list_name, name_field));
    }
    std::string supplier = text_at(element, "supplier");
    if (supplier.empty() || supplier == "NOASSERTION") supplier = text_at(element, "originator");
    if (supplier == "NOASSERTION") supplier.clear();
    document.add(id, name, text_at(element, "versionInfo"), supplier);
  }
  return {};
}

Status read_one_spdx(Document& document, const json& bom) {
  const std::string version = text_at(bom, "spdxVersion");
  if (!version.starts_with("SPDX-2.")) {
    return document.wrong("is not an SPDX 2 document in JSON (its spdxVersion is \"" + version +
                          "\")");
  }
  if (Status status = add_spdx_elements(document, bom, "packages", "name"); !status) return status;
  if (Status status = add_spdx_elements(document, bom, "files", "fileName"); !status) {
    return status;
  }
  const json* relationships = field(bom, "relationships");
  if (relationships == nullptr || !relationships->is_array()) return {};
  for (const json& relationship : *relationships) {
    const Direction direction = direction_of(text_at(relationship, "relationshipType"));
    if (direction == Direction::kNone) continue;
    std::string who = text_at(relationship, "spdxElementId");
    std::string what = text_at(relationship, "relatedSpdxElement");
    if (what == "NONE" || what == "NOASSERTION") continue;
    if (direction == Direction::kBackward) std::swap(who, what);
    document.add_need(who, what);
  }
  return {};
}

template <class ReadOne>
Result<Draft> read_all(std::span<const SbomFile> files, ReadOne read_one) {
  Draft draft;
  std::vector<Document> documents;
  for (std::size_t i = 0; i < files.size(); ++i) {
    Document document(files[i], static_cast<std::uint32_t>(i), files.size() > 1, draft);
    const json bom = json::parse(files[i].text, nullptr, false);
    if (bom.is_discarded()) return document.wrong("is damaged, or not JSON");
    if (Status status = read_one(document, bom); !status) return status.error();
    if (!documents.empty()) document.link(documents.back());
    documents.push_back(std::move(document));
  }
  return draft;
}

}  // namespace

Result<Draft> read_cyclonedx(std::span<const SbomFile> files) {
  return read_all(files, read_one_cyclonedx);
}

Result<Draft> read_spdx(std::span<const SbomFile> files) { return read_all(files, read_one_spdx); }

}  // namespace steward::accountability
