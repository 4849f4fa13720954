using System.Collections.Concurrent;
using System.Net;
using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Limits.Identities;
using Mooring.Gateway.Registry;
using Mooring.Gateway.Registry.Leases;
using Mooring.Gateway.Tunnels;
using Mooring.Gateway.Tunnels.Client;
using Mooring.Gateway.Tunnels.Protocol;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Tunnels;

/// <summary>What keeps tunnels and ends them, where something comes in between.</summary>
public sealed class KeepingTests
{
    [Fact]
    public async Task Keeper_GoesOn_WhereNoSocketForTheOtherGatewaysIsToBeHad()
    {
        // TEST-NET-1 (RFC 5737): no address of this machine. The tunnel has a name, for which nothing is bound.
        await using var rig = await TunnelRig.StartAsync(
            tunnel: tunnel => tunnel with { Domain = "tunnels.example", Grace = TimeSpan.FromMilliseconds(300) },
            change: options => options with { TunnelBind = IPAddress.Parse("192.0.2.1") }
        );
        await using var registry = new MemoryRegistry(TimeProvider.System);
        var record = new GatewayRecord
        {
            Name = "gateway",
            State = GatewayState.Serving,
            Capacity = 1,
        };
        var answer = await registry.RegisterAsync(record, FleetGateway.Ttl, replace: true);
        var looks = 0;
        rig.Harness.Engine.Tunnels.Source = () =>
        {
            Interlocked.Increment(ref looks);
            var id = new GatewayId("gateway", answer.Generation);
            return new TunnelRegistry(registry, id, FleetGateway.Ttl, null, [record], 0, IsStale: false) { IsShared = true };
        };
        await Until.TrueAsync(() => Volatile.Read(ref looks) > 0, TunnelRig.Patience, "it has looked at the registry that others see");
        await using var client = await OwnClient.StartAsync(rig.Server, [new LocalPort(TunnelProtocol.Name, "127.0.0.1", 1, 0, "shop")]);
        client.Cut();
        await Until.TrueAsync(() => rig.Harness.Engine.Tunnels.Ended().Count == 1, TunnelRig.Patience, "the tunnel has ended");
        rig.Harness.Engine.Tunnels.Ended()[0].State.ShouldBe(TunnelState.TimedOut);
    }

    [Fact]
    public async Task ClaimedAnew_WhileItEnded_IsNobodysAllTheSame()
    {
        await using var fleet = await FleetRig.StartAsync(1);
        using var held = new HeldClaims(fleet.Registry);
        fleet[0].Engine.Tunnels.Source = () => fleet[0].View(held);
        int port;
        using (var bore = await BoreClient.OpenAsync(fleet[0].Server))
        {
            port = bore.Port;
            // Registered anew, as after the registry was away, it says again what it has.
            held.Hold();
            await fleet.Registry.UnregisterAsync(fleet[0].Name, fleet[0].Generation);
            await held.Claiming.WaitAsync(TunnelRig.Patience);
        }

        await Until.TrueAsync(() => fleet[0].Engine.Tunnels.Open().Count == 0, TunnelRig.Patience, "the tunnel has ended");
        held.Dispose();
        await fleet.NothingLeftAsync($"tcp:{port}");
    }

    /// <summary>It may come long after: Redis stands still, or visitors ask for many names.</summary>
    [Fact]
    public async Task LastWordOfATunnel_LeavesThePortToTheOneAfter()
    {
        await using var fleet = await FleetRig.StartAsync(1);
        using var held = new HeldClaims(fleet.Registry);
        fleet[0].Engine.Tunnels.Source = () => fleet[0].View(held);
        int port;
        using (var bore = await BoreClient.OpenAsync(fleet[0].Server))
        {
            port = bore.Port;
            held.HoldRelease();
        }

        await Until.TrueAsync(() => fleet[0].Engine.Tunnels.Open().Count == 0, TunnelRig.Patience, "the tunnel has ended");
        await held.Releasing.WaitAsync(TunnelRig.Patience);
        var next = BoreClient.OpenAsync(fleet[0].Server, port);
        // Whoever comes after it gets another port at once, and so it would have got this one.
        for (var i = 0; i < 3; i++)
        {
            using var other = await BoreClient.OpenAsync(fleet[0].Server);
        }

        held.Dispose();
        using var again = await next;
        await held.Released.WaitAsync(TunnelRig.Patience);
        var owner = await fleet.Registry.FindAsync(new OwnedThing($"tcp:{port}"));
        owner.ShouldNotBeNull().Gateway.Name.ShouldBe(fleet[0].Name);
    }

