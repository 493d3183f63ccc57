#include "local/runtime/pod_sandbox.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <future>
#include <thread>

#include "base/error.h"
#include "base/process.h"
#include "base/text.h"
#include "local/runtime/container_capabilities.h"
#include "local/runtime/container_log.h"
#include "local/runtime/interruptible_source.h"

namespace salvor::local {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class PodSandboxTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "pods need root";
    sandbox_ =
        std::make_unique<PodSandbox>(PodSandboxOptions{directory_.path() / "sandbox", "pod-0", "10.88.1.2"});
  }

  ContainerLaunch shell(const std::string& script) {
    ContainerLaunch launch;
    launch.argv = {"/bin/bash", "-c", script};
    launch.environment = {"PATH=/usr/bin:/bin", "HOME=/root"};
    launch.root.staging = directory_.path() / "sandbox";
    launch.root.hidden = {directory_.path().string()};
    return launch;
  }

  SandboxEvent await(SandboxEvent::Type type) {
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    while (std::chrono::steady_clock::now() < deadline) {
      const auto event = sandbox_->next_event(1s);
      if (!event) continue;
      EXPECT_EQ(event->type, type) << event->message;
      return *event;
    }
    ADD_FAILURE() << "no event of the pod within 30 s";
    return {};
  }

  void start(const std::string& script) { start(shell(script)); }
  void start(const ContainerLaunch& launch) {
    sandbox_->start("main", launch, log());
    await(SandboxEvent::Type::kStarted);
  }

  std::pair<int, std::string> exec(const std::vector<std::string>& argv, base::Source* input = nullptr,
                                   const base::CancelToken& cancel = {}, bool terminal = false) {
    base::StringSink out;
    const int code = sandbox_->exec({"main", argv, terminal, input, &out, &out}, cancel);
    return {code, out.take()};
  }

  fs::path log() const { return directory_.path() / "main.log"; }
  std::string logged() {
    base::StringSink out;
    read_container_log(log(), {}, out, [] { return true; }, {});
    return out.take();
  }

  // Started is the container, not what its script does: that says when it is through.
  void await_line(const std::string& line) {
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    while (("\n" + logged()).find("\n" + line + "\n") == std::string::npos) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "no line \"" << line << "\" within 30 s";
      std::this_thread::sleep_for(10ms);
    }
  }

  base::TempDir directory_;
  std::unique_ptr<PodSandbox> sandbox_;
};

TEST_F(PodSandboxTest, RunsAContainerAndKeepsWhatItPrints) {
  start("echo to out; echo to err >&2; printf 'no newline'; exit 3");
  const auto event = await(SandboxEvent::Type::kExited);
  EXPECT_EQ(event.exit_code, 3);
  EXPECT_EQ(event.signal, 0);
  const std::string text = logged();
  for (const char* line : {"to out\n", "to err\n", "no newline\n"})
    EXPECT_NE(text.find(line), std::string::npos);
}

TEST_F(PodSandboxTest, SeesItsOwnProcessesNetworkAndHostNameOnly) {
  start("sleep 1000");
  EXPECT_EQ(exec({"hostname"}).second, "pod-0\n");
  EXPECT_EQ(exec({"bash", "-c", "set -- /proc/[0-9]*; echo $#"}).second,
            "4\n");                                                          // init, sleep, supervisor, bash
  EXPECT_EQ(exec({"bash", "-c", "grep -c : /proc/net/dev"}).second, "1\n");  // lo
}

