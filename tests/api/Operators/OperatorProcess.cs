using Mooring.Api.Tests.Cluster;

namespace Mooring.Api.Tests.Operators;

/// <summary>The built operator as users run it: a process of its own, with the rights of the chart's role.</summary>
internal sealed class OperatorProcess : IAsyncDisposable
{
    private static readonly HttpClient Http = new() { Timeout = TimeSpan.FromMinutes(3) };

    /// <summary>As gateways are told it: always the same, for the gateways' revision follows from it. Fakes dial <see cref="StreamPort"/>.</summary>
    public const string StreamUrl = "wss://operator.test:8443/stream/v1";

    /// <summary>Of gateways whose fleet names none.</summary>
    public const string GatewayImage = "mooring/gateway:test";

    private readonly ChildProcess _process;

    private OperatorProcess(ChildProcess process, string user, int httpPort, int streamPort, int adminPort) =>
        (_process, User, HttpPort, StreamPort, AdminPort) = (process, user, httpPort, streamPort, adminPort);

    /// <summary>As which the API server knows it, and the audit log names it.</summary>
    public string User { get; }

    public int HttpPort { get; }

    public int StreamPort { get; }

    /// <summary>Of the admin API.</summary>
    public int AdminPort { get; }

    public ChildProcess Process => _process;

    public string Log => _process.Log;

    /// <summary>Starts <c>operator run</c>, with metrics open unless <c>--guarded-metrics</c> is among the arguments; it may still be waiting to lead when this returns.</summary>
    public static async Task<OperatorProcess> StartAsync(TestCluster cluster, OperatorRole role, params IEnumerable<string> arguments)
    {
        var (http, stream, admin) = (Ports.Free(), Ports.Free(), Ports.Free());
        var process = ChildProcess.Start(
            Program,
            [
                "run",
                "--kubeconfig",
                role.Kubeconfig,
                "--operator-namespace",
                role.Namespace,
                "--lease",
                role.Lease,
                "--http",
                $"127.0.0.1:{http}",
                "--admin",
                $"127.0.0.1:{admin}",
                .. arguments.Contains("--guarded-metrics") ? [] : new[] { "--open-metrics" },
                "--stream",
                $"127.0.0.1:{stream}",
                "--stream-url",
                StreamUrl,
                .. arguments.Contains("--gateway-image") ? [] : new[] { "--gateway-image", GatewayImage },
                "--log-level",
                "Debug",
                .. arguments.Where(static argument => argument != "--guarded-metrics"),
            ],
            cluster.InFolder($"{role.User.Replace(':', '-')}-{http}.log")
        );
        var started = new OperatorProcess(process, role.User, http, stream, admin);
        try
        {
            await Eventually.HoldsAsync(started.ReadyAsync, TimeSpan.FromMinutes(3));
            return started;
        }
        catch
        {
            await started.DisposeAsync();
            throw;
        }
    }

    public async Task<string> GetAsync(string path)
    {
        using var answer = await Http.GetAsync($"http://127.0.0.1:{HttpPort}{path}");
        return await answer.Content.ReadAsStringAsync();
    }

    /// <summary>Whether it has said that it reconciles.</summary>
    public bool Leads => Log.Contains("Reconciling, term", StringComparison.Ordinal);

    public ValueTask DisposeAsync() => _process.DisposeAsync();

    private async Task<string?> ReadyAsync()
    {
        if (_process.HasExited)
        {
            throw new HopelessException($"the operator ended with code {_process.ExitCode}:\n{Log}");
        }

        using var answer = await Http.GetAsync($"http://127.0.0.1:{HttpPort}/readyz");
        return answer.IsSuccessStatusCode ? null : $"readyz: {await answer.Content.ReadAsStringAsync()}\n{Log}";
    }

    /// <summary>Path of the built program.</summary>
    public static string Program => RepositoryRoot.File("artifacts", "bin", "Mooring.Operator", Configuration, "operator");

    private static string Configuration => new DirectoryInfo(AppContext.BaseDirectory.TrimEnd('/')).Name;
}
