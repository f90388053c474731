// Debian's version numbers, compared as dpkg does (Debian Policy, 5.6.12):
// [epoch:]upstream[-revision].
#pragma once

#include <string_view>

namespace steward::accountability {

// Negative, zero or positive, as `a` is older than, the same as, or newer than `b`. Any text has a
// place in the order.
int compare_debian_versions(std::string_view a, std::string_view b);

// Whether `version` is in the relation (<<, <=, =, >=, >>; also < and >, which mean <= and >=) to
// `other`. False for any other relation.
bool debian_version_satisfies(std::string_view version, std::string_view relation,
                              std::string_view other);

}  // namespace steward::accountability
