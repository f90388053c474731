// Which messages bind the server that sends them, so that they may leave only when what they rest
// on is durable (docs/protocols.md, section 8). Closed lists: whoever adds a kind has to decide.
//
// Pure and thread-safe.
#pragma once

#include "wire/agreement.pb.h"
#include "wire/envelope.pb.h"

namespace steward::replica {

enum class Binding { kNever, kAlways, kByContent };

Binding binding(wire::Kind kind);

// For the kinds of which the content decides.
bool binds(const wire::AgreementMessage& body);
bool binds(const wire::Introduction& body);

}  // namespace steward::replica