    /// <summary>Anybody can make up ids.</summary>
    [Fact]
    public async Task IdsOfNobody_AreLookedUpTogether()
    {
        const int count = 200;
        await using var fleet = await FleetRig.StartAsync(1);
        using var held = new HeldClaims(fleet.Registry);
        fleet[0].Engine.Tunnels.Source = () => fleet[0].View(held);
        var loop = fleet[0].Engine.Loops[0];
        using var bore = await BoreClient.OpenAsync(fleet[0].Server);
        held.HoldLists();
        var strangers = new List<System.Net.Sockets.Socket>();
        for (var i = 0; i < count; i++)
        {
            strangers.Add(await bore.AcceptAsync(Guid.NewGuid().ToString()));
        }

        await Until.TrueAsync(() => loop.InvokeAsync(() => loop.Tunnels.Forwards == count), TunnelRig.Patience, "all have said their id");
        held.Lists.ShouldBeLessThanOrEqualTo(2, "one for the first who came, and one of the gateway's own");
        held.Dispose();
        foreach (var stranger in strangers)
        {
            await TunnelRig.ShouldEndAsync(stranger);
        }
    }

    [Fact]
    public async Task Limit_HoldsWhileATunnelIsNearlyOpen()
    {
        using var clock = new HeldClock();
        await using var rig = await TunnelRig.StartAsync(
            config: config => WithTunnels(config, 1),
            change: options => options with { Time = clock }
        );
        var first = BoreClient.OpenAsync(rig.Server);
        // Its port is granted, and it is about to be among those that are open.
        await clock.Asked.WaitAsync(TunnelRig.Patience);
        using var second = await BoreClient.DialAsync(rig.Server, null);
        await BoreClient.SendAsync(second, "{\"Hello\":0}");
        try
        {
            (await BoreClient.FrameAsync(second)).ShouldBe("{\"Error\":\"this gateway has its limit of 1 tunnels\"}");
        }
        finally
        {
            clock.Dispose();
            (await first).Dispose();
        }

        await rig.NothingLeftAsync();
    }

    [Fact]
    public async Task Limit_HoldsForThoseWhoComeAtOnce()
    {
        const int limit = 10;
        await using var rig = await TunnelRig.StartAsync(config: config => WithTunnels(config, limit));
        for (var round = 0; round < 10; round++)
        {
            var clients = await Task.WhenAll(Enumerable.Range(0, 64).Select(_ => AskAsync(rig.Server)));
            var answers = await Task.WhenAll(clients.Select(BoreClient.FrameAsync));
            answers.Count(static answer => answer.StartsWith("{\"Hello\":", StringComparison.Ordinal)).ShouldBe(limit);
            Array.ForEach(clients, static client => client.Dispose());
            await rig.NothingLeftAsync();
        }

        // None waits for the others to dial: the gateway does not wait for it as long.
        static async Task<System.Net.Sockets.Socket> AskAsync(System.Net.IPEndPoint server)
        {
            var client = await BoreClient.DialAsync(server, null);
            await BoreClient.SendAsync(client, "{\"Hello\":0}");
            return client;
        }
    }

    private static GatewayConfig WithTunnels(GatewayConfig config, int max) =>
        config with
        {
            Capacity = new CapacityConfig { Tunnels = new TunnelCapacityConfig { MaxTunnels = max } },
        };

    [Fact]
    public async Task Resume_ThatIsGivenUp_LeavesTheTunnelItsGrace()
    {
        await using var rig = await TunnelRig.StartAsync(tunnel: tunnel => tunnel with { Grace = TimeSpan.FromMinutes(5) });
        const string Open = """{"Open":{"version":1,"ports":[{"protocol":"Tcp","port":0}]}}""";
        var tunnels = rig.Harness.Engine.Tunnels;
        var control = await BoreClient.DialAsync(rig.Server, null);
        await BoreClient.SendAsync(control, Open);
        await Until.TrueAsync(() => control.Available > 0, TunnelRig.Patience, "the client has its answer");
        control.Close(0);
        await Until.TrueAsync(() => tunnels.Open() is [{ State: TunnelState.Detached }], TunnelRig.Patience, "the client is gone");
        var session = tunnels.Open()[0];

        // The registry does not answer those who come first, and so the one who comes back waits for its turn, but not for long.
        await using var registry = new MemoryRegistry(TimeProvider.System);
        var record = new GatewayRecord
        {
            Name = "gateway",
            State = GatewayState.Serving,
            Capacity = 1,
        };
        var answer = await registry.RegisterAsync(record, FleetGateway.Ttl, replace: true);
        using var held = new HeldClaims(registry);
        held.Hold();
        var id = new GatewayId("gateway", answer.Generation);
        tunnels.Source = () => new TunnelRegistry(held, id, FleetGateway.Ttl, null, [record], 0, IsStale: false);
        var others = new List<System.Net.Sockets.Socket>();
        try
        {
            for (var i = 0; i < TunnelService.MaxOpenings; i++)
            {
                var other = await BoreClient.DialAsync(rig.Server, null);
                others.Add(other);
                await BoreClient.SendAsync(other, "{\"Hello\":0}");
            }

            await Until.TrueAsync(
                () => held.Claimed.Count(thing => thing != session.Ports[0].Thing) == TunnelService.MaxOpenings,
                TunnelRig.Patience,
                "as many wait as may at a time"
            );
            var back = await BoreClient.DialAsync(rig.Server, null);
            await BoreClient.SendAsync(
                back,
                Open.Replace("\"version\"", $"\"resume\":\"{session.Key}\",\"version\"", StringComparison.Ordinal)
            );
            await GreetingsAsync(TunnelService.MaxOpenings + 1);
            back.Close(0);
            await GreetingsAsync(TunnelService.MaxOpenings);
        }
        finally
        {
            held.Dispose();
            others.ForEach(static other => other.Dispose());
        }

        await GreetingsAsync(0);
        await Until.TrueAsync(() => tunnels.Open().Count <= 1, TunnelRig.Patience, "the others have ended");
        tunnels.Open().ShouldBe([session]);
        session.State.ShouldBe(TunnelState.Detached);

        Task GreetingsAsync(int count) =>
            Until.TrueAsync(
                async () => await rig.Harness.Engine.Loops[0].InvokeAsync(() => rig.Harness.Engine.Loops[0].Tunnels.Greetings) == count,
                TunnelRig.Patience,
                $"{count} wait"
            );
    }

