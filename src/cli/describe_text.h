// Pieces of `describe` that backups, restores and schedules share. Each appends tab-separated lines to `out`,
// which align_tabs lays out at the end. Wording and order are Velero's (golden output in tests/golden).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/command_context.h"
#include "velero/results.h"
#include "velero/types.h"

namespace salvor::cli {

std::string bold(const CommandContext& context, const std::string& text);
// Green, red or yellow by what the phase means; plain without colours.
std::string colored_phase(const CommandContext& context, const std::string& phase);

// "a, b", or `none`.
std::string join_or(const std::vector<std::string>& values, const std::string& none);
// "auto", "true", "false"; or the words given for true and false.
std::string tri_state(const std::optional<bool>& value, const std::string& yes = "true",
                      const std::string& no = "false");

void describe_metadata(std::string& out, const CommandContext& context, const velero::ObjectMeta& metadata);
void describe_map(std::string& out, const std::string& title, const std::map<std::string, std::string>& map);
void describe_selectors(std::string& out, const std::optional<kube::LabelSelector>& selector,
                        const std::vector<kube::LabelSelector>& or_selectors);
void describe_backup_spec(std::string& out, const velero::BackupSpec& spec);
// "Warnings:" or "Errors:" with Velero, Cluster and Namespaces below.
void describe_result(std::string& out, const std::string& title, const velero::Result& result);
// Both parts of a results file, or why there is none.
void describe_results(std::string& out, const std::optional<velero::Results>& results,
                      const std::string& error);
void describe_validation_errors(std::string& out, const std::vector<std::string>& errors);

}  // namespace salvor::cli
