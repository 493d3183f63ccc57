#include "repository/key.h"

#include <algorithm>

#include "base/error.h"
#include "codec/hash.h"
#include "codec/json.h"
#include "repository/identity.h"
#include "repository/layout.h"

namespace salvor::repository {
namespace {

using base::ErrorCode;
using codec::Json;

constexpr size_t kMostKeys = 20;
constexpr size_t kSaltSize = 64;

template <size_t N>
bool all_zero(const std::array<std::uint8_t, N>& bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t b) { return b == 0; });
}

template <size_t N>
void fill(std::array<std::uint8_t, N>& bytes, base::Random& random) {
  do {
    random.fill(reinterpret_cast<char*>(bytes.data()), N);
  } while (all_zero(bytes));
}

codec::SealKey user_key(std::string_view password, std::string_view salt,
                        const codec::ScryptParameters& parameters) {
  const std::string derived = codec::scrypt(password, salt, parameters, 64);
  codec::SealKey key;
  std::memcpy(key.encrypt.data(), derived.data(), 32);
  std::memcpy(key.mac_k.data(), derived.data() + 32, 16);
  std::memcpy(key.mac_r.data(), derived.data() + 48, 16);
  return key;
}

template <size_t N>
void read_key_part(const Json& document, std::initializer_list<std::string_view> path, std::string_view name,
                   std::array<std::uint8_t, N>& part) {
  const auto bytes = codec::from_base64(codec::get_string(document, path));
  if (!bytes || bytes->size() != N) base::fail(ErrorCode::kCorrupt, "key {}: malformed master key", name);
  std::memcpy(part.data(), bytes->data(), N);
  if (all_zero(part)) base::fail(ErrorCode::kCorrupt, "key {}: a part of the master key is all zero", name);
}

}  // namespace

std::string random_iv(base::Random& random) {
  std::array<std::uint8_t, codec::kSealIvSize> iv;
  fill(iv, random);
  return std::string(codec::as_view(iv));
}

codec::SealKey random_master_key(base::Random& random) {
  codec::SealKey key;
  fill(key.encrypt, random);
  fill(key.mac_k, random);
  fill(key.mac_r, random);
  return key;
}

std::string encode_key_file(const codec::SealKey& master, std::string_view password,
                            const codec::ScryptParameters& parameters, const base::Clock& clock,
                            base::Random& random, const KeyOwner& owner) {
  Json content = Json::object();
  content["mac"]["k"] = codec::to_base64(codec::as_view(master.mac_k));
  content["mac"]["r"] = codec::to_base64(codec::as_view(master.mac_r));
  content["encrypt"] = codec::to_base64(codec::as_view(master.encrypt));
  const std::string salt = random.bytes(kSaltSize);
  const std::string sealed =
      codec::seal(user_key(password, salt, parameters), random_iv(random), codec::to_json(content));
  const Identity identity = current_identity();
  Json json = Json::object();
  json["created"] = format_rfc3339_nano(clock.now());
  json["username"] = owner.username.empty() ? identity.username : owner.username;
  json["hostname"] = owner.hostname.empty() ? identity.hostname : owner.hostname;
  json["kdf"] = "scrypt";
  json["N"] = parameters.n;
  json["r"] = parameters.r;
  json["p"] = parameters.p;
  json["salt"] = codec::to_base64(salt);
  json["data"] = codec::to_base64(sealed);
  return codec::to_json(json);
}

KeyFile parse_key_file(std::string_view json, std::string_view name) {
  const Json document = Json::parse(json, nullptr, false);
  if (!document.is_object()) base::fail(ErrorCode::kCorrupt, "key {}: not a JSON object", name);
  const auto number = [&](std::string_view member) -> std::uint64_t {
    const Json* value = codec::find(document, {member});
    if (value == nullptr || !value->is_number_unsigned()) {
      base::fail(ErrorCode::kCorrupt, "key {}: malformed \"{}\"", name, member);
    }
    return value->get<std::uint64_t>();
  };
  if (const std::string kdf = codec::get_string(document, {"kdf"}); kdf != "scrypt") {
    base::fail(ErrorCode::kUnsupported, "key {}: unknown key derivation \"{}\"", name, kdf);
  }
  auto salt = codec::from_base64(codec::get_string(document, {"salt"}));
  auto data = codec::from_base64(codec::get_string(document, {"data"}));
  if (!salt || salt->size() != kSaltSize) base::fail(ErrorCode::kCorrupt, "key {}: malformed \"salt\"", name);
  if (!data) base::fail(ErrorCode::kCorrupt, "key {}: malformed \"data\"", name);
  KeyFile file;
  file.derivation.n = number("N");
  file.derivation.r = static_cast<std::uint32_t>(std::min<std::uint64_t>(number("r"), UINT32_MAX));
  file.derivation.p = static_cast<std::uint32_t>(std::min<std::uint64_t>(number("p"), UINT32_MAX));
  file.salt = std::move(*salt);
  file.sealed = std::move(*data);
  return file;
}

