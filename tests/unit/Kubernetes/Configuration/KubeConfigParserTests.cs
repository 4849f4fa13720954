using Mooring.Kubernetes.Configuration;

namespace Mooring.Kubernetes.Tests.Configuration;

public sealed class KubeConfigParserTests
{
    [Theory]
    [InlineData("clusters: 7", "/c/config:1: clusters must be a list")]
    [InlineData("clusters:\n- 7", "/c/config:2: clusters[0] must be a mapping")]
    [InlineData("clusters:\n- cluster: {}", "/c/config:2: clusters[0].name is missing")]
    [InlineData(
        "clusters:\n- name: a\n  cluster: {insecure-skip-tls-verify: perhaps}",
        "clusters[0].cluster.insecure-skip-tls-verify must be true or false"
    )]
    [InlineData(
        "clusters:\n- name: a\n  cluster: {certificate-authority-data: '%%'}",
        "clusters[0].cluster.certificate-authority-data is not base64"
    )]
    [InlineData("clusters:\n- name: a\n  cluster: {server: [x]}", "clusters[0].cluster.server must be a text")]
    [InlineData("users:\n- name: a\n  user: {exec: {command: x}}", "users[0].user.exec.apiVersion is missing")]
    [InlineData(
        "users:\n- name: a\n  user: {exec: {command: x, apiVersion: v9}}",
        "users[0].user.exec.apiVersion must be one of client.authentication.k8s.io/v1,"
    )]
    [InlineData(
        "users:\n- name: a\n  user: {exec: {apiVersion: client.authentication.k8s.io/v1}}",
        "users[0].user.exec.command is missing"
    )]
    [InlineData(
        "users:\n- name: a\n  user: {exec: {command: x, apiVersion: client.authentication.k8s.io/v1, interactiveMode: Yes}}",
        "interactiveMode must be Never, IfAvailable or Always"
    )]
    [InlineData("- a", "/c/config: must be a mapping")]
    [InlineData("a: [", "/c/config:")]
    public void Parse_Wrong_NamesTheField(string text, string expected) =>
        Should.Throw<KubeConfigException>(() => KubeConfigParser.Parse("/c/config", text)).Message.ShouldContain(expected);

    [Theory]
    [InlineData("")]
    [InlineData("apiVersion: v1\nkind: Config\nclusters: null\nusers: []\ncurrent-context: \"\"")]
    public void Parse_Empty_IsEmpty(string text) => KubeConfigParser.Parse("/c/config", text).IsEmpty.ShouldBeTrue();

    [Fact]
    public void Parse_RelativePaths_AreRelativeToTheFile()
    {
        var file = KubeConfigParser.Parse(
            "/c/config",
            """
            clusters: [{name: a, cluster: {certificate-authority: pki/ca.crt}}]
            users:
            - {name: a, user: {client-certificate: ../x.crt, client-key: /abs/x.key, tokenFile: t}}
            - {name: b, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: bin/login}}}
            - {name: c, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: login}}}
            """
        );
        file.Clusters["a"].CertificateAuthority.ShouldBe("/c/pki/ca.crt");
        (file.Users["a"].ClientCertificate, file.Users["a"].ClientKey, file.Users["a"].TokenFile).ShouldBe(
            ("/x.crt", "/abs/x.key", "/c/t")
        );
        file.Users["b"].Exec!.Command.ShouldBe("/c/bin/login");
        file.Users["c"].Exec!.Command.ShouldBe("login");
    }

    [Fact]
    public void Parse_Impersonation()
    {
        var user = KubeConfigParser
            .Parse(
                "/c/config",
                """
                users: [{name: a, user: {as: jane, as-uid: "7", as-groups: [x, y], as-user-extra: {scopes: [view]}}}]
                """
            )
            .Users["a"]
            .Impersonate!;
        (user.User, user.Uid).ShouldBe(("jane", "7"));
        user.Groups.ShouldBe(["x", "y"]);
        user.Extra["scopes"].ShouldBe(["view"]);
    }

    [Theory]
    [InlineData("contexts: []", null, "no current-context")]
    [InlineData("current-context: x", null, "no context 'x'")]
    [InlineData("contexts: [{name: x, context: {cluster: c}}]", "x", "names cluster 'c'")]
    [InlineData(
        "contexts: [{name: x, context: {cluster: c, user: u}}]\nclusters: [{name: c, cluster: {server: s}}]",
        "x",
        "names user 'u'"
    )]
    [InlineData("contexts: [{name: x, context: {cluster: c}}]\nclusters: [{name: c}]", "x", "cluster 'c' has no server")]
    [InlineData(
        "contexts: [{name: x, context: {cluster: c}}]\nclusters: [{name: c, cluster: {server: 'ftp://s'}}]",
        "x",
        "no http or https address"
    )]
    [InlineData(
        "contexts: [{name: x, context: {cluster: c}}]\nclusters: [{name: c, cluster: {server: s, proxy-url: 'x'}}]",
        "x",
        "proxy-url 'x'"
    )]
    [InlineData(
        "contexts: [{name: x, context: {cluster: c}}]\nclusters: [{name: c, cluster: {server: s, certificate-authority-data: aGVsbG8=}}]",
        "x",
        "no certificate in it"
    )]
    [InlineData(
        "contexts: [{name: x, context: {cluster: c, user: u}}]\nclusters: [{name: c, cluster: {server: s}}]\nusers: [{name: u, user: {client-key-data: aGVsbG8=}}]",
        "x",
        "client key without its certificate"
    )]
    [InlineData(
        "contexts: [{name: x, context: {cluster: c, user: u}}]\nclusters: [{name: c, cluster: {server: s}}]\nusers: [{name: u, user: {client-key-data: aGVsbG8=, client-certificate-data: aGVsbG8=}}]",
        "x",
        "user 'u': the client certificate or key is not usable"
    )]
    [InlineData(
        "contexts: [{name: x, context: {cluster: c, user: u}}]\nclusters: [{name: c, cluster: {server: s}}]\nusers: [{name: u, user: {token: t, exec: {command: x, apiVersion: client.authentication.k8s.io/v1}}}]",
        "x",
        "only one can be used"
    )]
    public void Context_Incomplete_SaysWhatIsMissing(string text, string? context, string expected) =>
        Should
            .Throw<KubeConfigException>(() =>
                ClusterConfigLoader.FromKubeConfig(
                    KubeConfigParser.Parse("/c/config", text),
                    new ClusterConfigOptions { Context = context }
                )
            )
            .Message.ShouldContain(expected);
}
