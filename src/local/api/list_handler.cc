#include <fmt/format.h>

#include "codec/hash.h"
#include "local/api/collection_handler.h"
#include "local/api/json_paths.h"
#include "local/api/object_selector.h"
#include "local/api/option_errors.h"
#include "local/api/table.h"

namespace salvor::local {

namespace {

// Where a paged list goes on; what clients hold as an opaque text.
struct Continuation {
  std::int64_t revision = 0;  // -1: whatever is current
  std::string name_space, name;

  std::string encode() const {
    const Json token = {{"v", "meta.k8s.io/v1"}, {"rv", revision}, {"ns", name_space}, {"start", name}};
    return codec::to_base64(token.dump());
  }
  static Continuation decode(const std::string& text) {
    const auto bytes = codec::from_base64(text);
    const Json token = bytes ? Json::parse(*bytes, nullptr, false) : Json();
    if (!token.is_object() || !token.contains("rv") || !token.contains("start")) {
      throw api_errors::bad_request("continue key is not valid");
    }
    return {token["rv"].get<std::int64_t>(), token.value("ns", ""), token["start"].get<std::string>()};
  }
};

struct ListPlan {
  std::int64_t at = 0;  // 0: now
  Continuation from;
  size_t limit = 0;  // 0: all
};

std::int64_t parse_version(const std::string& text) {
  if (text.empty() || text.find_first_not_of("0123456789") != std::string::npos || text.size() > 18) {
    throw api_errors::bad_request(fmt::format("invalid resource version \"{}\"", text));
  }
  return std::stoll(text);
}

void check_match(const RequestInfo& info, const std::string& match, const std::string& version) {
  if (match.empty()) return;
  const char* const field = "resourceVersionMatch";
  std::vector<FailureCause> found;
  if (version.empty())
    found.push_back(
        causes::forbidden(field, "resourceVersionMatch is forbidden unless resourceVersion is provided"));
  if (info.has("continue"))
    found.push_back(causes::forbidden(field, "resourceVersionMatch is forbidden when continue is provided"));
  if (match != "Exact" && match != "NotOlderThan")
    found.push_back(causes::unsupported(field, match, {"Exact", "NotOlderThan", ""}));
  if (match == "Exact" && version == "0")
    found.push_back(
        causes::forbidden(field, "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\""));
  if (!found.empty()) throw api_errors::invalid_options("ListOptions", found);
}

ListPlan plan_list(const Exchange& exchange, StateStore& store) {
  ListPlan plan;
  const RequestInfo& info = exchange.info;
  const std::string version = info.parameter("resourceVersion");
  const std::string match = info.parameter("resourceVersionMatch");
  plan.limit = static_cast<size_t>(std::max<std::int64_t>(0, info.integer("limit").value_or(0)));
  check_match(info, match, version);
  if (const std::string token = info.parameter("continue"); !token.empty()) {
    if (!version.empty() && version != "0") {
      throw api_errors::bad_request("specifying resource version is not allowed when using continue");
    }
    plan.from = Continuation::decode(token);
    plan.at = std::max<std::int64_t>(plan.from.revision, 0);
    return plan;
  }
  if (version.empty() || version == "0") return plan;
  const std::int64_t wanted = parse_version(version);
  if (wanted > store.revision()) {
    throw ApiError(
        504, "Timeout", fmt::format("Too large resource version: {}, current: {}", wanted, store.revision()),
        {{"causes",
          Json::array({{{"reason", "ResourceVersionTooLarge"}, {"message", "Too large resource version"}}})},
         {"retryAfterSeconds", 1}});
  }
  if (match == "Exact" || (match.empty() && plan.limit > 0)) plan.at = wanted;
  return plan;
}

class RowWriter {
 public:
  RowWriter(ObjectService& objects, Exchange& exchange, BodyWriter& out)
      : objects_(objects), exchange_(exchange), out_(out) {}

  void write(const StoredView& row) {
    if (!first_) out_.append(",");
    first_ = false;
    const Kind& kind = *exchange_.kind;
    if (exchange_.form.shape == OutputForm::Shape::kObject) {
      // Typed lists leave apiVersion and kind out of their items; those of custom resources have them.
      if (kind.custom) {
        out_.append(objects_.envelope(kind, row.body));
      } else if (!ObjectService::needs_conversion(kind)) {
        out_.append(row.body);
      } else {
        Json object = objects_.to_served(kind, Json::parse(row.body));
        object.erase("kind");
        object.erase("apiVersion");
        out_.append(codec::to_json(object, 0, false));
      }
      return;
    }
    const Json object = objects_.to_served(kind, Json::parse(row.body));
    const Json shown = exchange_.form.shape == OutputForm::Shape::kTable
                           ? table_row(kind, object, exchange_.form)
                           : metadata_only(object, exchange_.form.version);
    out_.append(codec::to_json(shown, 0, false));
  }

