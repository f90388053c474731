// What servers do wrong, in our own words: what others say of it is a number that may be a lie.
#pragma once

#include "wire/client.pb.h"

namespace steward::wire {

// As in "it …". Any number will do.
const char* to_string(Offence offence);

}  // namespace steward::wire
