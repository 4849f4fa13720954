using System.Collections.Concurrent;
using Mooring.Api.Tests.Cluster;
using Mooring.Contracts.Stream;
using Mooring.Testing;

namespace Mooring.Api.Tests.Operators;

/// <summary>The streams of a fleet's gateway pods, which say whatever load the test wants.</summary>
internal sealed class FakeLoad : IAsyncDisposable
{
    private readonly List<FakeGateway> _gateways = [];
    private readonly List<Task> _receiving = [];
    private readonly ConcurrentDictionary<string, EndpointsMessage> _endpoints = new();
    private readonly ConcurrentDictionary<string, byte> _everDraining = new();

    /// <summary>Endpoints that gateways were ever told to give no new connection.</summary>
    public IEnumerable<string> EverDraining => _everDraining.Keys;

    /// <summary>Endpoints that get no new connection, as gateways know it.</summary>
    public IReadOnlyList<string> Draining(string backend) =>
        _endpoints.TryGetValue(backend, out var message) ? [.. message.Endpoints.Where(one => one.Draining).Select(one => one.Id)] : [];

    /// <summary>How fast each gateway is to empty them.</summary>
    public double Pace(string backend) => _endpoints.TryGetValue(backend, out var message) ? message.ClosesPerSecond : 0;

    /// <summary>Connects one for each gateway pod that there is.</summary>
    public static Task<FakeLoad> StartAsync(FleetFixture fleet) => StartAsync(fleet.Kubectl, fleet.Namespace, fleet.Operator.StreamPort);

    /// <inheritdoc cref="StartAsync(FleetFixture)"/>
    public static async Task<FakeLoad> StartAsync(Kubectl kubectl, string ns, int streamPort)
    {
        var load = new FakeLoad();
        var map = await kubectl.GetAsync("configmap", "quickstart-gateway", "-n", ns);
        foreach (var (pod, token) in await TokensAsync(kubectl, ns))
        {
            var gateway = await FakeGateway.ConnectAsync(streamPort, (string)map["data"]!["ca.crt"]!, token, $"{ns}/quickstart", pod);
            load._gateways.Add(gateway);
            // Acknowledges configs, and answers the operator's pings.
            load._receiving.Add(load.ReceiveAsync(gateway));
        }

        return load;
    }

    /// <summary>Of each gateway pod that stays: one that is being replaced may go between two looks.</summary>
    private static async Task<List<(string Pod, string Token)>> TokensAsync(Kubectl kubectl, string ns)
    {
        List<(string, string)> tokens = [];
        await Until.TrueAsync(
            async () =>
            {
                tokens.Clear();
                var pods = (await kubectl.GetAsync("pods", "-n", ns, "-l", "mooring.dev/role=gateway"))["items"]!.AsArray();
                foreach (var metadata in pods.Select(static pod => pod!["metadata"]!).Where(static one => one["deletionTimestamp"] is null))
                {
                    var pod = (string)metadata["name"]!;
                    var token = await kubectl.RunAsync(
                        "create",
                        "token",
                        "quickstart-gateway",
                        "--audience=mooring",
                        "--bound-object-kind=Pod",
                        $"--bound-object-name={pod}",
                        "-n",
                        ns
                    );
                    tokens.Add((pod, token.Trim()));
                }

                return tokens.Count > 0;
            },
            TimeSpan.FromMinutes(3),
            "there are gateway pods"
        );
        return tokens;
    }

    /// <summary>Each says so much.</summary>
    public async Task ReportAsync(int connections, int capacity, CapacityBound bound = CapacityBound.Configured)
    {
        foreach (var gateway in _gateways)
        {
            await gateway.SendAsync(
                new ReportMessage
                {
                    State = GatewayState.Serving,
                    Connections = connections,
                    Capacity = capacity,
                    CapacityBound = bound,
                }
            );
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var gateway in _gateways)
        {
            await gateway.DisposeAsync();
        }

        await Task.WhenAll(_receiving);
    }

    /// <summary>The first says that it has these connections by endpoint of a backend, the others that they have none.</summary>
    public async Task ReportAsync(string backend, IReadOnlyDictionary<string, int> connections)
    {
        foreach (var (index, gateway) in _gateways.Index())
        {
            await gateway.SendAsync(
                new ReportMessage
                {
                    State = GatewayState.Serving,
                    Connections = index == 0 ? connections.Values.Sum() : 0,
                    Capacity = 10_000,
                    Backends =
                    [
                        new BackendLoad
                        {
                            Name = backend,
                            Endpoints =
                                index == 0
                                    ? [.. connections.Select(pair => new EndpointLoad { Id = pair.Key, Connections = pair.Value })]
                                    : [],
                        },
                    ],
                }
            );
        }
    }

    private async Task ReceiveAsync(FakeGateway gateway)
    {
        try
        {
            while (await gateway.ReceiveAsync<OperatorMessage>() is { } message)
            {
                if (message is EndpointsMessage endpoints)
                {
                    _endpoints[endpoints.Backend] = endpoints;
                    foreach (var endpoint in endpoints.Endpoints.Where(static one => one.Draining))
                    {
                        _everDraining[endpoint.Id] = 0;
                    }
                }
            }
        }
        catch (Exception error)
            when (error
                    is System.Net.WebSockets.WebSocketException
                        or OperationCanceledException
                        or ObjectDisposedException
                        or InvalidOperationException
            )
        {
            // The test has ended.
        }
    }
}
