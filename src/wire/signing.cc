#include "wire/signing.h"

namespace steward::wire {
namespace {

Bytes tagged(std::string_view tag, const Domain& domain) {
  Bytes out;
  append_framed(out, tag);
  append_framed(out, domain.cluster_id);
  append_u64(out, domain.epoch);
  return out;
}

}  // namespace

Bytes server_statement(const Domain& domain, Kind kind, ServerId sender, BytesView body) {
  Bytes out = tagged("steward/server", domain);
  append_u32(out, static_cast<std::uint32_t>(kind));
  append_u32(out, sender.site);
  append_u32(out, sender.server);
  append_framed(out, body);
  return out;
}

Bytes client_statement(const Domain& domain, BytesView update) {
  Bytes out = tagged("steward/client", domain);
  append_framed(out, update);
  return out;
}

Bytes site_statement(const Domain& domain, SiteId site, std::uint64_t batch,
                     std::uint32_t leaf_count, const crypto::Digest& root) {
  Bytes out = tagged("steward/site", domain);
  append_u32(out, site);
  append_u64(out, batch);
  append_u32(out, leaf_count);
  out.append(root.view());
  return out;
}

Bytes refresh_statement(const Domain& domain, SiteId site, std::uint64_t share_epoch) {
  Bytes out = tagged("steward/refresh order", domain);
  append_u32(out, site);
  append_u64(out, share_epoch);
  return out;
}

Bytes renewal_context(const Domain& domain, SiteId site, std::uint64_t share_epoch) {
  Bytes out = tagged("steward/renewal", domain);
  append_u32(out, site);
  append_u64(out, share_epoch);
  return out;
}

Bytes leaf_statement(const Domain& domain, SiteId site, const Leaf& leaf) {
  Bytes out = tagged("steward/leaf", domain);
  append_u32(out, site);
  append_u32(out, static_cast<std::uint32_t>(leaf.type()));
  append_u32(out, leaf.destination());
  append_u64(out, leaf.link_sequence());
  out.append(crypto::sha256(leaf.body()).view());
  return out;
}

}  // namespace steward::wire
