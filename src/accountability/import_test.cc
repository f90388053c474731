#include <gtest/gtest.h>

#include <algorithm>

#include "accountability/debian_version.h"
#include "accountability/import_debian.h"
#include "accountability/import_log.h"
#include "accountability/import_sbom.h"

namespace steward::accountability {
namespace {

// Names of what is tainted when `bad` is.
std::vector<std::string> tainted_if(const Catalogue& catalogue, const std::string& bad) {
  Classification labels(catalogue.graph);
  for (const Item& item : catalogue.items) {
    if (item.name != bad) continue;
    EXPECT_TRUE(labels.mark(honest_bad(item.own)));
  }
  EXPECT_EQ(labels.marks().size(), 1U) << bad;
  std::vector<std::string> out;
  for (ItemIndex i = 0; i < catalogue.items.size(); ++i) {
    if (catalogue.label(labels, i) != Label::kNotAffected) out.push_back(catalogue.items[i].name);
  }
  std::sort(out.begin(), out.end());
  return out;
}

using Names = std::vector<std::string>;

TEST(DebianVersion, OrdersAsDpkgDoes) {
  const std::vector<std::string_view> ascending = {
      "1.0~~", "1.0~beta1", "1.0",   "1.0-1",  "1.0-1+b1", "1.0-1+deb12u1", "1.0-2",   "1.0+x",
      "1.2",   "1.10",      "1.10a", "1.10aa", "2.0",      "1:0.1",         "1:0.1.1", "2:0"};
  for (std::size_t i = 0; i < ascending.size(); ++i) {
    for (std::size_t j = 0; j < ascending.size(); ++j) {
      const int found = compare_debian_versions(ascending[i], ascending[j]);
      EXPECT_EQ(found < 0, i < j) << ascending[i] << " and " << ascending[j];
      EXPECT_EQ(found > 0, i > j) << ascending[i] << " and " << ascending[j];
    }
  }
  EXPECT_EQ(compare_debian_versions("0:1.0-0", "1.0"), 0);
  EXPECT_EQ(compare_debian_versions("1.002", "1.2"), 0);
  EXPECT_TRUE(debian_version_satisfies("1.2", ">=", "1.2"));
  EXPECT_FALSE(debian_version_satisfies("1.2", ">>", "1.2"));
  EXPECT_TRUE(debian_version_satisfies("1.1", "<<", "1.2"));
  EXPECT_FALSE(debian_version_satisfies("1.1", "!!", "1.1"));
}

Result<Catalogue> from_debian(const std::vector<DebianFile>& files) {
  auto draft = read_debian(files);
  if (!draft) return draft.error();
  return build_catalogue(std::move(*draft));
}

constexpr const char* kPackages =
    "Package: libc6\nVersion: 2.36-9\nMaintainer: GNU <a@b>\n"
    "\n"
    "Package: liblzma5\nVersion: 5.4.1-1\nMaintainer: Xz <x@y>\nDepends: libc6 (>= 2.34)\n"
    "Description: compression\n Depends: nothing, this is text\n"
    "\n"
    "Package: postfix\nVersion: 3.7\nProvides: mail-transport-agent, mta (= 3)\n"
    "Pre-Depends: liblzma5:any (>= 5)\n"
    "\n"
    "Package: exim4\nVersion: 4.96\nProvides: mail-transport-agent\nDepends: libc6\n"
    "\n"
    "Package: mutt\nVersion: 2.2\nDepends: exim4 | mail-transport-agent,\n libc6 (>= 2.34) "
    "[amd64]\n"
    "\n"
    "Package: strict\nVersion: 1\nDepends: mta (>= 3), absent | gone, libc6 (>> 3) | libc6\n";

TEST(ImportDebian, AlternativesAndVirtualPackagesExonerate) {
  const auto catalogue = from_debian({{"Packages", 0, kPackages}});
  ASSERT_TRUE(catalogue) << catalogue.error().message;
  EXPECT_EQ(tainted_if(*catalogue, "liblzma5=5.4.1-1"),
            (Names{"liblzma5=5.4.1-1", "postfix=3.7", "strict=1"}));
  EXPECT_EQ(tainted_if(*catalogue, "exim4=4.96"), (Names{"exim4=4.96"}));
  EXPECT_EQ(tainted_if(*catalogue, "libc6=2.36-9").size(), 6U);
  EXPECT_EQ(catalogue->notes.unresolved, 1U);
  EXPECT_EQ(catalogue->notes.unresolved_example, "strict needs absent | gone");
  EXPECT_EQ(catalogue->clients, (Names{"GNU <a@b>", "Xz <x@y>", "(no maintainer)"}));
}

TEST(ImportDebian, VersionsRestOnOlderOnesAndReleasesOnReleases) {
  const char* old_release = "Package: a\nVersion: 1.9\n\nPackage: b\nVersion: 1\nDepends: a\n";
  const char* new_release =
      "Package: a\nVersion: 1.10-2\n\nPackage: a\nVersion: 1.10-1\n\nPackage: a\nVersion: "
      "1.10-1\n\n"
      "Package: b\nVersion: 2\n\nPackage: c\nVersion: 1\nDepends: a (= 1.10-1)\n";
  const auto catalogue = from_debian({{"old", 0, old_release}, {"new", 1, new_release}});
  ASSERT_TRUE(catalogue) << catalogue.error().message;
  EXPECT_EQ(catalogue->notes.duplicates, 1U);
  EXPECT_EQ(tainted_if(*catalogue, "a=1.9@1"),
            (Names{"a=1.10-1@2", "a=1.10-2@2", "a=1.9@1", "b=1@1", "b=2@2", "c=1@2"}));
  EXPECT_EQ(tainted_if(*catalogue, "a=1.10-1@2"), (Names{"a=1.10-1@2", "a=1.10-2@2", "c=1@2"}));
  EXPECT_EQ(tainted_if(*catalogue, "a=1.10-2@2"), (Names{"a=1.10-2@2"}));
}

TEST(ImportDebian, CondensesCircles) {
  const auto catalogue = from_debian({{"P", 0,
                                       "Package: perl\nVersion: 1\nDepends: modules\n\n"
                                       "Package: modules\nVersion: 1\nDepends: perl\n\n"
                                       "Package: user\nVersion: 1\nDepends: perl\n"}});
  ASSERT_TRUE(catalogue);
  EXPECT_EQ(catalogue->notes.circles, 1U);
  EXPECT_EQ(tainted_if(*catalogue, "modules=1").size(), 3U);
  EXPECT_EQ(tainted_if(*catalogue, "user=1").size(), 1U);
}

TEST(ImportDebian, RefusesWhatIsNoIndex) {
  for (const char* text :
       {"hello", "Package: x\n", "Version: 1\n", "Package: x\nVersion: 1\nDepends: (>= 1)\n",
        "Package: x\nVersion: 1\nDepends: y (>= \n", "Package: x\nVersion: 1\nDepends: y (1)\n",
        "Package: x\nVersion: 1\nProvides: a b\n"}) {
    const auto draft = read_debian(std::vector<DebianFile>{{"file", 0, text}});
    ASSERT_FALSE(draft) << text;
    EXPECT_EQ(draft.error().code, ErrorCode::kBadInput);
    EXPECT_EQ(draft.error().message.rfind("file: ", 0) == 0 ||
                  draft.error().message.find(" of x ") != std::string::npos,
              true)
        << draft.error().message;
  }
  EXPECT_EQ(read_debian(std::vector<DebianFile>{{"file", 0, "\n\n\n"}})->entries.size(), 0U);
}

TEST(ImportSbom, ReadsCycloneDx) {
  const char* text = R"({"bomFormat": "CycloneDX", "specVersion": "1.5",
    "metadata": {"component": {"bom-ref": "app", "name": "app", "version": "1"}},
    "components": [
      {"bom-ref": "a", "name": "a", "version": "2", "supplier": {"name": "A Inc."},
       "components": [{"bom-ref": "inner", "name": "inner", "publisher": "P"}]},
      {"bom-ref": "b", "name": "b", "group": "org"}],
    "dependencies": [{"ref": "app", "dependsOn": ["a", "b"]}, {"ref": "a", "dependsOn": ["inner"]},
                     {"ref": "b", "dependsOn": ["nowhere"]}]})";
  auto draft = read_cyclonedx(std::vector<SbomFile>{{"bom.json", text}});
  ASSERT_TRUE(draft) << draft.error().message;
  EXPECT_EQ(draft->notes.unresolved, 1U);
  const auto catalogue = build_catalogue(std::move(*draft));
  ASSERT_TRUE(catalogue);
  EXPECT_EQ(tainted_if(*catalogue, "inner"), (Names{"a=2", "app=1", "inner"}));
  EXPECT_EQ(tainted_if(*catalogue, "org/b"), (Names{"app=1", "org/b"}));
  EXPECT_EQ(catalogue->clients, (Names{"(no supplier)", "A Inc.", "org", "P"}));
}

