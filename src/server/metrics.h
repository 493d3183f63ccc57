// Counters, gauges and histograms, with Prometheus' text format. A registry is owned by the server;
// thread-safe.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace salvor::server {

class Metrics {
 public:
  using Labels = std::map<std::string, std::string>;

  // Declares a metric; series appear when first written. Declaring twice is one declaration.
  void declare_counter(const std::string& name, const std::string& help);
  void declare_gauge(const std::string& name, const std::string& help);
  void declare_histogram(const std::string& name, const std::string& help, std::vector<double> buckets);

  // Of a counter or a gauge that was declared; add(..., 0) makes the series visible.
  void add(const std::string& name, const Labels& labels, double value = 1);
  void set(const std::string& name, const Labels& labels, double value);
  void observe(const std::string& name, const Labels& labels, double value);
  // Drops a series, for objects that are gone.
  void remove(const std::string& name, const Labels& labels);

  bool declares(const std::string& name) const;
  // nullopt-like 0 when there is no such series; for tests and for conditions.
  double value(const std::string& name, const Labels& labels) const;
  // text/plain; version=0.0.4
  std::string text() const;

 private:
  struct Series {
    double value = 0;                   // counter, gauge; sum of a histogram
    std::vector<std::uint64_t> counts;  // histogram: per bucket, not cumulative; the last is +Inf
  };
  struct Family {
    std::string type, help;
    std::vector<double> buckets;
    std::map<Labels, Series> series;
  };
  void declare(const std::string& name, const std::string& type, const std::string& help,
               std::vector<double> buckets);

  mutable std::mutex mutex_;
  std::map<std::string, Family> families_;  // guarded by mutex_
};

// Names of velero.md section 10 without the prefix "velero_", which these functions add.
void declare_velero_metrics(Metrics& metrics);
// The counters of one schedule ("" for backups made by hand) at 0, as Velero creates them.
void init_schedule_metrics(Metrics& metrics, const std::string& schedule);
void remove_schedule_metrics(Metrics& metrics, const std::string& schedule);

}  // namespace salvor::server
