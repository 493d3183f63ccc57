// Nodes as `ls` and `find` print them. Times are shown in this machine's zone. Pure functions.
#pragma once

#include <string>

#include "archive/node.h"
#include "codec/json.h"

namespace salvor::cli {

// "drwxr-xr-x     0     0      0 2026-11-22 23:10:58 /path -> target"
std::string long_line(const std::string& path, const archive::Node& node, bool human);
// A node of `ls --json`.
codec::Json listed_node_json(const std::string& path, const archive::Node& node);
// A match of `find --json`: everything the tree says but names, content and extended attributes.
codec::Json found_node_json(const std::string& path, const archive::Node& node);

}  // namespace salvor::cli
