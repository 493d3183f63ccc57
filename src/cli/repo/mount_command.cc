// mount: the repository's snapshots as directories, until interrupted or unmounted.
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "archive/snapshot_view.h"
#include "base/error.h"
#include "cli/repo/commands.h"
#include "cli/repo/fuse_mount.h"
#include "cli/repo/snapshot_selection.h"

namespace salvor::cli {
namespace {

struct MountFlags {
  SnapshotFilter filter;
  std::string mountpoint, time_template;
  std::vector<std::string> path_templates;
  bool allow_other = false, no_default_permissions = false, owner_root = false;
};

int run_mount(RepoSession& session, const MountFlags& flags) {
  archive::ViewOptions options;
  options.filter = [&flags](const repository::Snapshot& snapshot) { return flags.filter.matches(snapshot); };
  options.owner_root = flags.owner_root;
  options.uid = getuid();
  options.gid = getgid();
  if (!flags.time_template.empty()) {
    if (flags.time_template.find('/') != std::string::npos) {
      throw base::Error(base::ErrorCode::kInvalidArgument,
                        "time template string must not contain a slash (/)");
    }
    options.templates.time = flags.time_template;
  }
  if (!flags.path_templates.empty()) options.templates.paths = flags.path_templates;
  session.lock(repository::LockMode::kShared, true);
  archive::SnapshotView view(session.repository(), options, session.cancel());
  view.list("/");  // what is wrong with the repository shows before it is mounted
  FuseMountOptions mount;
  mount.mountpoint = flags.mountpoint;
  mount.name = "restic:" + session.repository().id().substr(0, 8);
  mount.allow_other = flags.allow_other;
  mount.default_permissions = flags.allow_other && !flags.no_default_permissions;
  mount.threads = std::max(4U, session.repository().environment().connections);
  mount.on_ready = [&] {
    if (!session.text()) return;
    session.print(
        "Now serving the repository at {}\nUse another terminal or tool to browse the contents of this "
        "folder.\nWhen finished, quit with Ctrl-c here or umount the mountpoint.\n",
        flags.mountpoint);
    session.flush();
  };
  serve_fuse_mount(view, mount, session.logger(), session.cancel());
  // Ctrl-c is how it is meant to end, but a lock that was lost is not.
  if (session.cancel().cancelled() && !session.context().cancel.cancelled()) session.cancel().check();
  return 0;
}

}  // namespace

void add_mount_command(CLI::App& repo, const RepoCommonPointer& common) {
  const auto flags = std::make_shared<MountFlags>();
  CLI::App* command = add_repo_command(repo, common, "mount", "Mount the repository",
                                       [flags](RepoSession& session) { return run_mount(session, *flags); });
  command->add_option("mountpoint", flags->mountpoint, "an existing directory")->required();
  flags->filter.add_to(command);
  command->add_flag("--allow-other", flags->allow_other,
                    "allow other users to access the data in the mounted directory");
  command->add_flag("--no-default-permissions", flags->no_default_permissions,
                    "for 'allow-other', ignore Unix permissions and allow users to read all snapshot files");
  command->add_flag("--owner-root", flags->owner_root, "use 'root' as the owner of files and dirs");
  command
      ->add_option("--time-template", flags->time_template,
                   "set template to use for times (default \"2006-01-02T15:04:05Z07:00\")")
      ->type_name("template");
  add_list_option(
      command, "--path-template", flags->path_templates,
      "set template for path names (can be specified multiple times): %i short ID, %I ID, %u user, "
      "%h host, %t tags, %T time (default ids/%i, snapshots/%T, hosts/%h/%T, tags/%t/%T)",
      "template");
  add_examples(command,
               "# Look around, copy what is needed, then press Ctrl-c.\n{} repo mount /mnt/restic\n"
               "ls /mnt/restic/snapshots/latest/home/me\n\n"
               "# Names without colons, one host.\n"
               "{} repo mount /mnt/restic --time-template 2006-01-02_15-04-05 --host web1");
}

}  // namespace salvor::cli
