// Bills of materials as drafts of a catalogue: CycloneDX JSON (1.2 to 1.6) and SPDX JSON
// (2.2, 2.3).
//
// Items are components or packages, clients who supplied them (else who published or wrote them).
// An item needs all that it is said to depend on, to contain, to be generated from, or to be built
// with: SBOMs know no alternatives. Each file is a release; what has the same name in the
// release before is needed too, the report's rule for consecutive distributions.
//
// Relationships that say nothing about where content came from (DESCRIBES, a test tool, …) are not
// read. Those that name something which the file does not describe are left out and counted.
#pragma once

#include <span>
#include <string>

#include "accountability/catalogue.h"

namespace steward::accountability {

struct SbomFile {
  std::string name;  // for messages
  Bytes text;
};

// Items are called NAME=VERSION or NAME; with several files, with @FILE-NUMBER from 1.
Result<Draft> read_cyclonedx(std::span<const SbomFile> files);
Result<Draft> read_spdx(std::span<const SbomFile> files);

}  // namespace steward::accountability
