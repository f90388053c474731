// Debian's package indices (`Packages` files) as a draft of a catalogue.
//
// Items are versions of packages, clients their maintainers. What a package has under Depends and
// Pre-Depends are its needs; "a | b" is one need with two alternatives. A virtual package is
// whatever provides it. A need is met by the newest version that the same release has and that
// satisfies it. As in the report's study of Red Hat, a version also rests on the next older one
// of the same release, and the oldest on the newest of the release before.
//
// A need that nothing in its release meets is left out and counted. Provides, Depends and
// Pre-Depends with parts that cannot be read are refused, with the package's name.
#pragma once

#include <span>
#include <string>

#include "accountability/catalogue.h"

namespace steward::accountability {

struct DebianFile {
  std::string name;           // for messages
  std::uint32_t release = 0;  // from 0; files of one release stand together, the oldest first
  Bytes text;
};

// Items are called NAME=VERSION, with more than one release NAME=VERSION@RELEASE, counted from 1.
Result<Draft> read_debian(std::span<const DebianFile> files);

}  // namespace steward::accountability
