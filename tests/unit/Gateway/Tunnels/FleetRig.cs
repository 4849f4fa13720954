using System.Net;
using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Registry;
using Mooring.Gateway.Tunnels;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Tunnels;

/// <summary>Gateways that share a registry, each with an address of its own for public ports, as pods have: 127.0.0.1, 127.0.0.2 and so on. Or all with the same, as on one host.</summary>
internal sealed class FleetRig : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Task> _beating = [];

    public MemoryRegistry Registry { get; } = new(TimeProvider.System);

    public List<FleetGateway> Gateways { get; } = [];

    public FleetGateway this[int number] => Gateways[number];

    public static async Task<FleetRig> StartAsync(
        int count,
        int loops = 1,
        Func<TunnelListenerConfig, TunnelListenerConfig>? tunnel = null,
        Func<GatewayConfig, GatewayConfig>? config = null,
        bool oneHost = false
    )
    {
        var rig = new FleetRig();
        PortRangeConfig? range = null;
        for (var i = 0; i < count; i++)
        {
            var address = new IPAddress(new byte[] { 127, 0, 0, (byte)(oneHost ? 1 : i + 1) });
            var gateway = new FleetGateway($"gateway-{i}", address);
            gateway.Rig = await TunnelRig.StartAsync(
                loops,
                listener =>
                    tunnel?.Invoke(listener with { PortRange = range ?? listener.PortRange })
                    ?? listener with
                    {
                        PortRange = range ?? listener.PortRange,
                    },
                config,
                options => options with { TunnelBind = address, BindAddress = address }
            );
            range ??= gateway.Rig.Range;
            var answer = await rig.Registry.RegisterAsync(gateway.Record(), FleetGateway.Ttl, replace: true);
            gateway.Generation = answer.Generation;
            gateway.Known = answer.Gateways;
            gateway.Engine.Tunnels.Source = () => gateway.View(rig.Registry);
            rig.Gateways.Add(gateway);
            rig._beating.Add(rig.BeatAsync(gateway));
        }

        await Until.TrueAsync(
            () => rig.Gateways.TrueForAll(gateway => gateway.Known.Count(record => record.Peer is not null) == count),
            TunnelRig.Patience,
            "every gateway knows how to reach the others"
        );
        return rig;
    }

    /// <summary>A gateway listens on the public port of another's tunnel.</summary>
    public static Task ListensAsync(FleetGateway gateway, int ports = 1) =>
        Until.TrueAsync(
            () => gateway.Engine.Tunnels.ForeignPorts >= ports,
            TunnelRig.Patience,
            $"{gateway.Name} listens for the others' tunnels"
        );

    /// <summary>Nothing of any tunnel is left on any gateway, nor in the registry.</summary>
    public async Task NothingLeftAsync(params string[] things)
    {
        foreach (var gateway in Gateways)
        {
            await gateway.Rig.NothingLeftAsync();
            await Until.TrueAsync(
                async () =>
                {
                    var left = await Task.WhenAll(gateway.Engine.Loops.Select(loop => loop.InvokeAsync(() => loop.Tunnels.Forwards)));
                    return left.Sum() == 0 && gateway.Engine.Tunnels.ForeignPorts == 0;
                },
                TunnelRig.Patience,
                "nothing is on its way, and nobody listens for anybody"
            );
        }

        foreach (var thing in things)
        {
            await Until.TrueAsync(
                async () => await Registry.FindAsync(new OwnedThing(thing)) is null,
                TunnelRig.Patience,
                $"nobody owns {thing}"
            );
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_beating);
        foreach (var gateway in Gateways)
        {
            await gateway.Rig.DisposeAsync();
        }

        await Registry.DisposeAsync();
        _stop.Dispose();
    }

    private async Task BeatAsync(FleetGateway gateway)
    {
        try
        {
            while (!gateway.IsDead)
            {
                var answer = await Registry.RegisterAsync(gateway.Record(), FleetGateway.Ttl, replace: false);
                gateway.Generation = answer.Generation;
                gateway.Known = answer.Gateways;
                await Task.Delay(50, _stop.Token);
            }
        }
        catch (OperationCanceledException)
        {
            // The test is over.
        }
    }
}

/// <summary>One gateway of a <see cref="FleetRig"/>.</summary>
internal sealed class FleetGateway(string name, IPAddress address)
{
    public static readonly TimeSpan Ttl = TimeSpan.FromSeconds(60);

    public string Name { get; } = name;

    /// <summary>Where its public ports are.</summary>
    public IPAddress Address { get; } = address;

    public TunnelRig Rig { get; set; } = null!;

    public GatewayEngine Engine => Rig.Harness.Engine;

    public IPEndPoint Server => Rig.Server;

    public long Generation { get; set; }

    public IReadOnlyList<GatewayRecord> Known { get; set; } = [];

    /// <summary>It says nothing any more.</summary>
    public bool IsDead { get; set; }

    /// <summary>Why it cannot reach the registry; null: it can.</summary>
    public string? Problem { get; set; }

    public GatewayRecord Record() =>
        new()
        {
            Name = Name,
            State = GatewayState.Serving,
            Load = Engine.Connections,
            Capacity = 1000,
            Generation = Generation,
            Peer = Engine.Tunnels.Peer,
        };

    public TunnelRegistry View(IFleetRegistry registry) =>
        new(registry, new GatewayId(Name, Generation), Ttl, Problem, Known, 0, IsStale: false) { IsShared = true };
}
