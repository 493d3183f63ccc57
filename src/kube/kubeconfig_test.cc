#include "kube/kubeconfig.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/error.h"
#include "base/file.h"
#include "kube/scripted_server_test_support.h"

namespace salvor::kube {
namespace {

using base::ErrorCode;
using namespace std::chrono_literals;

class KubeconfigTest : public testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& text, int mode = 0600) {
    const auto path = dir_.path() / name;
    std::filesystem::create_directories(path.parent_path());
    base::write_file_atomic(path, text, mode);
    return path.string();
  }
  std::string config(const std::string& user, const std::string& cluster = "") {
    return write("config",
                 "apiVersion: v1\nkind: Config\ncurrent-context: a\n"
                 "clusters:\n- name: c\n  cluster: {server: 'https://host:6443/'" +
                     cluster +
                     "}\n"
                     "users:\n- name: u\n  user:\n" +
                     user +
                     "\ncontexts:\n- name: a\n  context: {cluster: c, user: u, namespace: neurectomy}\n"
                     "- name: b\n  context: {cluster: c, user: nobody}\n");
  }
  std::string plugin(const std::string& script) { return write("plugin", "#!/bin/sh\n" + script, 0700); }

  base::TempDir dir_;
  base::ManualClock clock_{*base::parse_rfc3339("2026-11-22T20:00:00Z")};
};

TEST_F(KubeconfigTest, ReadsServerNamespaceTokenAndCertificates) {
  write("pki/ca.crt", "CA");
  const auto path = config(
      "    token: t-1\n    client-certificate-data: Q0VSVA==\n    client-key-data: S0VZ\n"
      "    as: other\n    as-groups: [g1, g2]\n",
      ", certificate-authority: pki/ca.crt, tls-server-name: api, insecure-skip-tls-verify: true");
  const auto connection = load_connection({.path = path});
  EXPECT_EQ(connection.server, "https://host:6443");
  EXPECT_EQ(connection.default_namespace, "neurectomy");
  EXPECT_EQ(connection.context, "a");
  EXPECT_EQ(connection.tls.ca_pem, "CA");
  EXPECT_EQ(connection.tls.client_cert_pem, "CERT");
  EXPECT_EQ(connection.tls.client_key_pem, "KEY");
  EXPECT_EQ(connection.tls.server_name, "api");
  EXPECT_TRUE(connection.tls.insecure_skip_verify);
  EXPECT_EQ(connection.token(), "t-1");
  EXPECT_EQ(connection.headers.size(), 3u);
}

TEST_F(KubeconfigTest, MergesAListOfFilesWithTheFirstWinning) {
  const auto first = write("one", "current-context: x\nusers: [{name: u, user: {token: first}}]\n");
  const auto second = write("two",
                            "current-context: y\nusers: [{name: u, user: {token: second}}]\n"
                            "clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}]\n"
                            "contexts: [{name: x, context: {cluster: c, user: u}}]\n");
  setenv("KUBECONFIG", (first + ":" + (dir_.path() / "absent").string() + ":" + second).c_str(), 1);
  const auto connection = load_connection();
  unsetenv("KUBECONFIG");
  EXPECT_EQ(connection.context, "x");
  EXPECT_EQ(connection.token(), "first");
  EXPECT_EQ(connection.default_namespace, "default");
}

TEST_F(KubeconfigTest, NamesWhatIsMissing) {
  const auto path = config("    token: t");
  const auto message = [&](const KubeconfigOptions& options) -> std::string {
    try {
      load_connection(options);
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
      return error.message();
    }
    return "no error";
  };
  EXPECT_THAT(message({.path = path, .context = "z"}),
              testing::HasSubstr("has no context \"z\"\nhint: it has a, b"));
  EXPECT_THAT(message({.path = path, .context = "b"}), testing::HasSubstr("names user \"nobody\""));
  EXPECT_THAT(message({.path = config("    client-key-data: S0VZ")}), testing::HasSubstr("only one of"));
  EXPECT_THAT(message({.path = config("    client-certificate-data: '!'")}),
              testing::HasSubstr("is not base64"));
  try {
    load_connection({.path = (dir_.path() / "absent").string()});
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNotFound);
  }
}

