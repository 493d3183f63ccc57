#include "archive/target_tree.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/error.h"

namespace salvor::archive {
namespace {

std::string clean(const std::filesystem::path& path) {
  std::string text = path.lexically_normal().string();
  while (text.size() > 1 && text.back() == '/') text.pop_back();
  return text.empty() ? "." : text;
}

// The components that name a target in the snapshot; leading ".." are not part of it.
std::vector<std::string> components_of(const std::string& cleaned) {
  std::vector<std::string> parts;
  for (const auto& part : std::filesystem::path(cleaned).relative_path()) {
    if (part != ".." && part != ".") parts.push_back(part.string());
  }
  return parts;
}

// The path that the first component is relative to: "/" or "", "..", "../..".
std::filesystem::path root_of(const std::string& cleaned) {
  const std::filesystem::path path(cleaned);
  if (path.is_absolute()) return "/";
  std::filesystem::path root;
  for (const auto& part : path) {
    if (part != "..") break;
    root /= part;
  }
  return root;
}

void add(TargetTree& root, const std::string& cleaned, const std::filesystem::path& base,
         std::optional<dev_t> found_on = std::nullopt) {
  const auto parts = components_of(cleaned);
  std::filesystem::path path = base / root_of(cleaned);
  TargetTree* at = &root;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    path /= parts[i];
    std::string name = parts[i];
    for (int suffix = 1; at->children.contains(name) && at->children[name]->path != path.string(); ++suffix) {
      name = fmt::format("{}-{}", parts[i], suffix);
    }
    auto& child = at->children[name];
    if (!child) {
      child = std::make_unique<TargetTree>();
      child->path = path.string();
    }
    if (child->selected) return;
    at = child.get();
  }
  at->selected = true;
  at->found_on = found_on;
  at->children.clear();
}

}  // namespace

std::string absolute_path(const std::string& target, const std::filesystem::path& base) {
  const std::filesystem::path root =
      base.empty() ? std::filesystem::current_path() : std::filesystem::absolute(base);
  return clean(root / target);
}

std::unique_ptr<TargetTree> build_target_tree(const std::vector<std::string>& targets,
                                              const std::filesystem::path& base) {
  const std::filesystem::path root = absolute_path(".", base);
  auto tree = std::make_unique<TargetTree>();
  for (const std::string& target : targets) {
    const std::string cleaned = clean(target);
    if (!components_of(cleaned).empty()) {
      add(*tree, cleaned, root);
      continue;
    }
    std::error_code error;
    const std::filesystem::path directory = root / cleaned;
    std::filesystem::directory_iterator entries(directory, error);
    if (error)
      throw base::system_error(error.value(), fmt::format("read directory \"{}\"", directory.string()));
    struct stat status {};
    if (stat(directory.c_str(), &status) != 0) {
      throw base::system_error(errno, fmt::format("stat \"{}\"", directory.string()));
    }
    for (const auto& entry : entries) {
      add(*tree, clean(std::filesystem::path(cleaned) / entry.path().filename()), root, status.st_dev);
    }
  }
  return tree;
}

}  // namespace salvor::archive