 private:
  ObjectService& objects_;
  Exchange& exchange_;
  BodyWriter& out_;
  bool first_ = true;
};

std::string list_head(const Exchange& exchange, const Json& metadata) {
  const Kind& kind = *exchange.kind;
  const std::string meta = codec::to_json(metadata, 0, false);
  if (exchange.form.shape == OutputForm::Shape::kTable) {
    Json head = table_head(kind, exchange.form.version, "");
    head["metadata"] = metadata;
    std::string text = codec::to_json(head, 0, false);
    text.pop_back();
    return text + ",\"rows\":[";
  }
  if (exchange.form.shape == OutputForm::Shape::kMetadata) {
    return fmt::format(
        "{{\"kind\":\"PartialObjectMetadataList\",\"apiVersion\":\"meta.k8s.io/{}\",\"metadata\":{},"
        "\"items\":[",
        exchange.form.version, meta);
  }
  return fmt::format("{{\"kind\":\"{}\",\"apiVersion\":\"{}\",\"metadata\":{},\"items\":[", kind.list_kind,
                     kind.api_version(), meta);
}

[[noreturn]] void refuse_expired(const ListPlan& plan) {
  if (plan.from.name.empty()) {
    throw api_errors::expired("The resourceVersion for the provided list is too old.");
  }
  ApiError error = api_errors::expired(
      "The provided continue parameter is too old to display a consistent list result. You can start a new "
      "list "
      "without the continue parameter, or use the continue token in this response to retrieve the remainder "
      "of the "
      "results. Continuing with the provided token results in an inconsistent list - objects that were "
      "created, "
      "modified, or deleted between the time the first chunk was returned and now may show up in the list.");
  error.set_continue(Continuation{-1, plan.from.name_space, plan.from.name}.encode());
  throw error;
}

}  // namespace

void CollectionHandler::list(Exchange& exchange) {
  const Kind& kind = *exchange.kind;
  const ObjectSelector selector(kind, exchange.info.parameter("labelSelector"),
                                exchange.info.parameter("fieldSelector"));
  const ListPlan plan = plan_list(exchange, store_);
  const auto snapshot = store_.snapshot(kind.storage, exchange.info.name_space, plan.at);
  if (!snapshot || (plan.at != 0 && plan.at < store_.compacted())) refuse_expired(plan);

  // First find where the page ends, without bodies, so that the list's metadata can come first.
  std::string last_namespace, last_name;
  Json metadata = {{"resourceVersion", std::to_string(snapshot->revision())}};
  if (plan.limit > 0) {
    size_t matched = 0;
    bool more = false;
    snapshot->visit(plan.from.name_space, plan.from.name, false, [&](const StoredView& row) {
      if (!selector.matches(row.labels, row.fields, row.name_space, row.name)) return true;
      if (matched == plan.limit) {
        more = true;
        return false;
      }
      ++matched;
      last_namespace = row.name_space;
      last_name = row.name;
      return true;
    });
    if (more) {
      metadata["continue"] = Continuation{snapshot->revision(), last_namespace, last_name}.encode();
      if (selector.empty()) metadata["remainingItemCount"] = snapshot->count_after(last_namespace, last_name);
    }
  }
  BodyWriter out(exchange);
  out.append(list_head(exchange, metadata));
  RowWriter rows(objects_, exchange, out);
  snapshot->visit(plan.from.name_space, plan.from.name, true, [&](const StoredView& row) {
    if (plan.limit > 0 &&
        (last_name.empty() || std::pair(row.name_space, row.name) >
                                  std::pair<std::string_view, std::string_view>(last_namespace, last_name))) {
      return false;
    }
    if (selector.matches(row.labels, row.fields, row.name_space, row.name)) rows.write(row);
    return true;
  });
  out.append("]}");
  out.finish();
}

void CollectionHandler::remove_all(Exchange& exchange, const DeleteOptions& options) {
  const Kind& kind = *exchange.kind;
  const ObjectSelector selector(kind, exchange.info.parameter("labelSelector"),
                                exchange.info.parameter("fieldSelector"));
  std::vector<std::pair<std::string, std::string>> names;
  const auto snapshot = store_.snapshot(kind.storage, exchange.info.name_space);
  const std::int64_t revision = snapshot->revision();
  snapshot->visit("", "", false, [&](const StoredView& row) {
    if (selector.matches(row.labels, row.fields, row.name_space, row.name)) {
      names.emplace_back(row.name_space, row.name);
    }
    return true;
  });
  Json items = Json::array();
  for (const auto& [name_space, name] : names) {
    try {
      Json object = objects_.remove(kind, name_space, name, options).object;
      object.erase("kind");
      object.erase("apiVersion");
      items.push_back(std::move(object));
    } catch (const ApiError& error) {
      if (error.code() != 404) throw;
    }
  }
  exchange.form = {};
  exchange.send_json(200, {{"kind", kind.list_kind},
                           {"apiVersion", kind.api_version()},
                           {"metadata", {{"resourceVersion", std::to_string(revision)}}},
                           {"items", items}});
}

}  // namespace salvor::local
