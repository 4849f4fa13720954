using System.Net;
using Mooring.Testing;
using Mooring.Testing.Redis;

namespace Mooring.Chaos.Tests;

/// <summary>Some gateways, each at an address of its own, that share a real Redis.</summary>
internal sealed class TunnelFleet : IAsyncDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>Above what the kernel gives to clients: nobody else has one of these by chance.</summary>
    public const int FirstPort = 61_000;

    private const int LastPort = 65_000;
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("mooring-chaos-");

    private readonly RedisServer? _redis;

    private TunnelFleet(RedisServer? redis, Func<string[], Task<string>> cli) => (_redis, Cli) = (redis, cli);

    /// <summary>Its own one.</summary>
    public RedisServer Redis => _redis ?? throw new InvalidOperationException("the fleet was given a Redis");

    /// <summary>Asks the server that has the fleet's keys.</summary>
    public Func<string[], Task<string>> Cli { get; set; }

    public List<GatewayHost> Gateways { get; } = [];

    public IReadOnlyList<GatewayHost> Up => [.. Gateways.Where(static gateway => gateway.IsUp)];

    /// <summary>A fleet with a redis-server of its own.</summary>
    public static async Task<TunnelFleet> StartAsync(int gateways, int maxTunnels, TimeSpan ttl, string drain = "{}")
    {
        var redis = await RedisServer.StartAsync();
        return await StartAsync(
            new TunnelFleet(redis, redis.CliAsync),
            gateways,
            maxTunnels,
            ttl,
            drain,
            $$"""{"addresses": ["{{redis.Address}}"]}"""
        );
    }

    /// <summary>A fleet with somebody else's Redis.</summary>
    /// <param name="gateways">How many.</param>
    /// <param name="ttl">Of what is registered.</param>
    /// <param name="settings"><c>registry.redis</c> of the gateways' config.</param>
    /// <param name="cli">Asks the server that has the fleet's keys.</param>
    public static Task<TunnelFleet> StartAsync(int gateways, TimeSpan ttl, string settings, Func<string[], Task<string>> cli) =>
        StartAsync(new TunnelFleet(null, cli), gateways, maxTunnels: 100, ttl, "{}", settings);

    private static async Task<TunnelFleet> StartAsync(
        TunnelFleet fleet,
        int gateways,
        int maxTunnels,
        TimeSpan ttl,
        string drain,
        string settings
    )
    {
        var config = Path.Combine(fleet._directory.FullName, "gateway.json");
        await File.WriteAllTextAsync(
            config,
            $$"""
            {
              "fleet": "default/chaos",
              "drain": {{drain}},
              "capacity": {"maxConnections": 8000, "tunnels": {"maxTunnels": {{maxTunnels}}} },
              "registry": {"redis": {{settings}}, "ttl": "{{ttl.TotalSeconds:0}}s"},
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
                var names = (await Cli(["HKEYS", "mooring:{default/chaos}:generations"])).Split('\n');
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
        return (await Cli(["EVAL", Script, "1", "mooring:{default/chaos}:generations"]))
            .Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(static line => line.Split('='))
            .ToDictionary(static pair => int.Parse(pair[0], System.Globalization.CultureInfo.InvariantCulture), static pair => pair[1]);
    }

    /// <summary>All keys of the fleet.</summary>
    public async Task<string[]> KeysAsync() => (await Cli(["KEYS", "*"])).Split('\n', StringSplitOptions.RemoveEmptyEntries);

    public async ValueTask DisposeAsync()
    {
        foreach (var gateway in Gateways)
        {
            await gateway.DisposeAsync();
        }

        await (_redis?.DisposeAsync() ?? ValueTask.CompletedTask);
        _directory.Delete(recursive: true);
    }
}
