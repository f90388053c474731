// `steward keys export-test-signature` and `verify-signature`: what a site's signature is, with a
// fresh key, some liars among its servers, and files that other tools can check.
#include <fmt/core.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "cli/exit_code.h"
#include "cli/keys.h"
#include "common/quorum.h"
#include "crypto/key_file_io.h"
#include "crypto/site_scheme.h"

namespace steward::cli {
namespace {

constexpr char kMessage[] = "Steward test message: several servers signed this as one.\n";
constexpr char kKeyFormat[] = "steward site key 1";

struct Flags {
  std::string scheme = "rsa-shoup";
  std::uint32_t bits = 2048;
  std::uint32_t servers = 4;
  std::uint32_t faults = 1;
  std::string out;
};

// One way of lying for each liar, in turn.
crypto::SignatureShare lie(std::size_t kind, const crypto::SiteKeyDeal& deal, ServerIndex server) {
  const auto sign = [&](ServerIndex by, BytesView message) {
    crypto::SignatureShare share{server, deal.shares[by]->share(message)};
    share.proof = deal.shares[by]->prove(message, share.share);
    return share;
  };
  crypto::SignatureShare share = sign(server, kMessage);
  switch (kind % 3) {
    case 0:  // one bit is wrong
      share.share.back() = static_cast<char>(share.share.back() ^ 1);
      return share;
    case 1:  // a right share of another message
      return sign(server, "another message");
    default:  // another server's right share under the own name
      return sign((server + 1) % static_cast<ServerIndex>(deal.shares.size()), kMessage);
  }
}

const char* kind_of_lie(std::size_t kind) {
  constexpr const char* kKinds[] = {"a share with one wrong bit", "a share of another message",
                                    "another server's share as its own"};
  return kKinds[kind % 3];
}

struct Outcome {
  Bytes signature;
  std::vector<ServerIndex> found;
};

// The first `faults` servers lie. As a site does: combine first, look for liars when that fails.
Result<Outcome> sign_among_liars(const Flags& flags, const crypto::SiteKeyDeal& deal) {
  std::vector<crypto::SignatureShare> shares;
  for (ServerIndex server = 0; server < flags.servers; ++server) {
    if (server < flags.faults) {
      shares.push_back(lie(server, deal, server));
      fmt::print("server {} lies: {}\n", server, kind_of_lie(server));
      continue;
    }
    crypto::SignatureShare share{server, deal.shares[server]->share(kMessage)};
    if (!deal.key->shares_prove_themselves()) {
      share.proof = deal.shares[server]->prove(kMessage, share.share);
    }
    shares.push_back(std::move(share));
  }
  const auto naive = deal.key->combine(kMessage, shares);
  const bool fooled = naive.ok() && deal.key->verify(kMessage, *naive);
  if (flags.faults > 0) {
    fmt::print("combined as they come: {}\n", fooled ? "valid" : "not a signature of the site");
  }
  Outcome out;
  out.found = deal.key->wrong_shares(kMessage, shares);
  for (const ServerIndex liar : out.found) fmt::print("server {} was found to lie\n", liar);
  std::erase_if(shares, [&out](const crypto::SignatureShare& share) {
    return std::find(out.found.begin(), out.found.end(), share.signer) != out.found.end();
  });
  const auto signature = deal.key->combine(kMessage, shares);
  if (!signature) return signature.error();
  out.signature = *signature;
  return out;
}

Status check_flags(const Flags& flags, const crypto::SiteKeySpec& spec) {
  if (flags.servers < 3 * flags.faults + 1) {
    return bad_input(fmt::format("{} servers cannot bear {} that lie: 3f+1 = {} are needed",
                                 flags.servers, flags.faults, 3 * flags.faults + 1));
  }
  return crypto::check_site_key_spec(spec);
}

Status write_files(const Flags& flags, const crypto::SitePublicKey& key, BytesView signature) {
  const auto write = [&](const char* name, BytesView content) {
    return crypto::write_new_file(flags.out + "/" + name, content, crypto::kPublicFileMode);
  };
  if (Status status = write("message", kMessage); !status) return status;
  if (Status status = write("signature", signature); !status) return status;
  const std::string text =
      fmt::format("{}\n{}\n{}\n", kKeyFormat, key.scheme(), to_hex(key.encoded()));
  if (Status status = write("site.pub", text); !status) return status;
  const Bytes pem = key.pem();
  return pem.empty() ? Status() : write("site.pem", pem);
}

void print_how_to_check(const Flags& flags, const crypto::SitePublicKey& key) {
  if (key.scheme() == "rsa-shoup") {
    fmt::print(
        "Any tool for RSA checks it; OpenSSL so:\n"
        "  openssl dgst -sha256 -verify {0}/site.pem -sigopt rsa_padding_mode:pss "
        "-sigopt rsa_pss_saltlen:0 -sigopt rsa_mgf1_md:sha256 -signature {0}/signature "
        "{0}/message\n",
        flags.out);
  }
  fmt::print("Steward checks it so:\n  steward keys verify-signature {}\n", flags.out);
}

int make(const Flags& flags) {
  crypto::SiteKeySpec spec;
  spec.scheme = flags.scheme;
  spec.servers = flags.servers;
  spec.threshold = Quorums{flags.servers, flags.faults, true}.quorum();
  spec.rsa_bits = flags.bits;
  if (Status status = check_flags(flags, spec); !status) return report(status.error());
  if (Status status = crypto::make_new_directory(flags.out); !status) {
    return report(status.error());
  }
  const bool terminal = isatty(STDERR_FILENO) != 0;
  const auto deal = crypto::deal_site_key(spec, [terminal](std::uint64_t candidates) {
    if (terminal) fmt::print(stderr, "\rsearching safe primes, {} candidates tried   ", candidates);
  });
  if (terminal) fmt::print(stderr, "\n");
  if (!deal) return report(deal.error());
  fmt::print("a fresh {} key: {} of {} servers sign\n", flags.scheme, spec.threshold,
             flags.servers);
  const auto outcome = sign_among_liars(flags, *deal);
  if (!outcome) return report(outcome.error());
  if (outcome->found.size() != flags.faults || !deal->key->verify(kMessage, outcome->signature)) {
    return report({ErrorCode::kCorrupt, "the liars were not all found, or the signature is wrong"});
  }
  if (Status status = write_files(flags, *deal->key, outcome->signature); !status) {
    return report(status.error());
  }
  fmt::print(
      "the honest shares make a valid signature of {} bytes: {}/message, signature, "
      "site.pub{}\n",
      outcome->signature.size(), flags.out, deal->key->pem().empty() ? "" : ", site.pem");
  print_how_to_check(flags, *deal->key);
  return kExitOk;
}

Result<crypto::SitePublicKeyPtr> read_site_key(const std::string& path) {
  const auto content = crypto::read_public_file(path);
  if (!content) return content.error();
  const BytesView text = content->view();
  const std::size_t first = text.find('\n');
  const std::size_t second = first == BytesView::npos ? first : text.find('\n', first + 1);
  if (second == BytesView::npos || text.substr(0, first) != kKeyFormat || text.back() != '\n') {
    return bad_input(path + " is not a site's public key of this program");
  }
  const std::string scheme(text.substr(first + 1, second - first - 1));
  BytesView hex = text.substr(second + 1);
  if (!hex.empty()) hex.remove_suffix(1);
  const auto encoded = from_hex(hex);
  if (!encoded) return bad_input(path + " is damaged: its key is not hexadecimal");
  auto key = crypto::decode_site_key(scheme, *encoded);
  if (!key) return bad_input(path + ": " + key.error().message);
  return key;
}

int verify(const std::string& directory) {
  const auto key = read_site_key(directory + "/site.pub");
  if (!key) return report(key.error());
  const auto message = crypto::read_public_file(directory + "/message");
  if (!message) return report(message.error());
  const auto signature = crypto::read_public_file(directory + "/signature");
  if (!signature) return report(signature.error());
  if (!(*key)->verify(message->view(), signature->view())) {
    return report(bad_input(directory + "/signature is no signature of the site on the message"));
  }
  fmt::print("valid: {}, {} of {} servers signed\n", (*key)->scheme(), (*key)->threshold(),
             (*key)->servers());
  return kExitOk;
}

}  // namespace

void add_keys_test_signature(CLI::App& keys, int& exit_code) {
  auto flags = std::make_shared<Flags>();
  CLI::App* verb = keys.add_subcommand(
      "export-test-signature",
      "Show how a site signs: make a fresh key, let its servers sign a message although some of\n"
      "them give wrong shares of different kinds, find those, and write message, signature and\n"
      "public key for other tools to check. The key is forgotten; no cluster is touched.");
  verb->add_option("--scheme", flags->scheme, "rsa-shoup, bls12-381 or ed25519-multi")
      ->capture_default_str();
  verb->add_option("--bits", flags->bits, "Of RSA: 2048, 3072 or 4096")->capture_default_str();
  verb->add_option("--servers", flags->servers, "Servers of the site")->capture_default_str();
  verb->add_option("--faults", flags->faults, "How many of them lie")->capture_default_str();
  verb->add_option("--out", flags->out, "Directory to make")->required();
  verb->callback([flags, &exit_code] { exit_code = make(*flags); });
}

void add_keys_verify_signature(CLI::App& keys, int& exit_code) {
  auto directory = std::make_shared<std::string>();
  CLI::App* verb = keys.add_subcommand(
      "verify-signature",
      "Check `signature` on `message` under `site.pub`, three files in a directory. Exit code 0\n"
      "when it is valid, 3 when it is not.");
  verb->add_option("DIR", *directory, "Made by export-test-signature")->required();
  verb->callback([directory, &exit_code] { exit_code = verify(*directory); });
}

}  // namespace steward::cli