TEST_F(PodSandboxTest, MountsVolumesAndKeepsWritesAwayFromTheMachine) {
  const fs::path volume = directory_.path() / "volume";
  fs::create_directories(volume);
  auto launch = shell(
      "echo data > /srv/new/place/file; touch /usr/bin/made-in-a-pod; touch /ro/x; echo done; sleep 1000");
  launch.root.mounts = {{volume.string(), "/srv/new/place", false}, {volume.string(), "/ro", true}};
  launch.root.files = {{"/etc/passwd", "root:x:0:0::/root:/bin/bash\npod:x:4242:4242::/:/bin/sh\n"}};
  start(launch);
  await_line("done");
  EXPECT_EQ(exec({"cat", "/ro/file"}).second, "data\n");
  EXPECT_FALSE(fs::exists(volume / "x"));
  EXPECT_EQ(base::read_file(volume / "file"), "data\n");
  EXPECT_FALSE(fs::exists("/usr/bin/made-in-a-pod"));
  EXPECT_EQ(exec({"id", "-un", "4242"}).second, "pod\n");
  EXPECT_FALSE(fs::exists("/srv/new"));
  for (const auto& line : {base::read_file("/proc/self/mountinfo")}) {
    EXPECT_EQ(line.find(directory_.path().string()), std::string::npos)
        << "a mount leaked into the machine's view";
  }
}

TEST_F(PodSandboxTest, RunsAsTheUserAndGroupsGiven) {
  auto launch = shell("sleep 1000");
  launch.uid = 999;
  launch.gid = 998;
  launch.groups = {998, 1234};
  start(launch);
  EXPECT_EQ(exec({"bash", "-c", "id -u; id -g; id -G; echo x > /tmp/file && stat -c %u /tmp/file"}).second,
            "999\n998\n998 1234\n999\n");
}

TEST_F(PodSandboxTest, RootKeepsTheCapabilitiesGivenAndNoOthers) {
  const std::string print = "sed -n 's/^Cap\\(Eff\\|Bnd\\):.//p' /proc/self/status";
  // "EFFECTIVE\nBOUNDING\n"
  const auto masks = [](const std::string& text) {
    const auto lines = base::split(text, '\n');
    return std::pair(std::stoull(lines.at(0), nullptr, 16), std::stoull(lines.at(1), nullptr, 16));
  };
  const auto machine = masks(base::run_process({"bash", "-c", print}).output);
  const auto capabilities = [&](const char* container) {
    auto launch = shell("sleep 1000");
    launch.capabilities = container_capabilities(codec::parse_json(container, "container"));
    start(launch);
    const auto found = masks(exec({"bash", "-c", print}).second);
    sandbox_->kill("main");
    await(SandboxEvent::Type::kExited);
    EXPECT_EQ(found.first, found.second);
    return found.second;
  };
  EXPECT_EQ(capabilities("{}"), 0xa80425fb & machine.second);  // what containers usually have
  EXPECT_EQ(
      capabilities(R"({"securityContext":{"capabilities":{"drop":["ALL"],"add":["CHOWN","CAP_MKNOD"]}}})"),
      0x8000001 & machine.second);
  EXPECT_EQ(capabilities(R"({"securityContext":{"privileged":true}})"), machine.second);
  EXPECT_THROW(capabilities(R"({"securityContext":{"capabilities":{"add":["FLY"]}}})"), base::Error);
}

TEST_F(PodSandboxTest, ThisProgramAppearsWhereItsImageHasIt) {
  auto launch = shell("sleep 1000");
  launch.root.own_binary = {"/usr/bin/salvor", "/opt/made/for/it"};
  launch.root.read_only = true;
  start(launch);
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  const std::string expected = base::run_process({"sha256sum", self.string()}).output.substr(0, 64);
  for (const auto& path : launch.root.own_binary)
    EXPECT_EQ(exec({"sha256sum", path}).second.substr(0, 64), expected) << path;
  EXPECT_NE(exec({"bash", "-c", "echo x > /usr/bin/salvor"}).first, 0);
}

