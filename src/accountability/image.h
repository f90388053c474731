// A catalogue as bytes, for its folder: three parts, which belong together.
//
//   graph    "steward-graph-1\n", then 64-bit big-endian numbers: clients, nodes; then each node:
//            its client plus 1 (0: a gate), for an update its time less that of its client's last
//            one, the number of cells, of each cell the number of dependencies and how far back
//            each is (0: unresolvable), all as LEB128; then 64 bits of FNV-1a over all before.
//   items    a line each: own node, whole node, name, with tabs between
//   clients  a line each: the name
//
// Whatever is read is checked as if it were appended anew; damage and lies are kCorrupt.
#pragma once

#include "accountability/catalogue.h"

namespace steward::accountability {

struct CatalogueImage {
  Bytes graph;
  Bytes items;
  Bytes clients;
};

CatalogueImage to_image(const Catalogue& catalogue, const ImportProgress& progress = {});
Result<Catalogue> from_image(const CatalogueImage& image, const ImportProgress& progress = {});

}  // namespace steward::accountability
