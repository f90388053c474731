#include "wire/offence.h"

namespace steward::wire {

const char* to_string(Offence offence) {
  switch (static_cast<int>(offence)) {
    case OFFENCE_WRONG_SHARE:
      return "gave a wrong share of a signature";
    case OFFENCE_TWO_SHARES:
      return "gave two different shares of one signature";
    case OFFENCE_OTHER_STATEMENT:
      return "signed another statement than the site's";
    case OFFENCE_WRONG_DEAL:
      return "dealt a wrong subshare when the site's key shares were renewed";
    case OFFENCE_FALSE_ACCUSATION:
      return "accused a server whose share was right";
    default:
      return "did wrong in a way that is not known here";
  }
}

}  // namespace steward::wire
