using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Mooring.Testing;
using Mooring.Testing.Redis;
using Xunit.Abstractions;

namespace Mooring.Chaos.Tests;

/// <summary>Tunnels over each form of Redis that a registry may have: Sentinels, a cluster, TLS with a password.</summary>
public sealed class TunnelRedisFormsTests(ITestOutputHelper output) : IDisposable
{
    private const string Generations = "mooring:{default/chaos}:generations";
    private static readonly TimeSpan Ttl = TimeSpan.FromSeconds(30);
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("mooring-forms-");

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public async Task Sentinel_MasterDies_PortsAreKept_AndNewTunnelsOpenAgain()
    {
        await using var master = await RedisServer.StartAsync();
        await using var replica = await RedisServer.StartAsync(
            "--replicaof",
            "127.0.0.1",
            $"{master.Port}",
            "--repl-diskless-sync-delay",
            "0"
        );
        await Until.TrueAsync(
            async () => (await replica.CliAsync("INFO", "replication")).Contains("master_link_status:up", StringComparison.Ordinal),
            TunnelFleet.Patience,
            "the replica follows"
        );
        await using var sentinel = await RedisServer.StartSentinelAsync(master, quorum: 1);
        await Until.TrueAsync(
            async () => (await sentinel.CliAsync("SENTINEL", "replicas", "fleet")).Contains($"{replica.Port}", StringComparison.Ordinal),
            TunnelFleet.Patience,
            "the Sentinel knows the replica"
        );
        await using var fleet = await TunnelFleet.StartAsync(
            2,
            Ttl,
            $$"""{"addresses": ["{{sentinel.Address}}"], "sentinelMaster": "fleet"}""",
            master.CliAsync
        );
        await ShouldOutliveAsync(
            fleet,
            async () =>
            {
                // What it has said last may not be there yet: replication is not waited for.
                await Until.TrueAsync(
                    async () => (await replica.CliAsync("KEYS", "*:tunnel:*")).Split('\n').Length == 2,
                    TunnelFleet.Patience,
                    "the replica has the tunnels"
                );
                master.Kill();
                fleet.Cli = replica.CliAsync;
                await Until.TrueAsync(
                    async () => (await replica.CliAsync("ROLE")).StartsWith("master", StringComparison.Ordinal),
                    TunnelFleet.Patience,
                    "the replica is the master"
                );
            }
        );
    }

    [Fact]
    public async Task Cluster_SlotMoves_PortsAreKept_AndNewTunnelsOpen()
    {
        await using var cluster = await RedisCluster.StartAsync();
        var slot = int.Parse(await cluster.Nodes[0].CliAsync("CLUSTER", "KEYSLOT", Generations));
        var from = slot / 5461;
        var to = (from + 1) % 3;
        await using var fleet = await TunnelFleet.StartAsync(
            2,
            Ttl,
            $$"""{"addresses": ["{{cluster.Nodes[2].Address}}", "{{cluster.Nodes[0].Address}}"], "cluster": true}""",
            cluster.Nodes[from].CliAsync
        );
        await ShouldOutliveAsync(
            fleet,
            async () =>
            {
                await MoveAsync(cluster, slot, from, to);
                fleet.Cli = cluster.Nodes[to].CliAsync;
            }
        );
    }

    [Fact]
    public async Task TlsAndPassword_PortsAreKept_WhenItRestarts()
    {
        WriteCertificates();
        await File.WriteAllTextAsync(PathOf("password"), "right\n");
        var port = Ports.Free();
        await using var redis = await RedisServer.StartAsync([
            "--requirepass",
            "right",
            "--tls-port",
            $"{port}",
            "--tls-auth-clients",
            "no",
            "--tls-cert-file",
            PathOf("server.crt"),
            "--tls-key-file",
            PathOf("server.key"),
            "--tls-ca-cert-file",
            PathOf("ca.crt"),
        ]);
        var settings = $$"""
            {"addresses": ["127.0.0.1:{{port}}"], "passwordFile": "{{PathOf("password")}}", "tls": {"caFile": "{{PathOf("ca.crt")}}" } }
            """;
        await using var fleet = await TunnelFleet.StartAsync(
            2,
            Ttl,
            settings,
            arguments => redis.CliAsync(["--no-auth-warning", "-a", "right", .. arguments])
        );
        await ShouldOutliveAsync(
            fleet,
            async () =>
            {
                redis.Kill();
                await redis.StartAgainAsync();
            }
        );
    }

