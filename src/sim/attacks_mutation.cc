// Messages changed at random, field by field, on the level of protobuf's encoding: so every kind of
// message can be changed, and what stands inside of it (certificates, signed headers, deals).

#include <array>
#include <deque>
#include <map>
#include <utility>

#include "sim/attacks.h"

namespace steward::sim {
namespace {

constexpr std::uint32_t kVarint = 0;
constexpr std::uint32_t kBytes = 2;

struct Field {
  std::uint64_t tag = 0;  // number << 3 | type
  std::uint64_t value = 0;
  Bytes bytes;
};

std::optional<std::uint64_t> read_varint(BytesView& in) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (in.empty()) return std::nullopt;
    const auto byte = static_cast<unsigned char>(in.front());
    in.remove_prefix(1);
    value |= std::uint64_t{byte & 0x7fU} << shift;
    if ((byte & 0x80U) == 0) return value;
  }
  return std::nullopt;
}

void write_varint(std::uint64_t value, Bytes& out) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(0x80 | (value & 0x7f)));
  out.push_back(static_cast<char>(value));
}

// Our messages have no other types of fields. Nullopt for what is no message.
std::optional<std::vector<Field>> parse(BytesView in) {
  std::vector<Field> fields;
  while (!in.empty()) {
    Field field;
    const auto tag = read_varint(in);
    if (!tag || *tag >> 3 == 0 || *tag >> 3 > 64) return std::nullopt;
    field.tag = *tag;
    const auto value = read_varint(in);
    if (!value) return std::nullopt;
    field.value = *value;
    const std::uint64_t type = field.tag & 7;
    if (type != kVarint && type != kBytes) return std::nullopt;
    if (type == kBytes) {
      if (field.value > in.size()) return std::nullopt;
      field.bytes = Bytes(in.substr(0, field.value));
      in.remove_prefix(field.value);
    }
    fields.push_back(std::move(field));
  }
  return fields;
}

Bytes encode(const std::vector<Field>& fields) {
  Bytes out;
  for (const Field& field : fields) {
    write_varint(field.tag, out);
    if ((field.tag & 7) == kVarint) {
      write_varint(field.value, out);
    } else {
      write_varint(field.bytes.size(), out);
      out += field.bytes;
    }
  }
  return out;
}

std::uint64_t other_number(std::uint64_t value, Random& random) {
  const std::array<std::uint64_t, 7> others = {
      value + 1, value - 1, 0, ~0ULL, value + 128, random.below(16), random.next()};
  return others[random.below(others.size())];
}

void change_raw(Bytes& bytes, Random& random) {
  const std::uint64_t choice = random.below(4);
  if (bytes.empty() || choice == 0) {
    bytes.push_back(static_cast<char>(random.below(256)));
  } else if (choice == 1) {
    bytes.resize(random.below(bytes.size()));
  } else {
    char& one = bytes[random.below(bytes.size())];
    one = static_cast<char>(one ^ static_cast<char>(1 + random.below(255)));
  }
}

void change(Bytes& message, Random& random) {
  auto fields = parse(message);
  if (!fields || fields->empty()) return change_raw(message, random);
  const std::size_t place = random.below(fields->size());
  const auto at = fields->begin() + static_cast<std::ptrdiff_t>(place);
  const std::uint64_t choice = random.below(8);
  if (choice == 0) {
    fields->erase(at);
  } else if (choice == 1) {
    fields->insert(at, Field(*at));
  } else if (choice == 2) {
    Field& other = (*fields)[random.below(fields->size())];
    if (other.tag == at->tag) std::swap(other, *at);
  } else if ((at->tag & 7) == kVarint) {
    at->value = other_number(at->value, random);
  } else if (random.below(3) == 0) {
    change_raw(at->bytes, random);
  } else {
    change(at->bytes, random);
  }
  message = encode(*fields);
}

class Mutate final : public Strategy {
 public:
  explicit Mutate(std::uint32_t one_in) : one_in_(one_in) {}
  std::string name() const override { return "mutate"; }

