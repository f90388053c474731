// For tests: vouches for messages without a host in front of the core.
#pragma once

#include "agreement/core.h"

namespace steward {

struct TestVerifier {
  static agreement::Received vouch(agreement::Message message) {
    return {{std::make_shared<const agreement::Message>(std::move(message)), wire::Voucher()}};
  }
};

}  // namespace steward
