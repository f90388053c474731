#include "replica/promises.h"

namespace steward::replica {

Binding binding(wire::Kind kind) {
  switch (static_cast<int>(kind)) {
    case wire::KIND_AGREEMENT:
    case wire::KIND_VIEW_CHANGE:
    case wire::KIND_INTRODUCTION:
      return Binding::kByContent;
    case wire::KIND_ACCUSATION:
      return Binding::kAlways;
    // Functions of the log that the site has committed, which a quorum holds.
    case wire::KIND_SHARE:
    case wire::KIND_SITE_DATA:
    // Counted only while the log says that they may be; the first word in the log decides.
    case wire::KIND_TIMER_EXPIRED:
    case wire::KIND_REFRESH:
    // Questions, and what shows itself to be right.
    case wire::KIND_SHARE_REQUEST:
    case wire::KIND_FORWARD:
    case wire::KIND_STATE_REQUEST:
    case wire::KIND_STATE:
      return Binding::kNever;
    default:
      return Binding::kAlways;  // nobody has decided
  }
}

bool binds(const wire::AgreementMessage& body) {
  switch (body.message_case()) {
    case wire::AgreementMessage::kPrePrepare:
    case wire::AgreementMessage::kPrepare:
    case wire::AgreementMessage::kCommit:
    case wire::AgreementMessage::kCheckpoint:
    case wire::AgreementMessage::kProposal:
    case wire::AgreementMessage::kAccept:
    case wire::AgreementMessage::kViewChange:
    case wire::AgreementMessage::kNewView:
      return true;
    case wire::AgreementMessage::kStatus:
    case wire::AgreementMessage::kCommitted:
    case wire::AgreementMessage::kStableCheckpoint:
    case wire::AgreementMessage::kEvidence:
    case wire::AgreementMessage::kFetchBatch:
    case wire::AgreementMessage::kBatchShown:
    case wire::AgreementMessage::MESSAGE_NOT_SET:
      return false;
  }
  return true;
}

bool binds(const wire::Introduction& body) {
  switch (body.message_case()) {
    case wire::Introduction::kHello:
    case wire::Introduction::kAnswer:
      return true;
    case wire::Introduction::kAwaited:
    case wire::Introduction::MESSAGE_NOT_SET:
      return false;
  }
  return true;
}

}  // namespace steward::replica
