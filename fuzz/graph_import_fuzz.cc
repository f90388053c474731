// accountability/: what steward graph reads. The first byte says as what; what is accepted is a
// graph whose dependencies are earlier, that can be classified, and that reads back as it was
// written.
#include "accountability/image.h"
#include "accountability/import_debian.h"
#include "accountability/import_log.h"
#include "accountability/import_sbom.h"
#include "fuzz/input.h"

using namespace steward;
using namespace steward::accountability;

namespace {

Result<Catalogue> built(Result<Draft> draft) {
  if (!draft) return draft.error();
  return build_catalogue(std::move(*draft));
}

// A folder's three files, each with its length before it.
Result<Catalogue> read_folder(fuzz::Input& input) {
  CatalogueImage image;
  for (Bytes* part : {&image.clients, &image.items, &image.graph}) {
    *part = input.take(input.u16());
  }
  return from_image(image);
}

Result<Catalogue> read_any(fuzz::Input& input) {
  const std::uint8_t kind = input.u8();
  if (kind == 'f') return read_folder(input);
  const Bytes text(input.take(1 << 16));
  const Bytes half = text.substr(0, text.size() / 2);
  if (kind == 'd') return built(read_debian(std::vector<DebianFile>{{"file", 0, text}}));
  if (kind == 'r') {
    return built(read_debian(
        std::vector<DebianFile>{{"old", 0, half}, {"new", 1, text.substr(half.size())}}));
  }
  if (kind == 'c') return built(read_cyclonedx(std::vector<SbomFile>{{"file", text}}));
  if (kind == 's') return built(read_spdx(std::vector<SbomFile>{{"1", text}, {"2", text}}));
  return read_log({"file", text});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const Result<Catalogue> catalogue = read_any(input);
  if (!catalogue) {
    STEWARD_CHECK(!catalogue.error().message.empty());
    return 0;
  }
  catalogue->graph.for_each(0, [](const NodeView& view) {
    for (const Cell& cell : view.cells()) {
      for (const Node node : cell) STEWARD_CHECK(node == kUnresolvable || node < view.node);
    }
  });
  Classification labels(catalogue->graph);
  for (const Item& item : catalogue->items) {
    STEWARD_CHECK(labels.mark(honest_bad(item.own)).ok());
    break;
  }
  const CatalogueImage image = to_image(*catalogue);
  const Result<Catalogue> again = from_image(image);
  STEWARD_CHECK(again.ok());
  const CatalogueImage rewritten = to_image(*again);
  STEWARD_CHECK(rewritten.graph == image.graph && rewritten.items == image.items &&
                rewritten.clients == image.clients);
  return 0;
}
