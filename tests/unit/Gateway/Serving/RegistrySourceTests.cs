using System.Net.Sockets;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Draining;
using Mooring.Gateway.Serving;
using Mooring.Gateway.Telemetry;
using Mooring.Gateway.Tests.Listeners;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Serving;

/// <summary>What a gateway tells the registry of itself, of real connections.</summary>
public sealed class RegistrySourceTests : IAsyncLifetime
{
    private const int Bytes = 100_000;

    private readonly LogSink _sink = new(Stream.Null);
    private readonly ManualTime _time = new();
    private readonly EngineHarness _gateway = new(change: static options => options with { BindsListeners = true });
    private readonly TestServer _server = new();
    private readonly int _stays = Ports.Free();
    private readonly int _goes = Ports.Free();
    private DrainController _drain = null!;
    private RegistrySource _source = null!;

    public async Task InitializeAsync()
    {
        _drain = new DrainController(_gateway.Engine, shared: false, new GatewayLog(_sink, default, _time), _time);
        _source = new RegistrySource(new ServeOptions { Name = "here" }, _gateway.Engine, _drain, _time);
        await ApplyAsync("stays", "goes");
        Measure().ShouldBe(0);
    }

    public async Task DisposeAsync()
    {
        _drain.Dispose();
        await _gateway.DisposeAsync();
        _server.Dispose();
        await _sink.DisposeAsync();
    }

    [Fact]
    public async Task Bandwidth_IsOfAllListenersSinceTheLastLook()
    {
        await TransferAsync(_stays);
        await TransferAsync(_goes);
        Measure().ShouldBe(4 * Bytes * 8);
        Measure().ShouldBe(0);
    }

    [Fact]
    public async Task Bandwidth_ListenerGoes_TakesNothingFromTheOthers()
    {
        await TransferAsync(_goes);
        Measure().ShouldBe(2 * Bytes * 8);

        await ApplyAsync("stays");
        await TransferAsync(_stays);
        Measure().ShouldBe(2 * Bytes * 8);
    }

    [Fact]
    public async Task Bandwidth_ListenerComesBack_IsOfWhatItMovedSince()
    {
        await TransferAsync(_goes);
        Measure().ShouldBe(2 * Bytes * 8);
        await ApplyAsync("stays");
        Measure().ShouldBe(0);

        await ApplyAsync("stays", "goes");
        Measure().ShouldBe(0);
        await TransferAsync(_goes);
        Measure().ShouldBe(2 * Bytes * 8);
    }

    private long Measure()
    {
        _time.Advance(TimeSpan.FromSeconds(1));
        return _source.Record().Bandwidth;
    }

    private Task ApplyAsync(params string[] listeners) =>
        _gateway.ApplyAsync(
            new GatewayConfig
            {
                Fleet = "default/test",
                Listeners = [.. listeners.Select(name => EngineHarness.Listener(name, name == "goes" ? _goes : _stays))],
                Backends = [EngineHarness.Backend("relay", _server.Port)],
            }
        );

    /// <summary>There and back, until nothing of it is open.</summary>
    private async Task TransferAsync(int port)
    {
        using (var client = await EngineHarness.ConnectAsync(port))
        {
            using var limit = new CancellationTokenSource(EngineHarness.Patience);
            await using var stream = new NetworkStream(client);
            var sending = stream.WriteAsync(new byte[Bytes], limit.Token);
            await stream.ReadExactlyAsync(new byte[Bytes], limit.Token);
            await sending;
        }

        await _gateway.NoneOpenAsync();
    }
}
