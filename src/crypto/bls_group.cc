#include "crypto/bls_group.h"

#include <sodium.h>

#include "common/check.h"
#include "crypto/secret.h"

namespace steward::crypto {

// A scalar as blst's point functions want it, wiped after use.
class LittleEndian {
 public:
  explicit LittleEndian(const Scalar& scalar) { blst_scalar_from_fr(&bytes_, &scalar.value_); }
  explicit LittleEndian(const blst_scalar& bytes) : bytes_(bytes) {}
  LittleEndian(const LittleEndian&) = delete;
  LittleEndian& operator=(const LittleEndian&) = delete;
  ~LittleEndian() { sodium_memzero(&bytes_, sizeof bytes_); }

  blst_scalar& get() { return bytes_; }
  const byte* data() const { return bytes_.b; }
  Scalar scalar() const {
    Scalar out;
    blst_fr_from_scalar(&out.value_, &bytes_);
    return out;
  }

 private:
  blst_scalar bytes_;
};

namespace {

constexpr std::size_t kScalarBits = 255;

const byte* octets(BytesView bytes) { return reinterpret_cast<const byte*>(bytes.data()); }
byte* octets(char* bytes) { return reinterpret_cast<byte*>(bytes); }

G1 affine(const blst_p1& point) {
  G1 out;
  blst_p1_to_affine(&out, &point);
  return out;
}

G2 affine(const blst_p2& point) {
  G2 out;
  blst_p2_to_affine(&out, &point);
  return out;
}

blst_p1 projective(const G1& point) {
  blst_p1 out;
  blst_p1_from_affine(&out, &point);
  return out;
}

blst_p2 projective(const G2& point) {
  blst_p2 out;
  blst_p2_from_affine(&out, &point);
  return out;
}

// 64 bytes, far longer than r, so that the remainder is as good as uniform.
Scalar reduced(BytesView wide) {
  LittleEndian remainder(blst_scalar{});
  blst_scalar_from_be_bytes(&remainder.get(), octets(wide), wide.size());
  return remainder.scalar();
}

// The low bits of all factors, one after the other, as blst reads them.
std::vector<byte> packed(std::span<const Scalar> factors, std::size_t bits) {
  const std::size_t size = (bits + 7) / 8;
  std::vector<byte> out;
  for (const Scalar& factor : factors) {
    const LittleEndian bytes(factor);
    out.insert(out.end(), bytes.data(), bytes.data() + size);
  }
  return out;
}

}  // namespace

Scalar::Scalar(std::uint64_t value) {
  const std::uint64_t limbs[4] = {value, 0, 0, 0};
  blst_fr_from_uint64(&value_, limbs);
}

Scalar::~Scalar() { sodium_memzero(&value_, sizeof value_); }

std::optional<Scalar> Scalar::decode(BytesView bytes) {
  if (bytes.size() != kScalarBytes) return std::nullopt;
  LittleEndian number(blst_scalar{});
  blst_scalar_from_bendian(&number.get(), octets(bytes));
  if (!blst_scalar_fr_check(&number.get())) return std::nullopt;
  return number.scalar();
}

Scalar Scalar::hashed(std::initializer_list<BytesView> parts) {
  SecretBytes wide = SecretBytes::zeros(64);
  Digest seed = sha256_parts(parts);
  for (std::size_t half = 0; half < 2; ++half) {
    Digest digest = sha256_parts({seed.view(), half == 0 ? "high" : "low"});
    digest.view().copy(wide.data() + half * 32, 32);
    sodium_memzero(digest.bytes.data(), digest.bytes.size());
  }
  sodium_memzero(seed.bytes.data(), seed.bytes.size());
  return reduced(wide.view());
}

Scalar Scalar::random() { return reduced(SecretBytes::random(64).view()); }

void Scalar::write(char* out) const {
  LittleEndian number(*this);
  blst_bendian_from_scalar(octets(out), &number.get());
}

Bytes Scalar::encoded() const {
  Bytes out(kScalarBytes, '\0');
  write(out.data());
  return out;
}

Scalar Scalar::inverse() const {
  Scalar out;
  blst_fr_inverse(&out.value_, &value_);
  return out;
}

Scalar Scalar::operator-() const { return Scalar() - *this; }

Scalar operator+(const Scalar& a, const Scalar& b) {
  Scalar out;
  blst_fr_add(&out.value_, &a.value_, &b.value_);
  return out;
}

Scalar operator-(const Scalar& a, const Scalar& b) {
  Scalar out;
  blst_fr_sub(&out.value_, &a.value_, &b.value_);
  return out;
}

Scalar operator*(const Scalar& a, const Scalar& b) {
  Scalar out;
  blst_fr_mul(&out.value_, &a.value_, &b.value_);
  return out;
}

bool operator==(const Scalar& a, const Scalar& b) { return a.encoded() == b.encoded(); }

Scalar evaluate(std::span<const Scalar> coefficients, std::uint32_t x) {
  const Scalar at(x);
  Scalar value;
  for (std::size_t t = coefficients.size(); t-- > 0;) value = value * at + coefficients[t];
  return value;
}

std::optional<G1> decode_g1(BytesView bytes) {
  G1 point;
  if (bytes.size() != kG1Bytes || blst_p1_uncompress(&point, octets(bytes)) != BLST_SUCCESS ||
      is_infinity(point)) {
    return std::nullopt;
  }
  return point;
}

std::optional<G2> decode_g2(BytesView bytes) {
  G2 point;
  if (bytes.size() != kG2Bytes || blst_p2_uncompress(&point, octets(bytes)) != BLST_SUCCESS ||
      is_infinity(point)) {
    return std::nullopt;
  }
  return point;
}

Bytes encode(const G1& point) {
  Bytes out(kG1Bytes, '\0');
  blst_p1_affine_compress(octets(out.data()), &point);
  return out;
}

Bytes encode(const G2& point) {
  Bytes out(kG2Bytes, '\0');
  blst_p2_affine_compress(octets(out.data()), &point);
  return out;
}

bool in_group(const G1& point) { return blst_p1_affine_in_g1(&point); }
bool in_group(const G2& point) { return blst_p2_affine_in_g2(&point); }
bool is_infinity(const G1& point) { return blst_p1_affine_is_inf(&point); }
bool is_infinity(const G2& point) { return blst_p2_affine_is_inf(&point); }
bool equal(const G1& a, const G1& b) { return blst_p1_affine_is_equal(&a, &b); }
bool equal(const G2& a, const G2& b) { return blst_p2_affine_is_equal(&a, &b); }

const G1& generator_g1() { return *blst_p1_affine_generator(); }
const G2& generator_g2() { return *blst_p2_affine_generator(); }

G1 hash_to_g1(BytesView message, BytesView domain) {
  blst_p1 point;
  blst_hash_to_g1(&point, octets(message), message.size(), octets(domain), domain.size());
  return affine(point);
}

G1 multiple(const G1& point, const Scalar& factor) {
  const blst_p1 base = projective(point);
  blst_p1 out;
  blst_p1_mult(&out, &base, LittleEndian(factor).data(), kScalarBits);
  return affine(out);
}

G2 multiple(const G2& point, const Scalar& factor) {
  const blst_p2 base = projective(point);
  blst_p2 out;
  blst_p2_mult(&out, &base, LittleEndian(factor).data(), kScalarBits);
  return affine(out);
}

G1 sum(const G1& a, const G1& b) {
  blst_p1 out = projective(a);
  blst_p1_add_or_double_affine(&out, &out, &b);
  return affine(out);
}

G2 sum(const G2& a, const G2& b) {
  blst_p2 out = projective(a);
  blst_p2_add_or_double_affine(&out, &out, &b);
  return affine(out);
}

// blst reads a list of pointers that ends with null as one array from the last pointer on.
G2 sum(std::span<const G2> points) {
  STEWARD_CHECK(!points.empty());
  const G2* const point_list[2] = {points.data(), nullptr};
  blst_p2 out;
  blst_p2s_add(&out, point_list, points.size());
  return affine(out);
}

G1 negative(const G1& point) {
  blst_p1 out = projective(point);
  blst_p1_cneg(&out, true);
  return affine(out);
}

G2 negative(const G2& point) {
  blst_p2 out = projective(point);
  blst_p2_cneg(&out, true);
  return affine(out);
}

// Lists of pointers as in sum. blst's function reads past the end of a single point.
G1 combination(std::span<const G1> points, std::span<const Scalar> factors, std::size_t bits) {
  STEWARD_CHECK(!points.empty() && points.size() == factors.size());
  if (points.size() == 1) return multiple(points[0], factors[0]);
  const std::vector<byte> numbers = packed(factors, bits);
  const G1* const point_list[2] = {points.data(), nullptr};
  const byte* const number_list[2] = {numbers.data(), nullptr};
  std::vector<limb_t> scratch(blst_p1s_mult_pippenger_scratch_sizeof(points.size()) /
                              sizeof(limb_t));
  blst_p1 out;
  blst_p1s_mult_pippenger(&out, point_list, points.size(), number_list, bits, scratch.data());
  return affine(out);
}

G2 combination(std::span<const G2> points, std::span<const Scalar> factors, std::size_t bits) {
  STEWARD_CHECK(!points.empty() && points.size() == factors.size());
  if (points.size() == 1) return multiple(points[0], factors[0]);
  const std::vector<byte> numbers = packed(factors, bits);
  const G2* const point_list[2] = {points.data(), nullptr};
  const byte* const number_list[2] = {numbers.data(), nullptr};
  std::vector<limb_t> scratch(blst_p2s_mult_pippenger_scratch_sizeof(points.size()) /
                              sizeof(limb_t));
  blst_p2 out;
  blst_p2s_mult_pippenger(&out, point_list, points.size(), number_list, bits, scratch.data());
  return affine(out);
}

G2 evaluate(std::span<const G2> coefficients, std::uint32_t x) {
  blst_p2 value{};
  for (std::size_t t = coefficients.size(); t-- > 0;) {
    // value · x: x is a server's place, a few bits long, so doubling and adding is fastest.
    blst_p2 product{};
    for (int bit = 31; bit >= 0; --bit) {
      if (x >> bit != 0) blst_p2_double(&product, &product);
      if (x >> bit & 1) blst_p2_add_or_double(&product, &product, &value);
    }
    blst_p2_add_or_double_affine(&value, &product, &coefficients[t]);
  }
  return affine(value);
}

PairingLines::PairingLines(const G2& point) { blst_precompute_lines(of_point.data(), &point); }

bool pairings_equal(const G1& a, const PairingLines& lines, const G1& b, const G2& q) {
  blst_fp12 left;
  blst_fp12 right;
  blst_miller_loop_lines(&left, lines.of_point.data(), &a);
  blst_miller_loop(&right, &q, &b);
  return blst_fp12_finalverify(&left, &right);
}

bool pairings_equal(const G1& a, const PairingLines& lines, const G1& b,
                    const PairingLines& other_lines) {
  blst_fp12 left;
  blst_fp12 right;
  blst_miller_loop_lines(&left, lines.of_point.data(), &a);
  blst_miller_loop_lines(&right, other_lines.of_point.data(), &b);
  return blst_fp12_finalverify(&left, &right);
}

}  // namespace steward::crypto
