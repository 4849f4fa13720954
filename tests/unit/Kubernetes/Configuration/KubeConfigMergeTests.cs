using Mooring.Kubernetes.Configuration;

namespace Mooring.Kubernetes.Tests.Configuration;

public sealed class KubeConfigMergeTests
{
    private const string First = """
        current-context: ""
        clusters:
        - {name: red, cluster: {server: "https://red.first"}}
        - {name: red, cluster: {server: "https://red.first.again"}}
        users:
        - {name: me, user: {token: first}}
        contexts:
        - {name: dev, context: {cluster: red, user: me, namespace: one}}
        """;

    private const string Second = """
        {"apiVersion":"v1","kind":"Config","current-context":"prod",
         "clusters":[{"name":"red","cluster":{"server":"https://red.second","proxy-url":"http://p"}},{"name":"blue","cluster":{"server":"https://blue.second"}}],
         "users":[{"name":"me","user":{"username":"u","password":"p"}}],
         "contexts":[{"name":"prod","context":{"cluster":"blue","user":"me"}},{"name":"dev","context":{"cluster":"blue","user":""}}]}
        """;

    /// <summary>As kubectl: the first file with an entry wins with the whole of it.</summary>
    [Theory]
    [InlineData("dev", "https://red.first/", "one")]
    [InlineData("prod", "https://blue.second/", "default")]
    [InlineData(null, "https://blue.second/", "default")]
    public void Merge_FirstFileWins(string? context, string server, string ns)
    {
        var config = ClusterConfigLoader.FromKubeConfig(Merged(), new ClusterConfigOptions { Context = context });
        config.Server.ToString().ShouldBe(server);
        config.Namespace.ShouldBe(ns);
        config.Proxy.ShouldBeNull();
    }

    [Fact]
    public async Task Merge_EntriesAreNotMixed()
    {
        var config = ClusterConfigLoader.FromKubeConfig(Merged(), new ClusterConfigOptions());
        var credential = await config.Credentials.GetAsync(CancellationToken.None);
        (credential.Token, credential.Username).ShouldBe(("first", null));
    }

    [Fact]
    public void Load_KubeConfigList_SkipsWhatIsNotThere()
    {
        using var folder = new TemporaryFolder();
        var one = folder.Write("one", First);
        var two = folder.Write("two", Second);
        var config = ClusterConfigLoader.Load(
            new ClusterConfigOptions { Environment = name => name == "KUBECONFIG" ? $"{folder.Path}/none::{one}:{two}:{one}" : null }
        );
        (config.Context, config.Server.Host).ShouldBe(("prod", "blue.second"));
    }

    [Fact]
    public void Load_HomeConfig_IsTheUsualPlace()
    {
        using var folder = new TemporaryFolder();
        folder.Write(".kube/config", Second);
        ClusterConfigLoader
            .Load(new ClusterConfigOptions { Environment = name => name == "HOME" ? folder.Path : null })
            .Context.ShouldBe("prod");
    }

    [Fact]
    public void Load_Nothing_SaysWhereItLooked()
    {
        var error = Should.Throw<KubeConfigException>(() => ClusterConfigLoader.Load(new ClusterConfigOptions { Environment = _ => null }));
        error.Message.ShouldContain("KUBECONFIG");
    }

    [Fact]
    public void Load_FileThatWasAskedFor_MustBeThere() =>
        Should
            .Throw<KubeConfigException>(() => ClusterConfigLoader.Load(new ClusterConfigOptions { KubeConfigFile = "/nonexistent/config" }))
            .Message.ShouldContain("/nonexistent/config");

    [Fact]
    public void InCluster_FromTheServiceAccount()
    {
        using var folder = new TemporaryFolder();
        folder.Write("token", "secret\n");
        folder.Write("namespace", "mine\n");
        var config = ClusterConfigLoader.Load(
            new ClusterConfigOptions
            {
                ServiceAccountFolder = folder.Path,
                Environment = name =>
                    name switch
                    {
                        "KUBERNETES_SERVICE_HOST" => "fd00::1",
                        "KUBERNETES_SERVICE_PORT" => "443",
                        _ => null,
                    },
            }
        );
        (config.Server.ToString(), config.Namespace).ShouldBe(("https://[fd00::1]/", "mine"));
    }

    private static KubeConfigFile Merged() =>
        KubeConfigFile.Merge([KubeConfigParser.Parse("/a/one", First), KubeConfigParser.Parse("/a/two", Second)]);
}
