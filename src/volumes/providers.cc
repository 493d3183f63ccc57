#include "volumes/providers.h"

#include "base/error.h"
#include "volumes/filesystem/filesystem_snapshotter.h"

namespace salvor::volumes {

namespace {

using base::ErrorCode;
using Make = std::unique_ptr<VolumeSnapshotter> (*)(const std::map<std::string, std::string>& config,
                                                    const SnapshotterEnvironment& environment);

// A provider's names and what makes it; null for those of a later version.
struct Provider {
  std::string_view name, full_name;
  Make make;
};

constexpr Provider kProviders[] = {
    {"filesystem", "salvor.io/filesystem", make_filesystem_snapshotter},
    {"aws", "velero.io/aws", nullptr},
};

}  // namespace

std::unique_ptr<VolumeSnapshotter> open_volume_snapshotter(const std::string& provider,
                                                           const std::map<std::string, std::string>& config,
                                                           const SnapshotterEnvironment& environment) {
  for (const Provider& known : kProviders) {
    if (provider != known.name && provider != known.full_name) continue;
    if (known.make == nullptr) {
      base::fail(ErrorCode::kUnsupported, "volume snapshot provider \"{}\" is not supported by this version",
                 provider);
    }
    return known.make(config, environment);
  }
  std::string names;
  for (const Provider& known : kProviders) {
    if (known.make != nullptr)
      names += fmt::format("{}{} (or {})", names.empty() ? "" : ", ", known.full_name, known.name);
  }
  base::fail(ErrorCode::kInvalidArgument, "unknown volume snapshot provider \"{}\"\nhint: known is {}",
             provider, names);
}

}  // namespace salvor::volumes
