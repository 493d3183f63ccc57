#include "kube/version_order.h"

#include <charconv>
#include <string_view>
#include <tuple>

namespace salvor::kube {
namespace {

bool take_number(std::string_view& text, int& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number <= 0) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

// (stability, major, minor), greater is better; {0, 0, 0} for what is no version of Kubernetes' form.
std::tuple<int, int, int> rank(std::string_view version) {
  int major = 0, minor = 0;
  if (!version.starts_with('v')) return {};
  version.remove_prefix(1);
  if (!take_number(version, major)) return {};
  if (version.empty()) return {3, major, 0};
  const int stability = version.starts_with("beta") ? 2 : version.starts_with("alpha") ? 1 : 0;
  if (stability == 0) return {};
  version.remove_prefix(stability == 2 ? 4 : 5);
  if (!take_number(version, minor) || !version.empty()) return {};
  return {stability, major, minor};
}

}  // namespace

bool is_more_stable(const std::string& a, const std::string& b) {
  const auto left = rank(a), right = rank(b);
  return left != right ? left > right : a < b;
}

}  // namespace salvor::kube
