using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Mooring.Testing;
using Mooring.Testing.Redis;

namespace Mooring.Chaos.Tests;

/// <summary>Gateways that are run by hand take their limits and their registry from the environment, and say what they know of the fleet.</summary>
public sealed class GatewayByHandTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("mooring-hand-");

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public async Task LimitsOfTheEnvironment_Hold_AndTheRegistryAnswers()
    {
        await using var redis = await RedisServer.StartAsync();
        var config = await ConfigAsync();
        await using var few = Host("few", 1, config, redis, ("MAX_TUNNELS_PER_SERVER", "2"));
        await using var many = Host("many", 2, config, redis, ("MAX_TUNNELS_PER_SERVER", "50"));
        using var http = new HttpClient();
        await StartAsync(http, few, many);
        var state = await GetAsync(http, few, "");
        state.GetProperty("kind").GetString().ShouldBe("redis");
        state.GetProperty("connected").GetBoolean().ShouldBeTrue();
        // A quarter is kept free.
        var capacity = await GetAsync(http, few, "/capacity");
        capacity.GetProperty("hasCapacity").GetBoolean().ShouldBeTrue();
        capacity.GetProperty("totalCapacity").GetInt64().ShouldBe(200);
        capacity.GetProperty("availableSlots").GetInt64().ShouldBe(150);
        (await GetAsync(http, few, "/best")).GetProperty("name").GetString().ShouldBeOneOf("few", "many");

        using var one = await OpenAsync(few);
        using var two = await OpenAsync(few);
        (await Hello.AskAsync(few)).ShouldBe("{\"Error\":\"this gateway has its limit of 2 tunnels\"}");
        Hello.IsGranted(await Hello.AskAsync(many)).ShouldBeTrue();
    }

    [Fact]
    public async Task BandwidthOfTheEnvironment_Holds_AndAFleetThatMovesItsCapacityTakesNoMoreTunnels()
    {
        const int Bytes = 300_000;
        await using var redis = await RedisServer.StartAsync();
        var config = await ConfigAsync();
        // 100 kB a second in each direction, of which either alone is more than the fleet is there for.
        var limits = new[] { ("MAX_BANDWIDTH_PER_TUNNEL", "800000"), ("TOTAL_SYSTEM_CAPACITY", "1000000") };
        await using var one = Host("one", 1, config, redis, limits);
        await using var two = Host("two", 2, config, redis, limits);
        using var http = new HttpClient();
        await StartAsync(http, one, two);
        Hello.IsGranted(await Hello.AskAsync(two)).ShouldBeTrue();
        using var service = new EchoService();
        await using var tunnel = new OwnTunnel("echo", one.Server.Port, $"{one.Server.Address}", service.Port);
        await Until.TrueAsync(() => tunnel.Ports[0].Number != 0, TunnelFleet.Patience, "the tunnel is open");

        using var visitor = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await visitor.ConnectAsync(new IPEndPoint(one.Server.Address, tunnel.Ports[0].Number)).WaitAsync(TunnelFleet.Patience);
        var received = 0L;
        var sending = SendAsync(visitor);
        var began = Stopwatch.GetTimestamp();
        var reading = ReadAsync(visitor, count => Interlocked.Add(ref received, count));
        await Until.TrueAsync(() => Interlocked.Read(ref received) >= Bytes, TunnelFleet.Patience, "the visitor's bytes come back");
        // What the two buckets hold at first, a quarter of a second's each, comes at once.
        Stopwatch.GetElapsedTime(began).ShouldBeGreaterThan(TimeSpan.FromSeconds((Bytes - 50_000) / 100_000.0 * 0.8));
        await Until.TrueAsync(
            async () => await Hello.AskAsync(two) == "{\"Error\":\"the fleet's bandwidth is used up: try again later\"}",
            TunnelFleet.Patience,
            "the other gateway knows what this one moves"
        );
        // A quarter of the million is kept free.
        (await GetAsync(http, two, "/capacity"))
            .GetProperty("bandwidthUtilization")
            .GetDouble()
            .ShouldBeGreaterThanOrEqualTo(75);

        visitor.Close(0);
        await Task.WhenAll(sending, reading);
        await Until.TrueAsync(async () => Hello.IsGranted(await Hello.AskAsync(two)), TunnelFleet.Patience, "there is room again");
    }

    [Theory]
    [InlineData("MAX_TUNNELS_PER_SERVER", "none")]
    [InlineData("MAX_BANDWIDTH_PER_TUNNEL", "100M")]
    [InlineData("TOTAL_SYSTEM_CAPACITY", "-1")]
    [InlineData("RESERVED_CAPACITY_PERCENT", "100")]
    public async Task BadVariable_IsRefusedByName(string variable, string value)
    {
        var start = new ProcessStartInfo(
            Path.Combine(AppContext.BaseDirectory, "gateway"),
            ["serve", "--config", Path.Combine(_directory.FullName, "none.json")]
        )
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment[variable] = value;
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = await process.StandardError.ReadToEndAsync().WaitAsync(TunnelFleet.Patience);
        await process.WaitForExitAsync().WaitAsync(TunnelFleet.Patience);
        process.ExitCode.ShouldNotBe(0);
        (error + await output).ShouldContain($"{variable}: '{value}'");
    }

    private static async Task SendAsync(Socket visitor)
    {
        try
        {
            var bytes = new byte[16_384];
            while (true)
            {
                await visitor.SendAsync(bytes);
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // The test has closed it.
        }
    }

    private static async Task ReadAsync(Socket visitor, Action<int> count)
    {
        try
        {
            var bytes = new byte[16_384];
            while (await visitor.ReceiveAsync(bytes) is > 0 and var read)
            {
                count(read);
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // The test has closed it.
        }
    }

    private async Task<string> ConfigAsync()
    {
        var config = Path.Combine(_directory.FullName, "gateway.json");
        await File.WriteAllTextAsync(
            config,
            $$"""
            {
              "fleet": "default/hand",
              "capacity": {"maxConnections": 100},
              "listeners": [{
                "name": "bore", "protocol": "Tunnel", "port": 7835,
                "tunnel": {"portRange": {"start": {{TunnelFleet.FirstPort}}, "end": 65000} }
              }]
            }
            """
        );
        return config;
    }

    private static async Task StartAsync(HttpClient http, GatewayHost first, GatewayHost second)
    {
        await first.StartAsync();
        await second.StartAsync();
        await Until.TrueAsync(
            async () => (await GetAsync(http, first, "/stats")).GetProperty("serverCount").GetInt32() == 2,
            TunnelFleet.Patience,
            "they know of each other"
        );
    }

    private static GatewayHost Host(
        string name,
        int number,
        string config,
        RedisServer redis,
        params IEnumerable<(string Name, string Value)> variables
    ) =>
        new(name, new IPEndPoint(new IPAddress(new byte[] { 127, 77, (byte)Random.Shared.Next(1, 255), (byte)number }), 7835), config)
        {
            Variables = new Dictionary<string, string>(variables.Select(static one => KeyValuePair.Create(one.Name, one.Value)))
            {
                ["REDIS_ADDRESSES"] = redis.Address,
                ["RESERVED_CAPACITY_PERCENT"] = "25",
            },
            Options = ["--admin", $"127.0.0.1:{AdminPort(name)}"],
        };

    private static readonly System.Collections.Concurrent.ConcurrentDictionary<string, int> AdminPorts = new();

    private static int AdminPort(string name) => AdminPorts.GetOrAdd(name, static _ => Ports.Free());

    private static async Task<JsonElement> GetAsync(HttpClient http, GatewayHost gateway, string path)
    {
        var text = await http.GetStringAsync(new Uri($"http://127.0.0.1:{AdminPort(gateway.Name)}/api/v1/registry{path}"));
        using var document = JsonDocument.Parse(text);
        return document.RootElement.Clone();
    }

    private static async Task<Socket> OpenAsync(GatewayHost gateway)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(gateway.Server);
        await socket.SendAsync(Encoding.ASCII.GetBytes("{\"Hello\":0}\0"));
        var buffer = new byte[9];
        for (var have = 0; have < buffer.Length; )
        {
            var count = await socket.ReceiveAsync(buffer.AsMemory(have)).AsTask().WaitAsync(TunnelFleet.Patience);
            have += count > 0 ? count : throw new EndOfStreamException();
        }

        Encoding.ASCII.GetString(buffer).ShouldBe("{\"Hello\":");
        return socket;
    }
}
