// Raw JSON objects as they come in lists. Typed lists leave out their items' apiVersion and kind.
#pragma once

#include <string>
#include <string_view>

namespace salvor::kube {

// `raw`, a valid JSON object, with apiVersion and kind put in front if it lacks them. The result lives in
// `raw` or in `scratch`.
std::string_view complete_item(std::string_view raw, std::string_view api_version, std::string_view kind,
                               std::string& scratch);

}  // namespace salvor::kube
