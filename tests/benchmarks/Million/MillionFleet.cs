using System.Globalization;
using System.Text.RegularExpressions;
using Mooring.Benchmarks.Harness;

namespace Mooring.Benchmarks.Million;

/// <summary>The fleet of the run: one ConnectionFleet, kept by <c>operator up</c>.</summary>
internal sealed partial class MillionFleet : IAsyncDisposable
{
    public const string Secret = "not-a-secret-but-long-enough";
    public const string ApiKey = "not-a-secret-api-key";
    public const string Namespace = "inbox";

    private int _ended;
    private readonly ChildProcess _operator;
    private readonly string _directory;
    private readonly int _gateways;

    private MillionFleet(ChildProcess process, string directory, int port, int gateways) =>
        (_operator, _directory, Target, _gateways) = (process, directory, $"127.0.0.1:{port}", gateways);

    public string Target { get; }

    /// <summary>The operator and all that it has started.</summary>
    public int[] Processes => _operator.Tree();

    /// <summary>The gateways alone.</summary>
    public int[] Gateways => [.. Processes.Where(IsGateway)];

    /// <summary>Gateways that serve, as the operator said last: those that start have no place for connections yet.</summary>
    public int ReadyGateways =>
        Ready().Matches(_operator.Log).LastOrDefault() is { } said ? int.Parse(said.Value, CultureInfo.InvariantCulture) : 0;

    /// <summary>Descriptors of each gateway, which are its connections and some 200 more.</summary>
    public IEnumerable<int> Descriptors() =>
        Gateways.Select(gateway => Directory.EnumerateFileSystemEntries($"/proc/{gateway}/fd").Count());

    public static async Task<MillionFleet> StartAsync(
        string program,
        string? gateway,
        MillionOptions options,
        CancellationToken cancellation
    )
    {
        var directory = Directory.CreateTempSubdirectory("mooring-million-").FullName;
        var port = Ports.Free();
        var manifest = Path.Combine(directory, "fleet.yaml");
        await File.WriteAllTextAsync(manifest, Manifest(options, port), cancellation);
        var process = ChildProcess.Start(
            "operator",
            Cores.All,
            program,
            [
                "up",
                "-f",
                manifest,
                "--bind",
                "127.0.0.1",
                "--http",
                "none",
                "--state-dir",
                Path.Combine(directory, "state"),
                "--output",
                "json",
                .. gateway is null ? (string[])[] : ["--gateway", gateway],
            ],
            keepOutput: true
        );
        var fleet = new MillionFleet(process, directory, port, options.Gateways);
        try
        {
            await fleet.ReadyAsync(cancellation);
            return fleet;
        }
        catch
        {
            await fleet.DisposeAsync();
            throw;
        }
    }

    /// <summary>Throws when the operator is gone.</summary>
    public void CheckAlive()
    {
        if (_operator.HasExited)
        {
            throw new BenchmarkException($"the operator ended:\n{_operator.Log}");
        }
    }

    /// <summary>May be called again.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _ended, 1) != 0)
        {
            return;
        }

        await _operator.DisposeAsync();
        if (Directory.Exists(_directory))
        {
            Directory.Delete(_directory, recursive: true);
        }
    }

    private async Task ReadyAsync(CancellationToken cancellation)
    {
        for (var tries = 0; ReadyGateways < _gateways; tries++)
        {
            CheckAlive();
            if (tries > 1800)
            {
                throw new BenchmarkException($"{ReadyGateways} of {_gateways} gateways are ready after 180 s:\n{_operator.Log}");
            }

            await Task.Delay(100, cancellation);
        }

        await ServerUnderTest.WaitUntilListeningAsync(
            _operator,
            int.Parse(Target.Split(':')[1], CultureInfo.InvariantCulture),
            TimeSpan.FromMilliseconds(100),
            cancellation
        );
    }

    private static bool IsGateway(int process)
    {
        try
        {
            return File.ReadAllText($"/proc/{process}/cmdline").Split('\0') is [var program, .. var rest]
                && (
                    program.EndsWith("/gateway", StringComparison.Ordinal)
                    || rest.Any(item =>
                        item.EndsWith("Mooring.Gateway.dll", StringComparison.Ordinal)
                        || item.EndsWith("gateway.dll", StringComparison.Ordinal)
                    )
                )
                && rest.Contains("serve");
        }
        catch (IOException)
        {
            return false;
        }
    }

    [GeneratedRegex("(?<=\"gatewaysReady\":)[0-9]+", RegexOptions.None, 1000)]
    private static partial Regex Ready();

    private static string Manifest(MillionOptions options, int port) =>
        $$$"""
            apiVersion: v1
            kind: Secret
            metadata: {name: keys}
            stringData: {jwt: {{{Secret}}}, api: {{{ApiKey}}}}
            ---
            apiVersion: mooring.dev/v1alpha1
            kind: ConnectionFleet
            metadata: {name: million}
            spec:
              gateway:
                replicas: {{{options.Gateways}}}
                capacity: {maxConnections: 19400, reservedPercent: 0}
                drain: {lameDuck: 1s, deadline: 9m, reconnectsPerSecond: {{{options.ReconnectsPerSecond}}}, jitter: 1s}
              listeners:
              - name: hub
                protocol: WebSocket
                port: {{{port}}}
                webSocket:
                  mode: Hub
                  hub:
                    pingInterval: {{{options.PingSeconds}}}s
                    namespaces:
                    - {name: {{{Namespace}}}}
              authentication:
                jwt: {hmacSecretRef: {name: keys, key: jwt}}
                apiKeys: [{name: keys, key: api}]
            """;
}