    /// <summary>Tunnels of both kinds of client are opened; the registry changes; each is reached by each gateway as before, and new ones are opened.</summary>
    private async Task ShouldOutliveAsync(TunnelFleet fleet, Func<Task> change)
    {
        using var door = new FrontDoor(fleet);
        await using var own = new OwnTunnel("own", door.Port);
        await using var bore = new BoreTunnel("bore", fleet);
        var ports = own.Ports.Concat(bore.Ports).ToList();
        var visitors = new Visitors(fleet, ports);
        (await visitors.AllAnswerAsync(() => fleet.Up, TunnelFleet.Patience, atOnce: 2)).Missing.ShouldBeEmpty("through each gateway");
        var numbers = ports.ConvertAll(static port => port.Number);
        var owners = (await fleet.OwnersAsync()).OrderBy(static pair => pair.Key).ToList();
        owners.Select(static pair => pair.Key).ShouldBe(numbers.Order());

        var since = System.Diagnostics.Stopwatch.GetTimestamp();
        await change();
        (await visitors.AllAnswerAsync(() => fleet.Up, TunnelFleet.Patience, atOnce: 2)).Missing.ShouldBeEmpty("meanwhile");
        foreach (var gateway in fleet.Up)
        {
            await Until.TrueAsync(
                async () => Hello.IsGranted(await Hello.AskAsync(gateway)),
                TunnelFleet.Patience,
                $"{gateway.Name} opens new tunnels"
            );
        }

        output.WriteLine($"new tunnels by each gateway after {System.Diagnostics.Stopwatch.GetElapsedTime(since).TotalSeconds:0.0} s");
        await Until.TrueAsync(
            async () =>
                (await fleet.OwnersAsync())
                    .Where(pair => numbers.Contains(pair.Key))
                    .OrderBy(static pair => pair.Key)
                    .SequenceEqual(owners),
            TunnelFleet.Patience,
            "each owner owns what it had"
        );
        foreach (var number in numbers)
        {
            (await Hello.AskAsync(fleet.Gateways[0], number)).ShouldBe("{\"Error\":\"port already in use\"}");
        }

        (await visitors.AllAnswerAsync(() => fleet.Up, TunnelFleet.Patience, atOnce: 2)).Missing.ShouldBeEmpty("afterwards");
        ports.ConvertAll(static port => port.Number).ShouldBe(numbers);
        visitors.Strangers.ShouldBeEmpty();
    }

    /// <summary>Moves a slot with its keys from one node to another, as redis-cli's reshard does.</summary>
    private static async Task MoveAsync(RedisCluster cluster, int slot, int from, int to)
    {
        await cluster.Nodes[to].CliAsync("CLUSTER", "SETSLOT", $"{slot}", "IMPORTING", await cluster.IdAsync(from));
        await cluster.Nodes[from].CliAsync("CLUSTER", "SETSLOT", $"{slot}", "MIGRATING", await cluster.IdAsync(to));
        string[] keys;
        while ((keys = await KeysAsync()).Length > 0)
        {
            await cluster.Nodes[from].CliAsync(["MIGRATE", "127.0.0.1", $"{cluster.Nodes[to].Port}", "", "0", "5000", "KEYS", .. keys]);
        }

        foreach (var node in new[] { to, from, 3 - to - from })
        {
            (await cluster.Nodes[node].CliAsync("CLUSTER", "SETSLOT", $"{slot}", "NODE", await cluster.IdAsync(to))).ShouldBe("OK");
        }

        async Task<string[]> KeysAsync() =>
            (await cluster.Nodes[from].CliAsync("CLUSTER", "GETKEYSINSLOT", $"{slot}", "100")).Split(
                '\n',
                StringSplitOptions.RemoveEmptyEntries
            );
    }

    private string PathOf(string name) => Path.Combine(_directory.FullName, name);

    private void WriteCertificates()
    {
        var now = DateTimeOffset.UtcNow;
        using var caKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var authority = new CertificateRequest("CN=authority", caKey, HashAlgorithmName.SHA256);
        authority.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        using var ca = authority.CreateSelfSigned(now.AddHours(-2), now.AddHours(2));
        File.WriteAllText(PathOf("ca.crt"), ca.ExportCertificatePem());
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=redis", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        using var server = request.Create(ca, now.AddHours(-1), now.AddHours(1), [1, 2, 3]);
        File.WriteAllText(PathOf("server.crt"), server.ExportCertificatePem());
        File.WriteAllText(PathOf("server.key"), key.ExportPkcs8PrivateKeyPem());
    }
}