// Nested components are contained in the outer one (docs/accountability.md: "what is contained").
TEST(ImportSbom, ACycloneDxComponentRestsOnTheComponentsInIt) {
  const char* text = R"({"bomFormat": "CycloneDX", "components": [
      {"bom-ref": "a", "name": "a", "components": [{"bom-ref": "inner", "name": "inner"}]}]})";
  auto draft = read_cyclonedx(std::vector<SbomFile>{{"bom.json", text}});
  ASSERT_TRUE(draft) << draft.error().message;
  const auto catalogue = build_catalogue(std::move(*draft));
  ASSERT_TRUE(catalogue);
  EXPECT_EQ(tainted_if(*catalogue, "inner"), (Names{"a", "inner"}));
}

TEST(ImportSbom, ReadsSpdxAndLinksReleases) {
  const std::string text = R"({"spdxVersion": "SPDX-2.3", "packages": [
      {"SPDXID": "SPDXRef-1", "name": "app", "versionInfo": "1", "supplier": "Organization: X"},
      {"SPDXID": "SPDXRef-2", "name": "lib", "supplier": "NOASSERTION"},
      {"SPDXID": "SPDXRef-3", "name": "tool"}, {"SPDXID": "SPDXRef-4", "name": "docs"}],
    "relationships": [
      {"spdxElementId": "SPDXRef-1", "relationshipType": "DEPENDS_ON",
       "relatedSpdxElement": "SPDXRef-2"},
      {"spdxElementId": "SPDXRef-3", "relationshipType": "BUILD_TOOL_OF",
       "relatedSpdxElement": "SPDXRef-1"},
      {"spdxElementId": "SPDXRef-4", "relationshipType": "DOCUMENTATION_OF",
       "relatedSpdxElement": "SPDXRef-1"},
      {"spdxElementId": "SPDXRef-1", "relationshipType": "CONTAINS",
       "relatedSpdxElement": "NOASSERTION"}]})";
  auto draft = read_spdx(std::vector<SbomFile>{{"1.json", text}, {"2.json", text}});
  ASSERT_TRUE(draft) << draft.error().message;
  EXPECT_EQ(draft->notes.unresolved, 0U);
  const auto catalogue = build_catalogue(std::move(*draft));
  ASSERT_TRUE(catalogue);
  EXPECT_EQ(tainted_if(*catalogue, "lib@1"), (Names{"app=1@1", "app=1@2", "lib@1", "lib@2"}));
  EXPECT_EQ(tainted_if(*catalogue, "tool@2"), (Names{"app=1@2", "tool@2"}));
  EXPECT_EQ(tainted_if(*catalogue, "docs@2"), (Names{"docs@2"}));
}

