#include "local/api/protobuf_reader.h"

#include <bit>
#include <cstring>
#include <set>

#include "base/clock.h"
#include "base/text.h"
#include "codec/hash.h"

namespace salvor::local {

namespace {

struct Malformed {};

struct MessageField {
  std::string name;
  std::string inlined;  // a message whose fields are the object's own
};
using Message = std::map<std::uint64_t, MessageField>;

const std::map<std::string, Message>& messages() {
  static const auto table = [] {
    std::map<std::string, Message> all;
    Message* current = nullptr;
    for (const char* text : {kProtobufFieldsA, kProtobufFieldsB}) {
      for (const std::string& line : base::split(text, '\n')) {
        if (line.empty()) continue;
        auto words = base::split(base::trim(line), ' ');
        if (line[0] != ' ') {
          current = &all[words.front()];
          words.erase(words.begin());
        }
        for (const std::string& word : words) {
          if (const size_t more = word.find('>'); more != std::string::npos) {
            (*current)[std::stoull(word.substr(0, more))] = {"", word.substr(more + 1)};
          } else {
            const size_t equals = word.find('=');
            (*current)[std::stoull(word.substr(equals + 1))] = {word.substr(0, equals), ""};
          }
        }
      }
    }
    return all;
  }();
  return table;
}

struct WireField {
  std::uint64_t number = 0, value = 0;  // value of varints and fixed ones
  std::string_view bytes;               // of length-delimited ones
};

class WireReader {
 public:
  explicit WireReader(std::string_view data) : data_(data) {}
  bool next(WireField& field) {
    if (data_.empty()) return false;
    const std::uint64_t tag = varint();
    field = {.number = tag >> 3, .value = 0, .bytes = {}};
    switch (tag & 7) {
      case 0:
        field.value = varint();
        break;
      case 1:
        field.value = fixed(8);
        break;
      case 2:
        field.bytes = take(varint());
        break;
      case 5:
        field.value = fixed(4);
        break;
      default:
        throw Malformed{};
    }
    return true;
  }

 private:
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1)[0]);
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return value;
    }
    throw Malformed{};
  }
  std::uint64_t fixed(size_t size) {
    std::uint64_t value = 0;
    std::memcpy(&value, take(size).data(), size);
    return value;
  }
  std::string_view take(std::uint64_t size) {
    if (size > data_.size()) throw Malformed{};
    const std::string_view part = data_.substr(0, size);
    data_.remove_prefix(size);
    return part;
  }
  std::string_view data_;
};

std::string_view first_bytes(std::string_view message, std::uint64_t number) {
  WireReader reader(message);
  WireField field;
  std::string_view found;
  while (reader.next(field)) {
    if (field.number == number) found = field.bytes;
  }
  return found;
}

Json read_time(std::string_view bytes, bool micro) {
  WireReader reader(bytes);
  WireField field;
  std::optional<std::int64_t> seconds;
  std::int64_t nanos = 0;
  while (reader.next(field)) {
    if (field.number == 1) seconds = static_cast<std::int64_t>(field.value);
    if (field.number == 2) nanos = static_cast<std::int32_t>(field.value);
  }
  // Go's zero time, which means none, is written as year 1.
  if (!seconds || *seconds < -62000000000) return nullptr;
  const base::Time time{std::chrono::seconds(*seconds) + std::chrono::nanoseconds(nanos)};
  return micro ? base::format_rfc3339_micro(time) : base::format_rfc3339(time);
}

Json read_int_or_string(std::string_view bytes) {
  WireReader reader(bytes);
  WireField field;
  std::uint64_t type = 0;
  std::int64_t number = 0;
  std::string text;
  while (reader.next(field)) {
    if (field.number == 1) type = field.value;
    if (field.number == 2) number = static_cast<std::int32_t>(field.value);
    if (field.number == 3) text = field.bytes;
  }
  return type == 0 ? Json(number) : Json(text);
}

Json read_object(std::string_view bytes, const TypeSchema& type);

Json read_scalar(const WireField& wire, char scalar) {
  switch (scalar) {
    case 's':
      return std::string(wire.bytes);
    case 'y':
      return codec::to_base64(wire.bytes);
    case 'i':
      return static_cast<std::int32_t>(wire.value);
    case 'l':
      return static_cast<std::int64_t>(wire.value);
    case 'b':
      return wire.value != 0;
    case 'n':
      return std::bit_cast<double>(wire.value);
    case 'q':
      return std::string(first_bytes(wire.bytes, 1));
    case 't':
      return read_time(wire.bytes, false);
    case 'm':
      return read_time(wire.bytes, true);
    case 'x':
      return read_int_or_string(wire.bytes);
    default: {  // JSON inside of a message
      Json value = Json::parse(first_bytes(wire.bytes, 1), nullptr, false);
      return value.is_discarded() ? Json(nullptr) : value;
    }
  }
}

