using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text.Json;
using Mooring.Contracts;
using Mooring.Gateway.Tests.Handover;
using Mooring.Gateway.Tests.Listeners;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Limits.Overload;

/// <summary>A gateway process whose limit of descriptors is lowered while it runs, below what its config counts on.</summary>
public sealed partial class DescriptorLimitTests : IDisposable
{
    private const int OpenFiles = 7;
    private const int Loops = 2;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("descriptors");

    [Theory]
    [InlineData(40)]
    [InlineData(41)]
    public async Task Exhausted_PausesWithoutSpinning_AndServesWhoWaitedOnceThereAreSome(int room)
    {
        using var server = new TestServer();
        var (port, admin) = (EngineProbes.ClosedPort(), EngineProbes.ClosedPort());
        var file = Path.Combine(_folder.FullName, "gateway.json");
        var config = EngineHarness.Config(port, server.Port);
        // So long may one wait who was accepted and has no descriptor for an upstream, and this machine may be slow.
        config = config with
        {
            Backends = [config.Backends[0] with { ConnectTimeout = TimeSpan.FromSeconds(60) }],
        };
        await File.WriteAllTextAsync(file, JsonSerializer.Serialize(config, ContractsJson.Default.GatewayConfig));
        using var gateway = new GatewayRun("--config", file, "--bind", "127.0.0.1", "--loops", $"{Loops}", "--admin", $"127.0.0.1:{admin}");
        await gateway.EventAsync("started");
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{admin}") };
        (await PausesAsync(http)).ShouldBe(0);
        using (var probe = await EngineHarness.ConnectAsync(port))
        {
            await EngineProbes.PingAsync(probe);
        }

        var limit = (ulong)(Directory.GetFileSystemEntries($"/proc/{gateway.Id}/fd").Length + room);
        SetLimit(gateway.Id, OpenFiles, [limit, limit], 0).ShouldBe(0);
        var since = Stopwatch.GetTimestamp();
        var clients = new List<Socket>();
        for (var i = 0; i < 40; i++)
        {
            clients.Add(await EngineHarness.ConnectAsync(port));
            clients[^1].Send([1]);
        }

        var served = new List<Socket>();
        await Until.TrueAsync(
            () =>
            {
                served = [.. clients.Where(client => client.Poll(0, SelectMode.SelectRead) && client.Available > 0)];
                return served.Count >= (room / 2) - 2;
            },
            EngineHarness.Patience,
            "as many are served as there are descriptors for"
        );
        // The probe's descriptors may have counted when the limit was set, and be closed by now.
        served.Count.ShouldBeLessThanOrEqualTo((room / 2) + Loops + 2);

        // The others wait in the kernel's queue: they have their turn when those go, and are never reset.
        var waiting = clients.Except(served).ToList();
        served.ForEach(client => client.Dispose());
        foreach (var client in waiting)
        {
            using var patience = new CancellationTokenSource(EngineHarness.Patience);
            (await client.ReceiveAsync(new byte[1], patience.Token)).ShouldBe(1);
            client.Dispose();
        }

        // One failed accept a pause, ten pauses a second, and those that closed connections have ended early.
        var most = Loops * ((Stopwatch.GetElapsedTime(since).TotalSeconds * 10) + clients.Count);
        await Until.TrueAsync(async () => await PausesAsync(http) > 0, EngineHarness.Patience, "the metrics, and that there were pauses");
        (await PausesAsync(http)).ShouldBeLessThanOrEqualTo(most);
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private static async Task<double> PausesAsync(HttpClient http)
    {
        const string Name = "mooring_gateway_accept_pauses_total{reason=\"descriptors\"} ";
        var text = await http.GetStringAsync(new Uri("/metrics", UriKind.Relative));
        return double.Parse(
            text.Split('\n').First(line => line.StartsWith(Name, StringComparison.Ordinal))[Name.Length..],
            CultureInfo.InvariantCulture
        );
    }

    [LibraryImport("libc", EntryPoint = "prlimit")]
    private static partial int SetLimit(int process, int resource, ulong[] limits, nint old);
}
