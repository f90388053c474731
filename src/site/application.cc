#include "site/application.h"

#include "wire/client.pb.h"

namespace steward::site {

std::optional<UpdateKey> update_key(BytesView signed_update) {
  wire::SignedUpdate outer;
  if (!outer.ParseFromArray(signed_update.data(), static_cast<int>(signed_update.size()))) {
    return std::nullopt;
  }
  return decode_update_key(outer.update());
}

Bytes encode_update_key(const UpdateKey& key) {
  wire::Update update;
  update.set_client(key.client);
  update.set_session(key.session);
  update.set_timestamp(key.timestamp);
  return update.SerializeAsString();
}

std::optional<UpdateKey> decode_update_key(BytesView encoded) {
  wire::Update update;
  if (!update.ParseFromArray(encoded.data(), static_cast<int>(encoded.size()))) {
    return std::nullopt;
  }
  return UpdateKey{update.client(), update.session(), update.timestamp()};
}

}  // namespace steward::site