Json read_element(const WireField& wire, const FieldSchema& field) {
  return field.type != nullptr ? read_object(wire.bytes, *field.type) : read_scalar(wire, field.scalar);
}

// Encoders write zero values that JSON leaves out; pointers' zeros, which mean something, look the same.
// These are the plain fields.
bool means_nothing(const std::string& name, const Json& value) {
  static const std::set<std::string> plain_zero = {"minReadySeconds",
                                                   "nodePort",
                                                   "generation",
                                                   "observedGeneration",
                                                   "healthCheckNodePort",
                                                   "initialDelaySeconds",
                                                   "timeoutSeconds",
                                                   "periodSeconds",
                                                   "successThreshold",
                                                   "failureThreshold",
                                                   "hostPort",
                                                   "availableReplicas",
                                                   "readyReplicas",
                                                   "updatedReplicas",
                                                   "unavailableReplicas",
                                                   "count"};
  static const std::set<std::string> plain_false = {"readOnly",     "hostNetwork", "hostPID",
                                                    "hostIPC",      "stdin",       "stdinOnce",
                                                    "tty",          "paused",      "publishNotReadyAddresses",
                                                    "unschedulable"};
  if (value.is_null()) return true;
  if (value.is_string()) return value.get_ref<const std::string&>().empty();
  if (value.is_number_integer()) return value == 0 && plain_zero.contains(name);
  if (value.is_boolean()) return value == false && plain_false.contains(name);
  return false;
}

void read_into(Json& object, std::string_view bytes, const TypeSchema& type, const std::string& message) {
  const auto found = messages().find(message);
  if (found == messages().end()) throw Malformed{};
  WireReader reader(bytes);
  WireField wire;
  while (reader.next(wire)) {
    const auto entry = found->second.find(wire.number);
    if (entry == found->second.end()) continue;
    if (!entry->second.inlined.empty()) {
      read_into(object, wire.bytes, type, entry->second.inlined);
      continue;
    }
    const std::string& name = entry->second.name;
    const FieldSchema* field = type.field(name);
    if (field == nullptr) continue;
    if (field->is_list()) {
      object[name].push_back(read_element(wire, *field));
    } else if (field->is_map()) {
      WireReader pair(wire.bytes);
      WireField part;
      std::string key;
      Json value = field->scalar == 's' || field->scalar == 'y' ? Json("") : Json::object();
      while (pair.next(part)) {
        if (part.number == 1) key = part.bytes;
        if (part.number != 2) continue;
        if (field->shape == "{}[]") {
          value = Json::array();
          WireReader items(part.bytes);
          WireField item;
          while (items.next(item)) value.push_back(read_element(item, *field));
        } else {
          value = read_element(part, *field);
        }
      }
      object[name][key] = std::move(value);
    } else if (Json value = read_element(wire, *field); !means_nothing(name, value)) {
      object[name] = std::move(value);
    }
  }
}

Json read_object(std::string_view bytes, const TypeSchema& type) {
  Json object = Json::object();
  read_into(object, bytes, type, type.name);
  return object;
}

const TypeSchema* type_of_body(const std::string& name, const Kind& kind) {
  if (name == "DeleteOptions") return find_builtin_type("meta.DeleteOptions");
  if (name == "Scale") return find_builtin_type("autoscaling.v1.Scale");
  if (name == "Eviction") return find_builtin_type("policy.v1.Eviction");
  if (name == "Binding") return find_builtin_type("core.Binding");
  if (name == "TokenRequest") return find_builtin_type("authentication.v1.TokenRequest");
  return name == kind.kind && !kind.custom ? kind.type : nullptr;
}

}  // namespace

std::optional<Json> read_protobuf(std::string_view body, const Kind& kind) {
  if (!body.starts_with(std::string_view("k8s\0", 4))) return std::nullopt;
  body.remove_prefix(4);
  try {
    const std::string_view identity = first_bytes(body, 1);
    const std::string name(first_bytes(identity, 2));
    const TypeSchema* type = type_of_body(name, kind);
    if (type == nullptr) return std::nullopt;
    Json object = {{"apiVersion", std::string(first_bytes(identity, 1))}, {"kind", name}};
    read_into(object, first_bytes(body, 2), *type, type->name);
    return object;
  } catch (const Malformed&) {
    return std::nullopt;
  }
}

}  // namespace salvor::local
