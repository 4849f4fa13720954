using Mooring.Testing.Redis;

namespace Mooring.Conformance.Tests.Hub;

/// <summary>Several gateways, each the real program, with one Hub listener over one Redis.</summary>
internal sealed class HubFleet : IAsyncDisposable
{
    private const string Key = "an-api-key-of-the-tests";

    private readonly DirectoryInfo _directory;
    private readonly List<GatewayBinary> _gateways = [];

    private HubFleet(DirectoryInfo directory, RedisServer? redis) => (_directory, Redis) = (directory, redis);

    public RedisServer? Redis { get; }

    public IReadOnlyList<int> Ports => [.. _gateways.Select(gateway => gateway.Port)];

    /// <param name="count">Gateways.</param>
    /// <param name="shared">Over Redis; else each in its own memory.</param>
    /// <param name="connectsPerSecond">The Hub's.</param>
    public static async Task<HubFleet> StartAsync(int count, bool shared, int connectsPerSecond = 0)
    {
        var directory = Directory.CreateTempSubdirectory("mooring-fleet");
        await File.WriteAllTextAsync(Path.Combine(directory.FullName, "api-key"), Key);
        var fleet = new HubFleet(directory, shared ? await RedisServer.StartAsync() : null);
        for (var i = 0; i < count; i++)
        {
            fleet._gateways.Add(await GatewayBinary.ServeAsync(port => fleet.Config(port, connectsPerSecond)));
        }

        return fleet;
    }

    /// <summary>Ends one outright.</summary>
    public async Task KillAsync(int index)
    {
        await _gateways[index].DisposeAsync();
        _gateways.RemoveAt(index);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var gateway in _gateways)
        {
            await gateway.DisposeAsync();
        }

        if (Redis is not null)
        {
            await Redis.DisposeAsync();
        }

        _directory.Delete(recursive: true);
    }

    private string Config(int port, int connectsPerSecond) =>
        $$"""
        {
          "fleet": "default/conformance",
          {{(Redis is null ? "" : $$$"""
             "registry": {"redis": {"addresses": ["127.0.0.1:{{{Redis.Port}}}"]} },
             """)}}
          "listeners": [{
            "name": "hub", "protocol": "WebSocket", "port": {{port}},
            "webSocket": {"mode": "Hub", "hub": {
              "anonymous": true, "connectsPerSecond": {{connectsPerSecond}}, "apiKeyFiles": ["{{_directory.FullName}}/api-key"],
              "namespaces": [
                {"name": "kept", "subscribe": "Everyone", "publish": "Everyone", "presence": true, "readPresence": "Everyone",
                 "history": {"size": 5000, "ttl": "5m"} },
                {"name": "plain", "subscribe": "Everyone", "publish": "Everyone", "joinLeave": true},
                {"name": "jobs", "subscribe": "Everyone", "publish": "Everyone",
                 "queue": {"ackTimeout": "2s", "maxAttempts": 3, "minBackoff": "20ms", "maxBackoff": "50ms"} }
              ]
            } }
          }]
        }
        """;
}
