using System.Net;
using System.Net.Sockets;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Telemetry;
using Mooring.Gateway.Tests.Datagrams;
using Mooring.Gateway.Tests.Listeners;

namespace Mooring.Gateway.Tests.Handover;

/// <summary>Two engines that share the sockets of a UDP port, of which one reads at a time.</summary>
internal sealed class FlowRig : IAsyncDisposable
{
    private readonly EngineHarness[] _harnesses;
    private readonly List<Socket> _sockets = [];

    private FlowRig(int loops) => _harnesses = [new EngineHarness(loops), new EngineHarness(loops)];

    public int Port { get; private set; }

    public IReadOnlyList<GatewayEngine> Engines => [.. _harnesses.Select(harness => harness.Engine)];

    public IReadOnlyList<AccessRecord> Records => [.. _harnesses.SelectMany(harness => harness.Records)];

    /// <summary>Sockets of the port that are connected to one client.</summary>
    public int Pins =>
        File.ReadLines("/proc/net/udp")
            .Count(line =>
                line.Split(' ', StringSplitOptions.RemoveEmptyEntries) is [_, var local, var remote, ..]
                && local.EndsWith($":{Port:X4}", StringComparison.Ordinal)
                && !remote.EndsWith(":0000", StringComparison.Ordinal)
            );

    public static async Task<FlowRig> StartAsync(int backend, IPAddress bind, int loops = 1)
    {
        var rig = new FlowRig(loops);
        for (var i = 0; i < loops; i++)
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            socket.SetRawSocketOption(1, 15, BitConverter.GetBytes(1));
            socket.Bind(new IPEndPoint(bind, rig.Port));
            rig.Port = ((IPEndPoint)socket.LocalEndPoint!).Port;
            rig._sockets.Add(socket);
        }

        await rig.Engines[1].SetModeAsync(AcceptMode.Pause);
        foreach (var harness in rig._harnesses)
        {
            await harness.ApplyAsync(UdpGateway.Config(rig.Port, backend));
            await harness.HandOverAsync(rig._sockets);
        }

        return rig;
    }

    /// <summary>Gives one of the engines another config, with everything in it under other names.</summary>
    public Task ApplyAsync(int engine, GatewayConfig config, string name) =>
        _harnesses[engine]
            .ApplyAsync(
                config with
                {
                    Listeners = [.. config.Listeners.Select(listener => listener with { Name = name, Backend = name })],
                    Backends = [.. config.Backends.Select(backend => backend with { Name = name })],
                }
            );

    public List<UdpClientSocket> Clients(int count) =>
        [.. Enumerable.Range(0, count).Select(_ => new UdpClientSocket(new IPEndPoint(IPAddress.Loopback, Port)))];

    public static async Task AskAsync(IEnumerable<UdpClientSocket> clients, string text)
    {
        foreach (var client in clients)
        {
            (await client.AskAsync(text)).ShouldBe(text);
        }
    }

    /// <summary>The other engine reads the port's sockets from now on.</summary>
    public static async Task SwitchAsync(GatewayEngine from, GatewayEngine to)
    {
        await from.SetModeAsync(AcceptMode.Pause);
        await to.SetModeAsync(AcceptMode.Accept);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var harness in _harnesses)
        {
            await harness.DisposeAsync();
        }

        _sockets.ForEach(socket => socket.Dispose());
    }
}
