using System.Net.WebSockets;
using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Tests.WebSockets;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Backends;

/// <summary>Endpoints that drain, on the real engine: who is sent away, and who is not.</summary>
public sealed class EndpointDrainTests : IAsyncLifetime
{
    private const int Clients = 12;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(90);
    private EchoBackend _going = null!;
    private EchoBackend _staying = null!;
    private ProxyGateway _gateway = null!;

    public async Task InitializeAsync()
    {
        _going = await EchoBackend.StartAsync();
        _staying = await EchoBackend.StartAsync();
        _gateway = await ProxyGateway.StartAsync(
            new WebSocketListenerConfig(),
            "app",
            new BackendConfig { Name = "app", Source = EndpointSource.Pushed }
        );
    }

    public async Task DisposeAsync()
    {
        await _gateway.DisposeAsync();
        await _going.DisposeAsync();
        await _staying.DisposeAsync();
    }

    [Fact]
    public async Task Draining_WithAPace_SendsItsWebSocketsAwayByTheFleetsCodeAndNoOthers()
    {
        await PushAsync(draining: false, pace: 0);
        var clients = await Task.WhenAll(Enumerable.Range(0, Clients).Select(_ => _gateway.ConnectAsync()));
        await Until.TrueAsync(() => Load("going") + Load("staying") == Clients, Limit, "all are connected");
        var going = Load("going");
        going.ShouldBeGreaterThan(0);
        going.ShouldBeLessThan(Clients);

        await PushAsync(draining: true, pace: 100);

        var ends = clients.Select(EndAsync).ToList();
        await Until.TrueAsync(() => ends.Count(static end => end.IsCompleted) == going, Limit, "those on it are told to go");
        await Until.TrueAsync(() => Load("going") == 0, Limit, "it is empty");
        foreach (var end in ends.Where(static end => end.IsCompleted))
        {
            (await end).ShouldBe(1012);
        }

        // Those on the other are left alone, and new ones go there.
        Load("staying").ShouldBe(Clients - going);
        using var late = await _gateway.ConnectAsync();
        await Until.TrueAsync(() => Load("staying") == Clients - going + 1, Limit, "a new one goes to the other");
        Array.ForEach(clients, static client => client.Dispose());
    }

    [Fact]
    public async Task Draining_WithoutAPace_KeepsItsConnectionsAndGetsNone()
    {
        await PushAsync(draining: false, pace: 0);
        var clients = await Task.WhenAll(Enumerable.Range(0, Clients).Select(_ => _gateway.ConnectAsync()));
        await Until.TrueAsync(() => Load("going") + Load("staying") == Clients, Limit, "all are connected");
        var going = Load("going");

        await PushAsync(draining: true, pace: 0);

        var late = await Task.WhenAll(Enumerable.Range(0, Clients).Select(_ => _gateway.ConnectAsync()));
        await Until.TrueAsync(() => Load("staying") == (2 * Clients) - going, Limit, "new ones go to the other");
        foreach (var client in clients)
        {
            await client.SendAsync(new byte[] { 7 }, WebSocketMessageType.Binary, true, ProxyGateway.Deadline());
            (await client.ReceiveAsync(new byte[8], ProxyGateway.Deadline())).MessageType.ShouldBe(WebSocketMessageType.Binary);
        }

        Load("going").ShouldBe(going);
        Array.ForEach([.. clients, .. late], static client => client.Dispose());
    }

    private async Task PushAsync(bool draining, double pace) =>
        (
            await _gateway.Engine.ApplyEndpointsAsync(
                new EndpointsMessage
                {
                    Backend = "app",
                    ClosesPerSecond = pace,
                    Endpoints = [Endpoint("going", _going.Port, draining), Endpoint("staying", _staying.Port, draining: false)],
                }
            )
        ).ShouldBeTrue();

    private static EndpointInfo Endpoint(string id, int port, bool draining) =>
        new()
        {
            Id = id,
            Address = "127.0.0.1",
            Port = port,
            Draining = draining,
        };

    private int Load(string endpoint) =>
        _gateway.Engine.BackendLoads().Single().Endpoints.FirstOrDefault(load => load.Id == endpoint)?.Connections ?? 0;

    private static async Task<int> EndAsync(ClientWebSocket client)
    {
        var received = await client.ReceiveAsync(new byte[64], CancellationToken.None);
        await client.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, ProxyGateway.Deadline());
        return (int)received.CloseStatus!.Value;
    }
}