TEST_F(PodSandboxTest, ListensInThePodForTheControlPlane) {
  PodSandbox pod({directory_.path() / "other", "pod-1", "10.88.1.3", false, {"10.96.0.1", 443}});
  const base::Fd listener = pod.take_listener();
  ASSERT_TRUE(listener.valid());
  EXPECT_FALSE(sandbox_->take_listener().valid());
  auto launch =
      shell("exec 3<>/dev/tcp/10.96.0.1/443; echo hello >&3; read -u 3 answer; echo $answer; sleep 1000");
  launch.root.staging = directory_.path() / "other";
  pod.start("main", launch, log());
  pollfd polled{listener.get(), POLLIN, 0};
  ASSERT_EQ(::poll(&polled, 1, 20'000), 1) << "nobody came within 20 s";
  const base::Fd client(::accept(listener.get(), nullptr, nullptr));
  char text[16] = {};
  EXPECT_EQ(::read(client.get(), text, sizeof text), 6);
  EXPECT_STREQ(text, "hello\n");
  base::write_all(client.get(), "welcome\n", "client");
  await_line("welcome");
}

TEST_F(PodSandboxTest, PodsSeeVolumesInKubeletsDirectoryAlsoThoseOfLaterPods) {
  const fs::path first = directory_.path() / "first", later = directory_.path() / "later";
  for (const auto& volume : {first, later}) fs::create_directories(volume);
  KubeletView view(directory_.path() / "view", directory_.path() / "kubelet");
  view.show("uid-1", "kubernetes.io~local-volume/pv-1", first);
  PodSandboxOptions options{directory_.path() / "other", "agent", ""};
  options.mounts = &view.mount_namespace();
  PodSandbox agent(options);
  auto launch = shell("sleep 1000");
  launch.root.staging = directory_.path() / "other";
  launch.root.mounts = {
      {view.resolve("/var/lib/kubelet/pods").string(), "/host_pods", false, true},
      {view.resolve(directory_.path() / "kubelet" / "pods").string(), "/still", false, false}};
  agent.start("main", launch, log());
  const auto in_agent = [&](const std::string& script) {
    base::StringSink out;
    agent.exec({"main", {"bash", "-c", script}, false, nullptr, &out, &out}, {});
    return out.take();
  };
  ASSERT_EQ(agent.next_event(20s)->type, SandboxEvent::Type::kStarted);
  const std::string name = "/volumes/kubernetes.io~local-volume/";
  in_agent("echo one > /host_pods/uid-1" + name + "pv-1/file");
  EXPECT_EQ(base::read_file(first / "file"), "one\n");
  view.show("uid-2", "kubernetes.io~local-volume/pv-2", later);
  in_agent("echo two > /host_pods/uid-2" + name + "pv-2/file");
  EXPECT_EQ(base::read_file(later / "file"), "two\n");
  EXPECT_EQ(in_agent("cat /still/uid-1" + name + "pv-1/file"), "one\n");
  EXPECT_EQ(in_agent("ls /still/uid-2" + name + "pv-2"), "");  // its mount does not follow
  view.hide("uid-2");
  EXPECT_EQ(in_agent("ls /host_pods"), "uid-1\n");
  EXPECT_EQ(base::read_file(later / "file"), "two\n");
  EXPECT_EQ(base::read_file("/proc/self/mountinfo").find(directory_.path().string()), std::string::npos);
  EXPECT_EQ(view.resolve("/var/lib/other"), "/var/lib/other");
  EXPECT_EQ(view.resolve("/var/lib/kubelet/"), directory_.path() / "view");
}

TEST_F(PodSandboxTest, ReportsAProgramThatIsNotThere) {
  auto launch = shell("");
  launch.argv = {"no-such-program"};
  sandbox_->start("main", launch, log());
  EXPECT_EQ(await(SandboxEvent::Type::kStartFailed).message,
            "exec \"no-such-program\": No such file or directory");
  start("sleep 1000");
  EXPECT_THROW(exec({"no-such-program"}), base::Error);
}

TEST_F(PodSandboxTest, ExecConnectsTheStreamsAndReturnsTheExitCode) {
  start("sleep 1000");
  base::ViewSource input("hello");
  const auto [code, text] = exec({"bash", "-c", "cat; exit 7"}, &input);
  EXPECT_EQ(code, 7);
  EXPECT_EQ(text, "hello");
  EXPECT_EQ(exec({"bash", "-c", "kill -9 $$"}).first, 137);
}

// A client that keeps its end open and writes nothing.
class SilentSource final : public InterruptibleSource {
 public:
  size_t read(char*, size_t) override {
    interrupted_.get_future().wait();
    return 0;
  }
  void interrupt() override { interrupted_.set_value(); }

 private:
  std::promise<void> interrupted_;
};

TEST_F(PodSandboxTest, ExecReturnsThoughTheClientKeepsItsInputOpen) {
  start("sleep 1000");
  SilentSource input;
  EXPECT_EQ(exec({"bash", "-c", "exit 4"}, &input).first, 4);
}

TEST_F(PodSandboxTest, ExecOnATerminalIsATerminal) {
  start("sleep 1000");
  const auto [code, text] = exec({"bash", "-c", "test -t 0 && test -t 1 && echo yes"}, nullptr, {}, true);
  EXPECT_EQ(code, 0);
  EXPECT_EQ(text, "yes\r\n");
}

TEST_F(PodSandboxTest, CancelledExecDiesWithAllItsDescendants) {
  start("sleep 1000");
  base::CancelSource cancel;
  auto running = std::async(std::launch::async, [&] {
    exec({"bash", "-c", "setsid sleep 4711 & (sleep 4711 &) ; touch /tmp/up; sleep 4711"}, nullptr,
         cancel.token());
  });
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (exec({"test", "-e", "/tmp/up"}).first != 0 && std::chrono::steady_clock::now() < deadline) {
  }
  cancel.cancel();
  EXPECT_THROW(running.get(), base::Error);
  std::string left;
  do {
    left =
        exec({"bash", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -o 'sleep 4711' | wc -l"}).second;
  } while (left != "1\n" && std::chrono::steady_clock::now() < deadline);  // the search itself says it once
  EXPECT_EQ(left, "1\n");
}

TEST_F(PodSandboxTest, TheEndOfTheMainProcessEndsTheWholeContainer) {
  start("setsid sleep 1000 & sleep 0.2; exit 0");
  EXPECT_EQ(await(SandboxEvent::Type::kExited).exit_code, 0);
  start("sleep 1000");
  EXPECT_EQ(exec({"bash", "-c", "set -- /proc/[0-9]*; echo $#"}).second, "4\n");
}

TEST_F(PodSandboxTest, TwoPodsListenOnTheSamePort) {
  PodSandbox other({directory_.path() / "other", "pod-1", ""});
  const std::string script =
      "import socket,time; s=socket.socket(); s.bind(('127.0.0.1',5432)); s.listen(); "
      "open('/tmp/up','w'); time.sleep(1000)";
  auto launch = shell("");
  launch.argv = {"python3", "-c", script};
  start(launch);
  launch.root.staging = directory_.path() / "other";
  other.start("main", launch, directory_.path() / "other.log");
  const Json probe{{"op", "exec"}, {"probe", {{"type", "tcp"}, {"port", 5432}, {"timeout_ms", 1000}}}};
  for (PodSandbox* pod : {sandbox_.get(), &other}) {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    std::optional<std::string> result;
    while (result.value_or("x") != "" && std::chrono::steady_clock::now() < deadline) {
      const auto check = pod->start_check(probe);
      while (!(result = PodSandbox::read_check(check)) && std::chrono::steady_clock::now() < deadline) {
      }
    }
    EXPECT_EQ(result, "");
  }
}

TEST_F(PodSandboxTest, LeavesNoProcessAndNoDirectoryBehind) {
  start("exec -a salvor-left-over sleep 1000");
  sandbox_.reset();
  EXPECT_FALSE(fs::exists(directory_.path() / "sandbox"));
  const auto result = base::run_process({"pgrep", "-f", "^salvor-left-over"});
  EXPECT_EQ(result.output, "");
}

}  // namespace
}  // namespace salvor::local