    /// <summary>A wall clock that has whoever asks first wait.</summary>
    private sealed class HeldClock : TimeProvider, IDisposable
    {
        private readonly TaskCompletionSource _asked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _go = new();

        public Task Asked => _asked.Task;

        public override DateTimeOffset GetUtcNow()
        {
            if (_asked.TrySetResult())
            {
                _go.Task.Wait();
            }

            return base.GetUtcNow();
        }

        public void Dispose() => _go.TrySetResult();
    }

    /// <summary>A registry that takes its time for claims, for lists, or for one release.</summary>
    private sealed class HeldClaims(IFleetRegistry registry) : IFleetRegistry, IDisposable
    {
        private readonly TaskCompletionSource _claiming = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _releasing = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _go = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private volatile bool _holds;
        private volatile bool _holdsLists;
        private int _holdsRelease;
        private int _lists;

        /// <summary>What it was asked for while it held.</summary>
        public ConcurrentBag<OwnedThing> Claimed { get; } = [];

        public Task Claiming => _claiming.Task;

        /// <summary>It has come to the release that it holds.</summary>
        public Task Releasing => _releasing.Task;

        /// <summary>That one is done.</summary>
        public Task Released => _released.Task;

        /// <summary>Lists that it was asked for while it held.</summary>
        public int Lists => Volatile.Read(ref _lists);

        public void Hold() => _holds = true;

        public void HoldLists() => _holdsLists = true;

        /// <summary>The next one, and no other.</summary>
        public void HoldRelease() => Volatile.Write(ref _holdsRelease, 1);

        public void Dispose() => _go.TrySetResult();

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;

        public async Task<ClaimAnswer> ClaimAsync(
            OwnedThing thing,
            GatewayId gateway,
            string detail,
            TimeSpan ttl,
            bool force,
            TimeSpan settle = default
        )
        {
            if (_holds)
            {
                Claimed.Add(thing);
                _claiming.TrySetResult();
                await _go.Task;
            }

            return await registry.ClaimAsync(thing, gateway, detail, ttl, force, settle);
        }

        public async Task ReleaseAsync(OwnedThing thing, Ownership ownership)
        {
            var isHeld = Interlocked.Exchange(ref _holdsRelease, 0) != 0;
            if (isHeld)
            {
                _releasing.TrySetResult();
                await _go.Task;
            }

            await registry.ReleaseAsync(thing, ownership);
            if (isHeld)
            {
                _released.TrySetResult();
            }
        }

        public Task<RegisterAnswer> RegisterAsync(GatewayRecord record, TimeSpan ttl, bool replace) =>
            registry.RegisterAsync(record, ttl, replace);

        public Task UnregisterAsync(string name, long generation) => registry.UnregisterAsync(name, generation);

        public async Task<IReadOnlyList<GatewayRecord>> ListAsync()
        {
            if (_holdsLists)
            {
                Interlocked.Increment(ref _lists);
                await _go.Task;
            }

            return await registry.ListAsync();
        }

        public Task<bool> RenewAsync(OwnedThing thing, Ownership ownership, TimeSpan ttl) => registry.RenewAsync(thing, ownership, ttl);

        public Task<Ownership?> FindAsync(OwnedThing thing) => registry.FindAsync(thing);

        public Task<LeaseAnswer> LeaseAsync(LeaseRequest request) => registry.LeaseAsync(request);

        public Task<IReadOnlyList<bool>> CountAsync(string gateway, IReadOnlyList<IdentityPlace> places, TimeSpan ttl) =>
            registry.CountAsync(gateway, places, ttl);
    }
}