  void send(const Scene& scene, Parcel parcel, std::vector<Parcel>& out) override {
    if (parcel.to != scene.self) {
      remember(parcel.message);
      if (scene.random.below(one_in_) == 0) spoil(scene, parcel.message);
    }
    out.push_back(std::move(parcel));
  }
  std::optional<wire::ClientMessage> answer(const Scene& scene,
                                            wire::ClientMessage answer) override {
    if (scene.random.below(one_in_) != 0) return answer;
    Bytes bytes = answer.SerializeAsString();
    change(bytes, scene.random);
    wire::ClientMessage changed;
    if (!changed.ParseFromString(bytes)) return std::nullopt;
    return changed;
  }

 private:
  static constexpr std::size_t kRemembered = 32;

  void remember(const replica::Outgoing& message) {
    auto& earlier = earlier_[message.kind];
    earlier.push_back(message);
    if (earlier.size() > kRemembered) earlier.pop_front();
  }

  void spoil(const Scene& scene, replica::Outgoing& message) const {
    const std::uint64_t choice = scene.random.below(4);
    if (choice == 0) {
      const auto& earlier = earlier_.at(message.kind);
      message = earlier[scene.random.below(earlier.size())];
    } else if (choice == 1 && message.attachment) {
      change_batch(scene, message);
    } else {
      change(message.body, scene.random);
    }
  }

  // Items dropped, doubled, exchanged or changed, with the digest that fits.
  static void change_batch(const Scene& scene, replica::Outgoing& message) {
    std::vector<Bytes> items = message.attachment->items;
    const std::uint64_t choice = scene.random.below(4);
    if (items.empty()) return;
    const std::size_t place = scene.random.below(items.size());
    if (choice == 0) items.erase(items.begin() + static_cast<std::ptrdiff_t>(place));
    if (choice == 1) items.push_back(items[place]);
    if (choice == 2) std::swap(items[place], items.back());
    if (choice == 3) change(items[place], scene.random);
    message.attachment = wire::make_batch(std::move(items));
    auto body = agreement_in(message);
    const Bytes digest = message.attachment->digest.str();
    if (body && body->has_pre_prepare()) body->mutable_pre_prepare()->set_digest(digest);
    if (body && body->has_committed()) body->mutable_committed()->set_digest(digest);
    if (body) put_agreement(*body, message);
  }

  const std::uint32_t one_in_;
  std::map<wire::Kind, std::deque<replica::Outgoing>> earlier_;
};

}  // namespace

StrategyPtr mutate(std::uint32_t one_in) { return std::make_unique<Mutate>(one_in); }

std::vector<StrategyPtr> draw_strategies(const ClusterConfig& config,
                                         const crypto::KeyDirectory& keys, Random& random) {
  const Duration patience = config.timeouts.view_change;
  const auto draw = [&]() -> StrategyPtr {
    switch (random.below(24)) {
      case 0:
        return mute();
      case 1:
        return silent_leader();
      case 2:
      case 3:
        return equivocate();
      case 4:
        return delay_proposals(random.between(Duration(0), patience));
      case 5:
        return withhold_bodies();
      case 6:
      case 7:
        return forge_view_changes();
      case 8:
        return flood(static_cast<std::uint32_t>(1 + random.below(4)));
      case 9:
        return censor_client(keys.clients[random.below(keys.clients.size())]);
      case 10:
        return censor_site(static_cast<SiteId>(random.below(config.sites.size())));
      case 11:
        return poison_shares();
      case 12:
        return lie_in_transfer();
      case 13:
        return withhold_site_data();
      case 14:
        return accuse_falsely();
      case 15:
        return withhold_state();
      case 16:
      case 17:
        return forge_certificates();
      case 18:
      case 19:
        return override_proposals(false);
      case 20:
        return override_proposals(true);
      case 21:
        return usurp();
      case 22:
        return forward_forgeries();
      default:
        return mutate(static_cast<std::uint32_t>(1 + random.below(20)));
    }
  };
  std::vector<StrategyPtr> strategies;
  for (std::uint64_t left = 1 + random.below(3); left > 0; --left) strategies.push_back(draw());
  if (random.below(2) == 0) strategies.push_back(lie_to_clients());
  if (random.below(2) == 0) strategies.push_back(lie_in_renewal());
  if (random.below(4) == 0) strategies.push_back(wait_for_ever(random.below(2) == 0));
  if (random.below(4) == 0) strategies.push_back(lie_in_transfer());
  return strategies;
}

}  // namespace steward::sim