std::optional<codec::SealKey> open_key_file(const KeyFile& file, std::string_view password,
                                            std::string_view name) {
  std::string plain;
  try {
    if (!codec::unseal(user_key(password, file.salt, file.derivation), file.sealed, plain))
      return std::nullopt;
  } catch (base::Error& error) {
    throw base::Error(ErrorCode::kCorrupt, fmt::format("key {}: {}", name, error.message()));
  }
  return decode_master_key(plain, name);
}

codec::SealKey decode_master_key(std::string_view json, std::string_view name) {
  const Json content = Json::parse(json, nullptr, false);
  if (!content.is_object()) base::fail(ErrorCode::kCorrupt, "key {}: malformed master key", name);
  codec::SealKey master;
  read_key_part(content, {"mac", "k"}, name, master.mac_k);
  read_key_part(content, {"mac", "r"}, name, master.mac_r);
  read_key_part(content, {"encrypt"}, name, master.encrypt);
  return master;
}

std::optional<codec::SealKey> decode_key_file(std::string_view json, std::string_view password,
                                              std::string_view name) {
  return open_key_file(parse_key_file(json, name), password, name);
}

std::string add_key_file(storage::ObjectStore& store, const codec::SealKey& master, std::string_view password,
                         const Environment& environment, const base::CancelToken& cancel,
                         const KeyOwner& owner) {
  const auto parameters = environment.key_derivation.value_or(codec::kNewKeyParameters);
  const std::string file =
      encode_key_file(master, password, parameters, environment.clock, environment.random, owner);
  const std::string name = codec::to_hex(codec::sha256(file));
  store.put(object_key(FileKind::kKey, name), file, cancel);
  return name;
}

namespace {

KeyFile load_key_file(storage::ObjectStore& store, const std::string& name, const base::CancelToken& cancel) {
  const std::string key = object_key(FileKind::kKey, name);
  const auto fits = [&](const std::string& file) { return codec::to_hex(codec::sha256(file)) == name; };
  std::string file = store.get(key, cancel);
  if (!fits(file)) file = store.get(key, cancel);  // once more: the damage may have happened on the way
  if (!fits(file)) base::fail(ErrorCode::kCorrupt, "key {}: the file does not match its name", name);
  return parse_key_file(file, name);
}

}  // namespace

void check_key_file(storage::ObjectStore& store, const std::string& name, const base::CancelToken& cancel) {
  load_key_file(store, name, cancel);
}

codec::SealKey open_master_key(storage::ObjectStore& store, std::string_view password,
                               const base::CancelToken& cancel, std::string_view hint) {
  std::vector<std::string> names;
  storage::for_each_object(store, std::string(directory_of(FileKind::kKey)), cancel,
                           [&](const storage::ObjectInfo& object) {
                             const auto name = file_name(FileKind::kKey, object.key);
                             if (!name.empty()) names.emplace_back(name);
                           });
  if (names.empty()) {
    base::fail(ErrorCode::kNotFound, "repository \"{}\" has no key file", store.describe());
  }
  const auto hinted = [hint](const std::string& name) { return name.starts_with(hint); };
  if (!hint.empty() && std::count_if(names.begin(), names.end(), hinted) == 1) {
    std::stable_partition(names.begin(), names.end(), hinted);
  }
  if (names.size() > kMostKeys) names.resize(kMostKeys);
  std::optional<base::Error> damage;
  for (const std::string& name : names) {
    cancel.check();
    try {
      const KeyFile file = load_key_file(store, name, cancel);
      if (const auto master = open_key_file(file, password, name)) return *master;
    } catch (const base::Error& error) {
      if (error.code() == ErrorCode::kNotFound) continue;  // removed since the listing
      if (error.code() != ErrorCode::kCorrupt && error.code() != ErrorCode::kUnsupported) throw;
      if (!damage) damage = error;
    }
  }
  if (damage) throw *damage;
  base::fail(ErrorCode::kUnauthenticated, "cannot open repository \"{}\": wrong password or no key found",
             store.describe());
}

}  // namespace salvor::repository
