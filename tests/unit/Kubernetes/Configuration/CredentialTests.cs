using Mooring.Kubernetes.Configuration;
using Mooring.Testing;
using Mooring.Testing.ApiDouble;

namespace Mooring.Kubernetes.Tests.Configuration;

public sealed class CredentialTests : IDisposable
{
    private const string ExecVersion = "client.authentication.k8s.io/v1";

    private readonly TemporaryFolder _folder = new();
    private readonly ManualTime _time = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task TokenFile_IsReadAgain_AfterAMinute()
    {
        var source = new FileCredential(_folder.Write("token", "one\n"), null, null, _time);
        (await TokenAsync(source)).ShouldBe("one");
        _folder.Write("token", "two");
        _time.Advance(TimeSpan.FromSeconds(59));
        (await TokenAsync(source)).ShouldBe("one");
        _time.Advance(TimeSpan.FromSeconds(1));
        (await TokenAsync(source)).ShouldBe("two");
    }

    [Fact]
    public async Task TokenFile_Refused_IsReadAtOnce()
    {
        var source = new FileCredential(_folder.Write("token", "one"), null, null, _time);
        var refused = await source.GetAsync(CancellationToken.None);
        source.Invalidate(refused).ShouldBeFalse();
        _folder.Write("token", "two");
        source.Invalidate(refused).ShouldBeTrue();
        (await TokenAsync(source)).ShouldBe("two");
    }

    [Theory]
    [InlineData("")]
    [InlineData(null)]
    public async Task TokenFile_Unusable_KeepsTheLastGoodOne(string? content)
    {
        var path = _folder.Write("token", "one");
        var source = new FileCredential(path, null, null, _time);
        await TokenAsync(source);
        if (content is null)
        {
            File.Delete(path);
        }
        else
        {
            File.WriteAllText(path, content);
        }

        _time.Advance(TimeSpan.FromMinutes(2));
        (await TokenAsync(source)).ShouldBe("one");
    }

    [Fact]
    public async Task TokenFile_NeverThere_IsAnError()
    {
        var source = new FileCredential(_folder.Path + "/none", null, null, _time);
        (await Should.ThrowAsync<CredentialException>(TokenAsync(source))).Message.ShouldContain("/none");
    }

    [Fact]
    public async Task Exec_IsKeptUntilItExpires()
    {
        var source = Exec(Print("t$(cat count)", "2026-01-01T00:10:00Z"));
        (await TokenAsync(source)).ShouldBe("t1");
        _time.Advance(TimeSpan.FromMinutes(9));
        (await TokenAsync(source)).ShouldBe("t1");
        _time.Advance(TimeSpan.FromMinutes(1));
        (await TokenAsync(source)).ShouldBe("t2");
    }

    [Fact]
    public async Task Exec_AskedByMany_RunsOnce()
    {
        var source = Exec("sleep 0.2\n" + Print("t$(cat count)", "2027-01-01T00:00:00Z"));
        var tokens = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => TokenAsync(source)));
        tokens.ShouldAllBe(token => token == "t1");
    }

    [Fact]
    public async Task Exec_Refused_RunsAgain_ForTheWholeRequest()
    {
        await using var api = await KubernetesApiDouble.StartAsync();
        api.Put(Widgets.Collection, Widgets.Json("a"));
        api.Authorize = header => header == "Bearer t2";
        using var client = Widgets.Client(api, credentials: Exec(Print("t$(cat count)", null)));
        (await client.GetAsync(Widgets.Kind, "ns", "a")).Metadata.Name.ShouldBe("a");
        api.Requests.Select(one => one.Headers["Authorization"]).ShouldBe(["Bearer t1", "Bearer t2"]);
    }

    [Fact]
    public async Task Exec_GetsArgsEnvironmentAndCluster()
    {
        var script = _folder.WriteScript(
            "login",
            $$"""
            printf '%s' "$KUBERNETES_EXEC_INFO" > {{_folder.Path}}/info
            printf '{"apiVersion":"{{ExecVersion}}","kind":"ExecCredential","status":{"token":"%s-%s"} }' "$1" "$WHO"
            """
        );
        var entry = new ExecEntry
        {
            Command = script,
            Args = ["hello"],
            Env = [KeyValuePair.Create("WHO", "world")],
            ApiVersion = ExecVersion,
            ProvideClusterInfo = true,
        };
        var source = new ExecCredentialSource(entry, new ClusterEntry { Server = "https://x", CertificateAuthorityData = [1, 2] }, _time);
        (await TokenAsync(source)).ShouldBe("hello-world");
        var info = System.Text.Json.Nodes.JsonNode.Parse(File.ReadAllText(_folder.Path + "/info"))!;
        info["apiVersion"]!.ToString().ShouldBe(ExecVersion);
        info["spec"]!["interactive"]!.GetValue<bool>().ShouldBeFalse();
        info["spec"]!["cluster"]!["server"]!.ToString().ShouldBe("https://x");
        info["spec"]!["cluster"]!["certificate-authority-data"]!.ToString().ShouldBe("AQI=");
    }

    [Theory]
    [InlineData("echo no >&2; exit 3", "exit code 3: no")]
    [InlineData("echo nonsense", "printed no ExecCredential")]
    [InlineData("echo '{\"apiVersion\":\"client.authentication.k8s.io/v1beta1\"}'", "not 'client.authentication.k8s.io/v1'")]
    [InlineData(
        "echo '{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"status\":{}}'",
        "neither a token nor a whole client certificate"
    )]
    [InlineData("echo '{\"apiVersion\":\"client.authentication.k8s.io/v1\"}'", "printed no status")]
    [InlineData("head -c 3000000 /dev/zero", "more than 1048576 characters")]
    public async Task Exec_Fails_SaysHow(string script, string expected) =>
        (await Should.ThrowAsync<CredentialException>(TokenAsync(Exec(script)))).Message.ShouldContain(expected);

    [Fact]
    public async Task Exec_Missing_GivesTheInstallHint()
    {
        var entry = new ExecEntry
        {
            Command = "no-such-login-program",
            ApiVersion = ExecVersion,
            InstallHint = "get it from the usual place",
        };
        var source = new ExecCredentialSource(entry, new ClusterEntry(), _time);
        (await Should.ThrowAsync<CredentialException>(TokenAsync(source))).Message.ShouldContain("get it from the usual place");
    }

    [Fact]
    public void Credential_DoesNotPrintItsSecret() =>
        new Credential { Token = "secret" }
            .ToString()
            .ShouldBe("token");

    private static async Task<string?> TokenAsync(ICredentialSource source) => (await source.GetAsync(CancellationToken.None)).Token;

    // Counts its runs in a file.
    private string Print(string token, string? expires)
    {
        var until = expires is null ? "" : $"\\\"expirationTimestamp\\\":\\\"{expires}\\\",";
        return $$"""
            cd {{_folder.Path}}
            echo $(( $(cat count 2>/dev/null || echo 0) + 1 )) > count
            echo "{\"apiVersion\":\"{{ExecVersion}}\",\"kind\":\"ExecCredential\",\"status\":{{{until}}\"token\":\"{{token}}\"} }"
            """;
    }

    private ExecCredentialSource Exec(string script) =>
        new(
            new ExecEntry { Command = _folder.WriteScript("login", script), ApiVersion = ExecVersion },
            new ClusterEntry { Server = "https://x" },
            _time
        );
}
