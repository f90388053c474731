#include "storage/store_marker.h"

#include "common/bytes.h"
#include "storage/content_sum.h"

namespace steward::storage {
namespace {

constexpr BytesView kMagic = "steward store 1\n";
constexpr std::size_t kSlotBytes = 36;
constexpr std::size_t kSlotDistance = 4096;  // no sector holds part of both
constexpr std::uint64_t kSlots = 2;

Bytes encode(const StoreMarker::Content& content) {
  Bytes slot(kMagic);
  append_u64(slot, content.store);
  append_u64(slot, content.writes);
  return slot + crc32c(slot);
}

std::optional<StoreMarker::Content> decode(BytesView slot) {
  if (slot.size() != kSlotBytes || !slot.starts_with(kMagic)) return std::nullopt;
  const std::size_t body = kSlotBytes - 4;
  if (slot.substr(body) != crc32c(slot.substr(0, body))) return std::nullopt;
  return StoreMarker::Content{read_u64(slot, kMagic.size()), read_u64(slot, kMagic.size() + 8)};
}

}  // namespace

rocksdb::Status StoreMarker::create(rocksdb::Env& env, const std::string& file,
                                    const Content& content) {
  Bytes bytes = encode(content);
  bytes.resize(kSlotDistance);
  bytes += encode(content);
  return rocksdb::WriteStringToFile(&env, bytes, file, true);
}

rocksdb::Status StoreMarker::read(rocksdb::Env& env, const std::string& file, Content& content) {
  if (const auto exists = env.FileExists(file); !exists.ok()) return exists;
  std::string bytes;
  if (const auto done = rocksdb::ReadFileToString(&env, file, &bytes); !done.ok()) return done;
  std::optional<Content> found;
  for (std::size_t slot = 0; slot < kSlots; ++slot) {
    if (bytes.size() < slot * kSlotDistance) break;
    const auto one = decode(BytesView(bytes).substr(slot * kSlotDistance, kSlotBytes));
    if (one && (!found || one->writes > found->writes)) found = one;
  }
  if (!found) return rocksdb::Status::Corruption(file, "fails its checksum");
  content = *found;
  return rocksdb::Status::OK();
}

rocksdb::Status StoreMarker::open(rocksdb::Env& env, const std::string& file,
                                  const Content& content) {
  content_ = content;
  auto status = env.NewRandomRWFile(file, &file_, rocksdb::EnvOptions());
  for (std::uint64_t slot = 0; slot < kSlots && status.ok(); ++slot) {
    status = write_slot();
    if (status.ok()) status = sync();  // before the other slot is touched
  }
  return status;
}

rocksdb::Status StoreMarker::advance(std::uint64_t writes) {
  content_.writes = writes;
  return write_slot();
}

rocksdb::Status StoreMarker::write_slot() {
  const std::uint64_t slot = std::exchange(next_slot_, (next_slot_ + 1) % kSlots);
  return file_->Write(slot * kSlotDistance, encode(content_));
}

}  // namespace steward::storage
