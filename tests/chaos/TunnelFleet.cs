using System.Net;
using Mooring.Testing;
using Mooring.Testing.Redis;

namespace Mooring.Chaos.Tests;

/// <summary>Four gateways, each at an address of its own, that share a real redis-server.</summary>
internal sealed class TunnelFleet : IAsyncDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>Above what the kernel gives to clients: nobody else has one of these by chance.</summary>
    public const int FirstPort = 61_000;

    private const int LastPort = 65_000;
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("mooring-chaos-");

    private TunnelFleet(RedisServer redis) => Redis = redis;

    public RedisServer Redis { get; }

    public List<GatewayHost> Gateways { get; } = [];

    public IReadOnlyList<GatewayHost> Up => [.. Gateways.Where(static gateway => gateway.IsUp)];

    public static async Task<TunnelFleet> StartAsync(int gateways, int maxTunnels, TimeSpan ttl, string drain = "{}")
    {
        var fleet = new TunnelFleet(await RedisServer.StartAsync());
        var config = Path.Combine(fleet._directory.FullName, "gateway.json");
        await File.WriteAllTextAsync(
            config,
            $$"""
            {
              "fleet": "default/chaos",
              "drain": {{drain}},
              "capacity": {"maxConnections": 8000, "tunnels": {"maxTunnels": {{maxTunnels}}} },
              "registry": {"redis": {"addresses": ["{{fleet.Redis.Address}}"]}, "ttl": "{{ttl.TotalSeconds:0}}s"},
              "listeners": [{
                "name": "bore", "protocol": "Tunnel", "port": 7835,
                "tunnel": {"portRange": {"start": {{FirstPort}}, "end": {{LastPort}}}, "visitorTimeout": "10s"}
              }]
            }
            """
        );
        var (one, two) = (Random.Shared.Next(1, 255), Random.Shared.Next(1, 255));
        for (var i = 0; i < gateways; i++)
        {
            var server = new IPEndPoint(new IPAddress(new byte[] { 127, (byte)one, (byte)two, (byte)(i + 1) }), 7835);
            var gateway = new GatewayHost($"gateway-{i}", server, config);
            fleet.Gateways.Add(gateway);
            await gateway.StartAsync();
        }

        await fleet.RegisteredAsync();
        return fleet;
    }

    /// <summary>Every gateway that is up is in Redis.</summary>
    public Task RegisteredAsync() =>
        Until.TrueAsync(
            async () =>
            {
                var names = (await Redis.CliAsync("HKEYS", "mooring:{default/chaos}:generations")).Split('\n');
                return Up.All(gateway => names.Contains(gateway.Name));
            },
            Patience,
            "all gateways are registered"
        );

    /// <summary>Which gateway owns which public port, by the registry: of those that are registered.</summary>
    public async Task<IReadOnlyDictionary<int, string>> OwnersAsync()
    {
        const string Script = """
            local owners = {}
            for _, key in ipairs(redis.call('KEYS', 'mooring:{default/chaos}:tunnel:tcp:*')) do
              local owner = redis.call('HMGET', key, 'g', 'n')
              if redis.call('HGET', 'mooring:{default/chaos}:generations', owner[1]) == owner[2] then
                owners[#owners + 1] = string.match(key, '(%d+)$') .. '=' .. owner[1]
              end
            end
            return owners
            """;
        return (await Redis.CliAsync("EVAL", Script, "0"))
            .Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(static line => line.Split('='))
            .ToDictionary(static pair => int.Parse(pair[0], System.Globalization.CultureInfo.InvariantCulture), static pair => pair[1]);
    }

    /// <summary>All keys of the fleet.</summary>
    public async Task<string[]> KeysAsync() => (await Redis.CliAsync("KEYS", "*")).Split('\n', StringSplitOptions.RemoveEmptyEntries);

    public async ValueTask DisposeAsync()
    {
        foreach (var gateway in Gateways)
        {
            await gateway.DisposeAsync();
        }

        await Redis.DisposeAsync();
        _directory.Delete(recursive: true);
    }
}