TEST_F(KubeconfigTest, RunsTheExecPluginOnceUntilItsCredentialExpires) {
  plugin("echo run >> " + (dir_.path() / "runs").string() + "\necho \"$KUBERNETES_EXEC_INFO\" > " +
         (dir_.path() / "info").string() +
         "\necho "
         "'{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/"
         "v1\",\"status\":{\"token\":\"'$1-$X'\","
         "\"expirationTimestamp\":\"2026-11-22T20:10:00Z\"}}'\n");
  const auto path = config(
      "    exec:\n      apiVersion: client.authentication.k8s.io/v1\n      command: ./plugin\n"
      "      args: [tok]\n      env: [{name: X, value: en}]\n      provideClusterInfo: true\n");
  const auto connection = load_connection({.path = path, .clock = &clock_});
  const auto runs = [&] { return base::read_file(dir_.path() / "runs"); };
  EXPECT_EQ(connection.token(), "tok-en");
  EXPECT_EQ(connection.token(), "tok-en");
  EXPECT_EQ(runs(), "run\n");
  clock_.advance(11min);
  connection.token();
  EXPECT_EQ(runs(), "run\nrun\n");
  const auto info = codec::parse_json(base::read_file(dir_.path() / "info"), "info");
  EXPECT_EQ(codec::get_string(info, {"spec", "cluster", "server"}), "https://host:6443");
  connection.renew();
  connection.token();
  EXPECT_EQ(runs(), "run\nrun\nrun\n");
}

TEST_F(KubeconfigTest, ExecPluginFailuresSayWhyAndKeepSecrets) {
  const auto exec = [&] {
    return config(
        "    exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: ./plugin, installHint: get "
        "it}");
  };
  const auto message = [&](const std::string& script) -> std::string {
    plugin(script);
    try {
      load_connection({.path = exec(), .clock = &clock_}).token();
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUnauthenticated);
      return error.message();
    }
    return "no error";
  };
  EXPECT_THAT(message("echo denied >&2; exit 4"), testing::HasSubstr("exit code 4: denied"));
  EXPECT_THAT(message("echo hunter2"), testing::AllOf(testing::HasSubstr("printed no ExecCredential"),
                                                      testing::Not(testing::HasSubstr("hunter2"))));
  EXPECT_THAT(
      message("echo '{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1\"}'"),
      testing::HasSubstr("v1beta1"));
  std::filesystem::remove(dir_.path() / "plugin");
  try {
    load_connection({.path = exec()}).token();
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_THAT(error.message(), testing::HasSubstr("hint: get it"));
  }
}

TEST_F(KubeconfigTest, ReadsTokenFilesAgainAfterAMinute) {
  write("token", "one\n");
  const auto connection = load_connection({.path = config("    tokenFile: token"), .clock = &clock_});
  EXPECT_EQ(connection.token(), "one");
  write("token", "two\n");
  EXPECT_EQ(connection.token(), "one");
  clock_.advance(61s);
  EXPECT_EQ(connection.token(), "two");
  std::filesystem::remove(dir_.path() / "token");
  clock_.advance(61s);
  EXPECT_EQ(connection.token(), "two");
}

TEST_F(KubeconfigTest, FindsTheServiceAccountInsideAPod) {
  EXPECT_FALSE(in_cluster_connection(dir_.path()));
  write("token", "sa-token");
  write("ca.crt", "CA");
  write("namespace", "velero");
  setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1);
  setenv("KUBERNETES_SERVICE_PORT", "443", 1);
  const auto connection = in_cluster_connection(dir_.path(), &clock_);
  unsetenv("KUBERNETES_SERVICE_HOST");
  unsetenv("KUBERNETES_SERVICE_PORT");
  ASSERT_TRUE(connection);
  EXPECT_EQ(connection->server, "https://[fd00::1]:443");
  EXPECT_EQ(connection->default_namespace, "velero");
  EXPECT_EQ(connection->token(), "sa-token");
}

TEST_F(KubeconfigTest, AnUnauthorizedAnswerRenewsTheCredentialOnce) {
  std::string token = "old";
  ScriptedServer server([](const net::ServerRequest& request) {
    if (request.header("authorization") == "Bearer new") return ScriptedServer::Answer{200, "{}", {}};
    return ScriptedServer::Answer{401, status_body(401, "Unauthorized", "Unauthorized"), {}};
  });
  auto connection = server.connection();
  connection.token = [&] { return token; };
  connection.renew = [&] { token = "new"; };
  Client client(connection, ScriptedServer::quick());
  EXPECT_EQ(client.raw("GET", "/x"), "{}");
  connection.renew = [&] { token = "wrong"; };
  Client other(connection, ScriptedServer::quick());
  EXPECT_THROW(token = "old"; other.raw("GET", "/x"), base::Error);
}

}  // namespace
}  // namespace salvor::kube