TEST(ImportSbom, RefusesOtherDocuments) {
  for (const char* text :
       {"", "[]", "{}", "null", "{\"bomFormat\": 7}", "{\"bomFormat\"",
        "{\"bomFormat\": \"CycloneDX\", \"components\": [{}]}",
        "{\"bomFormat\": \"CycloneDX\", \"components\": [7]}", "{\"spdxVersion\": \"SPDX-3.0\"}",
        "{\"spdxVersion\": \"SPDX-2.3\", \"packages\": [{\"name\": \"x\"}]}"}) {
    EXPECT_FALSE(read_cyclonedx(std::vector<SbomFile>{{"x", text}})) << text;
    const auto spdx = read_spdx(std::vector<SbomFile>{{"x", text}});
    ASSERT_FALSE(spdx) << text;
    EXPECT_EQ(spdx.error().message.rfind("x: ", 0), 0U);
  }
}

TEST(ImportLog, ReadsCsvAndJsonLinesAlike) {
  const auto csv = read_log({"log.csv",
                             "id,client,time,dependencies\n"
                             "a,sensor1,1,\n\"b\",sensor2,,\r\nmap,office,7,\n\n"
                             "go,office,9,\"a map | b map\"\n"});
  ASSERT_TRUE(csv) << csv.error().message;
  const auto json = read_log({"log.jsonl",
                              "{\"id\": \"a\", \"client\": \"sensor1\", \"time\": 1}\n"
                              "{\"id\": \"b\", \"client\": \"sensor2\"}\n"
                              "{\"id\": \"map\", \"client\": \"office\", \"time\": 7}\n"
                              "{\"id\": \"go\", \"client\": \"office\", \"time\": 9, "
                              "\"cells\": [[\"a\", \"map\"], [\"b\", \"map\"]]}\n"});
  ASSERT_TRUE(json) << json.error().message;
  for (const Catalogue* catalogue : {&*csv, &*json}) {
    EXPECT_EQ(catalogue->graph.at(3).cells(), (Cells{{0, 2}, {1, 2}}));
    EXPECT_EQ(catalogue->graph.time_of(3), 9U);
    EXPECT_EQ(catalogue->graph.time_of(1), 1U);
    EXPECT_EQ(tainted_if(*catalogue, "a"), (Names{"a"}));
    EXPECT_EQ(tainted_if(*catalogue, "map"), (Names{"go", "map"}));
  }
}

