// A value whose signatures, sizes and types have been checked. Cores take nothing else, and only
// the verifiers named here can make one.
#pragma once

#include <utility>

namespace steward {

namespace replica {
class Verifier;
}
namespace site {
class LogicalMachine;
}
struct TestVerifier;  // defined by tests only

namespace wire {

class Voucher {
  Voucher() = default;
  friend class replica::Verifier;
  friend class site::LogicalMachine;
  friend struct steward::TestVerifier;
};

template <class T>
class Verified {
 public:
  Verified(T value, Voucher /*proof that a verifier made it*/) : value_(std::move(value)) {}

  const T& operator*() const { return value_; }
  const T* operator->() const { return &value_; }

 private:
  T value_;
};

}  // namespace wire
}  // namespace steward
