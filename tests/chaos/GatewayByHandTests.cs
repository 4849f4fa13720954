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
        await using var few = Host("few", 1, config, redis, tunnels: 2);
        await using var many = Host("many", 2, config, redis, tunnels: 50);
        await few.StartAsync();
        await many.StartAsync();
        using var http = new HttpClient();
        await Until.TrueAsync(
            async () => (await GetAsync(http, few, "/stats")).GetProperty("serverCount").GetInt32() == 2,
            TunnelFleet.Patience,
            "they know of each other"
        );
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

    [Theory]
    [InlineData("MAX_TUNNELS_PER_SERVER", "none")]
    [InlineData("MAX_BANDWIDTH_PER_TUNNEL", "100M")]
    [InlineData("TOTAL_SYSTEM_CAPACITY", "-1")]
    [InlineData("RESERVED_CAPACITY_PERCENT", "100")]
    public async Task BadVariable_IsRefusedByName(string variable, string value)
    {
        var start = new System.Diagnostics.ProcessStartInfo(
            Path.Combine(AppContext.BaseDirectory, "gateway"),
            ["serve", "--config", Path.Combine(_directory.FullName, "none.json")]
        )
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment[variable] = value;
        using var process = System.Diagnostics.Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = await process.StandardError.ReadToEndAsync().WaitAsync(TunnelFleet.Patience);
        await process.WaitForExitAsync().WaitAsync(TunnelFleet.Patience);
        process.ExitCode.ShouldNotBe(0);
        (error + await output).ShouldContain($"{variable}: '{value}'");
    }

    private static GatewayHost Host(string name, int number, string config, RedisServer redis, int tunnels) =>
        new(name, new IPEndPoint(new IPAddress(new byte[] { 127, 77, (byte)Random.Shared.Next(1, 255), (byte)number }), 7835), config)
        {
            Variables = new Dictionary<string, string>
            {
                ["REDIS_ADDRESSES"] = redis.Address,
                ["MAX_TUNNELS_PER_SERVER"] = $"{tunnels}",
                ["MAX_BANDWIDTH_PER_TUNNEL"] = "8000000",
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
