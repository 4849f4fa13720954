using System.Collections.Concurrent;
using System.Net.Sockets;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Tests.Listeners;
using Mooring.Testing.Faults;

namespace Mooring.Gateway.Tests.Faults;

/// <summary>Client – faults – gateway – faults – backend, with as many loops as a machine of two cores has.</summary>
internal sealed class FaultRig : IAsyncDisposable
{
    private readonly TestServer _server;
    private readonly FaultProxy _behind;
    private readonly EngineHarness _gateway;
    private readonly FaultProxy _front;
    private readonly StreamWrapper _wrapper;

    private FaultRig(TestServer server, FaultProxy behind, EngineHarness gateway, FaultProxy front, StreamWrapper wrapper) =>
        (_server, _behind, _gateway, _front, _wrapper) = (server, behind, gateway, front, wrapper);

    /// <summary>What came at the backend, by seed.</summary>
    public ConcurrentDictionary<int, Received> AtBackend { get; private init; } = [];

    public EngineHarness Gateway => _gateway;

    /// <param name="front">Faults between clients and gateway, by the connection's number.</param>
    /// <param name="behind">Faults between gateway and backend.</param>
    /// <param name="wrapper">What client and backend speak around the bytes: nothing, or TLS.</param>
    public static async Task<FaultRig> StartAsync(
        Func<int, (FaultPlan Up, FaultPlan Down)> front,
        Func<int, (FaultPlan Up, FaultPlan Down)> behind,
        StreamWrapper? wrapper = null
    )
    {
        wrapper ??= StreamWrapper.Plain;
        var received = new ConcurrentDictionary<int, Received>();
        var server = new TestServer(socket => wrapper.ServeAsync(socket, received));
        var back = new FaultProxy(server.Port, behind);
        var gateway = new EngineHarness(loops: 2);
        var port = (await gateway.ListenAsync())[0];
        var config = EngineHarness.Config(port, back.Port);
        // Faults of the test must not put its one endpoint out.
        var backend = config.Backends[0] with
        {
            PassiveHealth = new PassiveHealthConfig { MaxFails = 0 },
        };
        await gateway.ApplyAsync(wrapper.Configure(config with { Backends = [backend] }));
        return new FaultRig(server, back, gateway, new FaultProxy(port, front), wrapper) { AtBackend = received };
    }

    /// <summary>Runs one transfer and says what came at the client.</summary>
    public async Task<Received> RunAsync(Transfer transfer)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(120));
        using var socket = await EngineHarness.ConnectAsync(_front.Port);
        try
        {
            await using var stream = await _wrapper.Client(new NetworkStream(socket), limit.Token);
            return await transfer.RunClientAsync(stream, () => _wrapper.EndWriting(stream, socket), limit.Token);
        }
        catch (Exception error) when (error is IOException or SocketException or System.Security.Authentication.AuthenticationException)
        {
            // While it was wrapped or closed.
            return new Received(0, Convert.ToHexString(System.Security.Cryptography.SHA256.HashData([])), error.Message);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _front.Dispose();
        await _gateway.DisposeAsync();
        _behind.Dispose();
        _server.Dispose();
    }
}
