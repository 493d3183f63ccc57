#include "storage/s3_services_test_support.h"

#include <unistd.h>

#include <atomic>
#include <cstdlib>

#include "base/error.h"
#include "base/file.h"
#include "base/process.h"
#include "base/text.h"
#include "net/http_client.h"
#include "storage/service_process_test_support.h"

namespace salvor::storage::test_services {

namespace {

namespace fs = std::filesystem;
using base::Error;

struct RunningService {
  base::TempDir directory{"salvor-s3-service-"};
  S3Service service;
  std::unique_ptr<base::Process> process;  // before the directory goes
};

fs::path find_moto() {
  const fs::path found = find_program("moto_server");
  if (!found.empty()) return found;
  const fs::path installed = fs::path(SALVOR_SOURCE_DIR) / "build/venv/bin/moto_server";
  return ::access(installed.c_str(), X_OK) == 0 ? installed : fs::path();
}

std::unique_ptr<RunningService> start_moto(const fs::path& program) {
  auto running = std::make_unique<RunningService>();
  const int port = free_port();
  base::ProcessOptions options;
  options.output = running->directory.path() / "log";
  running->process = std::make_unique<base::Process>(
      std::vector<std::string>{program.string(), "-H", "127.0.0.1", "-p", std::to_string(port)}, options);
  running->service = {fmt::format("http://127.0.0.1:{}", port), "AKMOTO", "skmoto"};
  net::HttpClient client;
  await("moto_server", *running->process, *options.output, std::chrono::seconds(60), [&] {
    try {
      return client.send({.url = running->service.endpoint + "/moto-api/data.json"}).status == 200;
    } catch (const Error&) {
      return false;
    }
  });
  return running;
}

std::unique_ptr<RunningService> start_ceph() {
  auto running = std::make_unique<RunningService>();
  const fs::path directory = running->directory.path();
  base::ProcessOptions options;
  options.output = directory / "output";
  running->process = std::make_unique<base::Process>(
      std::vector<std::string>{std::string(SALVOR_SOURCE_DIR) + "/tests/services/ceph-s3",
                               directory / "ceph"},
      options);
  const fs::path ready = directory / "ceph/ready";
  await("the Ceph gateway", *running->process, *options.output, std::chrono::seconds(180),
        [&] { return fs::exists(ready); });
  const auto words = base::split(base::trim(base::read_file(ready)), ' ');
  running->service = {words.at(0), words.at(1), words.at(2)};
  return running;
}

}  // namespace

std::string S3Service::credentials_ini() const {
  return fmt::format("[default]\naws_access_key_id={}\naws_secret_access_key={}\n", access_key, secret_key);
}

BucketLocation S3Service::new_bucket(const StoreEnvironment& environment) const {
  static std::atomic<int> number = 0;
  BucketLocation location;
  location.provider = "velero.io/aws";
  location.bucket = fmt::format("salvor-test-{}", ++number);
  location.config = {{"region", "us-east-1"}, {"s3Url", endpoint}, {"s3ForcePathStyle", "true"}};
  location.credentials_ini = credentials_ini();
  create_bucket(location, environment);
  return location;
}

const S3Service* moto_service(std::string& why_not) {
  static const fs::path program = find_moto();
  if (program.empty()) {
    why_not = "moto_server is neither on PATH nor in build/venv";
    return nullptr;
  }
  static const std::unique_ptr<RunningService> running = start_moto(program);
  return &running->service;
}

const S3Service& ceph_service() {
  static const std::unique_ptr<RunningService> running = start_ceph();
  return running->service;
}

}  // namespace salvor::storage::test_services
