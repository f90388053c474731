// The arithmetic of BLS12-381 that bls.h stands on, over the library blst: numbers modulo r, the
// prime order of the groups; points of G1 and G2; pairings of the two. Functions that take a Scalar
// take time independent of it, except where they say "public". Points that come from outside are
// decoded in two steps: decode_g1 gives a point of the curve, in_group says whether it is one of
// the group of order r; only such points may meet a secret scalar. Thread-safe.
#pragma once

#include <blst.h>

#include <array>
#include <initializer_list>
#include <optional>
#include <span>
#include <vector>

#include "common/bytes.h"
#include "crypto/sha256.h"

namespace steward::crypto {

inline constexpr std::size_t kScalarBytes = 32;
inline constexpr std::size_t kG1Bytes = 48;  // compressed, as all points here
inline constexpr std::size_t kG2Bytes = 96;

using G1 = blst_p1_affine;
using G2 = blst_p2_affine;

// A number mod r, wiped from memory when its owner goes.
class Scalar {
 public:
  Scalar() = default;  // zero
  explicit Scalar(std::uint64_t value);
  Scalar(const Scalar&) = default;
  Scalar& operator=(const Scalar&) = default;
  ~Scalar();

  // From 32 bytes, big-endian, below r.
  static std::optional<Scalar> decode(BytesView bytes);
  // Uniform, but for a bias of 2^-256, as far as the parts cannot be predicted. The first of them
  // is a tag that says what for.
  static Scalar hashed(std::initializer_list<BytesView> parts);
  static Scalar random();

  void write(char* out) const;  // 32 bytes, as decode reads them
  Bytes encoded() const;        // for numbers that are no secret
  Scalar inverse() const;       // of zero: zero
  Scalar operator-() const;

  friend Scalar operator+(const Scalar& a, const Scalar& b);
  friend Scalar operator-(const Scalar& a, const Scalar& b);
  friend Scalar operator*(const Scalar& a, const Scalar& b);
  friend bool operator==(const Scalar& a, const Scalar& b);  // public

 private:
  friend class LittleEndian;

  blst_fr value_{};
};

// The polynomial's value at x; coefficients from the constant one on.
Scalar evaluate(std::span<const Scalar> coefficients, std::uint32_t x);

// nullopt for anything but the one encoding of a point of the curve; for infinity too.
std::optional<G1> decode_g1(BytesView bytes);
std::optional<G2> decode_g2(BytesView bytes);
Bytes encode(const G1& point);
Bytes encode(const G2& point);

bool in_group(const G1& point);
bool in_group(const G2& point);
bool is_infinity(const G1& point);
bool is_infinity(const G2& point);
bool equal(const G1& a, const G1& b);
bool equal(const G2& a, const G2& b);

const G1& generator_g1();
const G2& generator_g2();
// RFC 9380, BLS12381G1_XMD:SHA-256_SSWU_RO_.
G1 hash_to_g1(BytesView message, BytesView domain);

G1 multiple(const G1& point, const Scalar& factor);
G2 multiple(const G2& point, const Scalar& factor);
G1 sum(const G1& a, const G1& b);
G2 sum(const G2& a, const G2& b);
G1 negative(const G1& point);
G2 negative(const G2& point);

G2 sum(std::span<const G2> points);  // of at least one

// Σ factor_i · point_i. Points and factors are public; the factors are below 2^bits.
G1 combination(std::span<const G1> points, std::span<const Scalar> factors, std::size_t bits = 255);
G2 combination(std::span<const G2> points, std::span<const Scalar> factors, std::size_t bits = 255);

// Σ_{t≥0} x^t · coefficients[t], public: a polynomial's value "in the exponent".
G2 evaluate(std::span<const G2> coefficients, std::uint32_t x);

// What pairings with one point of G2 have in common.
struct PairingLines {
  explicit PairingLines(const G2& point);

  std::array<blst_fp6, 68> of_point;
};

// Is e(a, point of `lines`) = e(b, q), or e(b, point of `other_lines`)? No point is infinity.
bool pairings_equal(const G1& a, const PairingLines& lines, const G1& b, const G2& q);
bool pairings_equal(const G1& a, const PairingLines& lines, const G1& b,
                    const PairingLines& other_lines);

}  // namespace steward::crypto