TEST(ImportLog, RefusesWithFileAndLine) {
  const std::string head = "id,client,time,dependencies\n";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"a,b\n", "log, line 1: the first line has to name"},
      {head + "x,c,1,y\n", "log, line 2: x depends on y, which is on no earlier line"},
      {head + "x,c,1,x\n", "log, line 2: x depends on x, which is on no earlier line"},
      {head + "x,c,1,\nx,c,2,\n", "log, line 3: the id x was there before"},
      {head + "x,c,5,\ny,c,5,\n", "log, line 3: y: client 0 already has an update of time 5"},
      {head + "x,c,five,\n", "log, line 2: the time \"five\" is no number"},
      {head + "x,c,99999999999999999999,\n", "log, line 2: the time"},
      {head + "x,,1,\n", "log, line 2: id or client is missing"},
      {head + "x,c,1,\"a\n", "log, line 2: a quotation mark is not closed"},
      {head + "x,c,1,\ny,c,2,x |\n", "log, line 3: an alternative is empty"},
      {"{\"id\": 7, \"client\": \"c\"}\n", "log, line 1: id or client is missing"},
      {"{\"id\": \"x\", \"client\": \"c\", \"time\": -1}\n", "log, line 1: \"time\""},
      {"{\"id\": \"x\", \"client\": \"c\", \"cells\": [7]}\n", "log, line 1: \"cells\""},
      {"{\"id\": \"x\"\n", "log, line 1: is damaged"}};
  for (const auto& [text, message] : cases) {
    const auto read = read_log({"log", text});
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().message.substr(0, message.size()), message);
  }
}

TEST(ImportLog, RefusesHugeCounts) {
  std::string text = "id,client,dependencies\na,c,\nb,c,a";
  for (int i = 0; i < 64; ++i) text += "|a";
  const auto cells = read_log({"log", text + "\n"});
  ASSERT_FALSE(cells);
  EXPECT_EQ(cells.error().code, ErrorCode::kTooLarge);
}

}  // namespace
}  // namespace steward::accountability
