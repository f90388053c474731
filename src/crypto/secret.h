// Bytes that are wiped from memory when their owner goes: seeds, key shares, key files in transit.
// One owner; the bytes stay at one address from construction to destruction.
#pragma once

#include <cstddef>
#include <memory>

#include "common/bytes.h"

namespace steward::crypto {

class SecretBytes {
 public:
  SecretBytes() = default;
  explicit SecretBytes(BytesView bytes);
  static SecretBytes zeros(std::size_t size);   // to be filled through data()
  static SecretBytes random(std::size_t size);  // from the operating system's generator

  SecretBytes(SecretBytes&&) = default;
  SecretBytes& operator=(SecretBytes&&) = default;

  BytesView view() const { return {data_.get(), size_}; }
  char* data() { return data_.get(); }
  std::size_t size() const { return size_; }

 private:
  struct Wipe {
    std::size_t size = 0;
    void operator()(char* bytes) const;
  };
  explicit SecretBytes(std::size_t size);

  std::size_t size_ = 0;
  std::unique_ptr<char[], Wipe> data_;
};

// Wipes a string that held a secret because a library wanted one.
void wipe(std::string& bytes);

}  // namespace steward::crypto
