using Mooring.Contracts.Stream;
using Mooring.Gateway.Limits.Identities;
using Mooring.Gateway.Registry;
using Mooring.Gateway.Registry.Leases;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Registry;

/// <summary>What every registry does, wherever it keeps its state.</summary>
public abstract class FleetRegistryTests : IAsyncLifetime
{
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan Brief = TimeSpan.FromMilliseconds(150);
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(90);
    private static readonly OwnedThing Tunnel = new("20000");
    private static long s_sequence;
    private IFleetRegistry? _registry;

    private protected IFleetRegistry Registry => _registry!;

    public async Task InitializeAsync()
    {
        _registry = Create($"default/f{Guid.NewGuid():N}");
        await Until.TrueAsync(async () => (await Registry.ListAsync()).Count == 0, Limit, "the registry answers");
    }

    public async Task DisposeAsync() => await Registry.DisposeAsync();

    [Fact]
    public async Task Register_NewGateway_IsListedAsItIs()
    {
        var record = new GatewayRecord
        {
            Name = "g-1",
            Address = "10.0.0.1:9090",
            State = GatewayState.Cordoned,
            Load = 7,
            Capacity = 100,
            Bandwidth = 5_000_000_000,
            BandwidthCapacity = 10_000_000_000,
        };

        var answer = await Registry.RegisterAsync(record, Long, replace: true);

        answer.Accepted.ShouldBeTrue();
        answer.Generation.ShouldBeGreaterThan(0);
        answer.Gateways.ShouldBe([record with { Generation = answer.Generation }]);
        (await Registry.ListAsync()).ShouldBe(answer.Gateways);
    }

    [Fact]
    public async Task Register_Again_KeepsGenerationAndTakesNewFigures()
    {
        var first = await RegisterAsync("g-1");

        var again = await Registry.RegisterAsync(Record("g-1", first, load: 9), Long, replace: false);

        again.Generation.ShouldBe(first);
        again.Gateways.Single().Load.ShouldBe(9);
    }

    [Fact]
    public async Task Register_ManyGateways_AreListedByName()
    {
        foreach (var name in new[] { "c", "a", "b" })
        {
            await RegisterAsync(name);
        }

        (await Registry.ListAsync()).Select(gateway => gateway.Name).ShouldBe(["a", "b", "c"]);
    }

    [Fact]
    public async Task Register_Silent_EndsWithItsTtl()
    {
        await RegisterAsync("stays");
        await Registry.RegisterAsync(Record("goes", 0), Brief, replace: true);

        await Until.TrueAsync(async () => (await Registry.ListAsync()).Single().Name == "stays", Limit, "the silent one is gone");
    }

    [Fact]
    public async Task Register_AfterItsEnd_GetsAGreaterGeneration()
    {
        var first = (await Registry.RegisterAsync(Record("g-1", 0), Brief, replace: true)).Generation;
        await Until.TrueAsync(async () => (await Registry.ListAsync()).Count == 0, Limit, "it has ended");

        var second = await Registry.RegisterAsync(Record("g-1", first), Long, replace: false);

        second.Accepted.ShouldBeTrue();
        second.Generation.ShouldBeGreaterThan(first);
    }

    [Fact]
    public async Task Register_PausedGatewayWithASuccessor_DoesNotPushItOut()
    {
        var paused = await RegisterAsync("g-1");
        var successor = await RegisterAsync("g-1");
        successor.ShouldBeGreaterThan(paused);

        var woken = await Registry.RegisterAsync(Record("g-1", paused), Long, replace: false);

        woken.Accepted.ShouldBeFalse();
        woken.Generation.ShouldBe(successor);
        woken.Gateways.Single().Generation.ShouldBe(successor);
    }

    [Fact]
    public async Task Unregister_OnlyByItsOwnGeneration()
    {
        var old = await RegisterAsync("g-1");
        var now = await RegisterAsync("g-1");

        await Registry.UnregisterAsync("g-1", old);
        (await Registry.ListAsync()).Count.ShouldBe(1);

        await Registry.UnregisterAsync("g-1", now);
        (await Registry.ListAsync()).ShouldBeEmpty();
    }

    [Theory]
    [InlineData("")]
    [InlineData(null)]
    public async Task Register_NameOfNoLength_OrTooLong_Throws(string? name) =>
        await Should.ThrowAsync<ArgumentException>(() => RegisterAsync(name ?? new string('x', 254)));

    [Fact]
    public async Task Claim_Free_IsOwnedAndFound()
    {
        var gateway = await IdAsync("g-1");

        var answer = await Registry.ClaimAsync(Tunnel, gateway, "port 20000", Long, force: false);

        answer.Result.ShouldBe(ClaimResult.Owned);
        answer.Ownership!.Gateway.ShouldBe(gateway);
        answer.Ownership.Detail.ShouldBe("port 20000");
        (await Registry.FindAsync(Tunnel)).ShouldBe(answer.Ownership);
        (await Registry.FindAsync(Tunnel with { Id = "20001" })).ShouldBeNull();
    }

    [Fact]
    public async Task Claim_ByItsOwner_KeepsTheFenceAndTakesTheDetail()
    {
        var gateway = await IdAsync("g-1");
        var first = (await Registry.ClaimAsync(Tunnel, gateway, "a", Long, force: false)).Ownership!;

        var again = (await Registry.ClaimAsync(Tunnel, gateway, "b", Long, force: false)).Ownership!;

        again.ShouldBe(first with { Detail = "b" });
    }

    [Fact]
    public async Task Claim_OwnedByAnother_IsTakenUnlessForced()
    {
        var owner = await IdAsync("g-1");
        var other = await IdAsync("g-2");
        var first = (await Registry.ClaimAsync(Tunnel, owner, "", Long, force: false)).Ownership!;

        var refused = await Registry.ClaimAsync(Tunnel, other, "", Long, force: false);
        refused.ShouldBe(new ClaimAnswer(ClaimResult.Taken, first));

        var forced = await Registry.ClaimAsync(Tunnel, other, "", Long, force: true);
        forced.Result.ShouldBe(ClaimResult.Owned);
        forced.Ownership!.Fence.ShouldBeGreaterThan(first.Fence);
        (await Registry.RenewAsync(Tunnel, first, Long)).ShouldBeFalse("the former owner lets go");
    }

    [Fact]
    public async Task Claim_OwnerIsGone_IsFreeAtOnce()
    {
        var owner = await IdAsync("g-1");
        var first = (await Registry.ClaimAsync(Tunnel, owner, "", Long, force: false)).Ownership!;
        await Registry.UnregisterAsync(owner.Name, owner.Generation);
        (await Registry.FindAsync(Tunnel)).ShouldBeNull();

        var next = await Registry.ClaimAsync(Tunnel, await IdAsync("g-2"), "", Long, force: false);

        next.Result.ShouldBe(ClaimResult.Owned);
        next.Ownership!.Fence.ShouldBeGreaterThan(first.Fence);
    }

    [Fact]
    public async Task Claim_Silent_EndsWithItsTtl()
    {
        await Registry.ClaimAsync(Tunnel, await IdAsync("g-1"), "", Brief, force: false);

        await Until.TrueAsync(async () => await Registry.FindAsync(Tunnel) is null, Limit, "the ownership has ended");
    }

    [Fact]
    public async Task Claim_ByAGatewayThatWasPausedTooLong_IsFencedAndCannotStealBack()
    {
        var paused = new GatewayId("g-1", (await Registry.RegisterAsync(Record("g-1", 0), Brief, replace: true)).Generation);
        var own = (await Registry.ClaimAsync(Tunnel, paused, "", Long, force: false)).Ownership!;
        await Until.TrueAsync(async () => (await Registry.ListAsync()).Count == 0, Limit, "its registration has ended");
        var next = (await Registry.ClaimAsync(Tunnel, await IdAsync("g-2"), "", Long, force: false)).Ownership!;

        // It wakes and goes on as if nothing had been.
        (await Registry.RenewAsync(Tunnel, own, Long)).ShouldBeFalse();
        (await Registry.ClaimAsync(Tunnel, paused, "", Long, force: true)).ShouldBe(new ClaimAnswer(ClaimResult.Fenced, null));
        await Registry.ReleaseAsync(Tunnel, own);
        (await Registry.FindAsync(Tunnel)).ShouldBe(next);

        // Registered anew it is a gateway like others, and the tunnel the other's.
        var anew = await Registry.RegisterAsync(Record("g-1", paused.Generation), Long, replace: false);
        anew.Accepted.ShouldBeTrue();
        var claim = await Registry.ClaimAsync(Tunnel, new GatewayId("g-1", anew.Generation), "", Long, force: false);
        claim.ShouldBe(new ClaimAnswer(ClaimResult.Taken, next));
    }

    [Fact]
    public async Task Claim_SoonAfterTheMemoryBegan_IsForWhoOwnedItBefore()
    {
        var (owner, other) = (await IdAsync("g-1"), await IdAsync("g-2"));
        var hour = TimeSpan.FromHours(1);

        (await Registry.ClaimAsync(Tunnel, other, "", Long, force: false, settle: hour)).ShouldBe(
            new ClaimAnswer(ClaimResult.Settling, null)
        );
        (await Registry.FindAsync(Tunnel)).ShouldBeNull();
        // Whoever had it does not wait, and goes before all who ask.
        var own = (await Registry.ClaimAsync(Tunnel, owner, "", Long, force: false)).Ownership!;
        (await Registry.ClaimAsync(Tunnel, other, "", Long, force: false, settle: hour)).ShouldBe(new ClaimAnswer(ClaimResult.Taken, own));
        (await Registry.ClaimAsync(Tunnel, owner, "again", Long, force: false, settle: hour)).Result.ShouldBe(ClaimResult.Owned);
    }

    [Fact]
    public async Task Claim_OnceTheMemoryIsOldEnough_IsGranted()
    {
        var gateway = await IdAsync("g-1");

        await Until.TrueAsync(
            async () => (await Registry.ClaimAsync(Tunnel, gateway, "", Long, force: false, settle: Brief)).Result == ClaimResult.Owned,
            Limit,
            "it may be said that it is nobody's"
        );
    }

    [Fact]
    public async Task Renew_KeepsItBeyondItsTtl()
    {
        var own = (await Registry.ClaimAsync(Tunnel, await IdAsync("g-1"), "", TimeSpan.FromSeconds(5), force: false)).Ownership!;

        (await Registry.RenewAsync(Tunnel, own, Long)).ShouldBeTrue();
        (await Registry.RenewAsync(Tunnel, own with { Fence = own.Fence - 1 }, Brief)).ShouldBeFalse();

        (await Registry.FindAsync(Tunnel)).ShouldBe(own);
    }

    [Fact]
    public async Task Release_FreesIt()
    {
        var own = (await Registry.ClaimAsync(Tunnel, await IdAsync("g-1"), "", Long, force: false)).Ownership!;

        await Registry.ReleaseAsync(Tunnel, own);

        (await Registry.FindAsync(Tunnel)).ShouldBeNull();
    }

    [Fact]
    public async Task Lease_TwoGateways_ShareTheTotalAndGiveBack()
    {
        var one = await IdAsync("g-1");
        var two = await IdAsync("g-2");

        (await Registry.LeaseAsync(Wish(one, want: 70))).ShouldBe(new LeaseAnswer(70, 0, 0, 1));
        (await Registry.LeaseAsync(Wish(two, want: 70))).ShouldBe(new LeaseAnswer(30, 70, 0, 2));
        (await Registry.LeaseAsync(Wish(one, want: 40))).ShouldBe(new LeaseAnswer(40, 30, 40, 2));
        (await Registry.LeaseAsync(Wish(two, want: 70))).ShouldBe(new LeaseAnswer(60, 40, 0, 2));
    }

    [Fact]
    public async Task Lease_SilentHolder_ItsShareComesBackWithItsTtl()
    {
        var one = await IdAsync("g-1");
        var two = await IdAsync("g-2");
        (await Registry.LeaseAsync(Wish(one, want: 100) with { Ttl = Brief })).Granted.ShouldBe(100);

        await Until.TrueAsync(async () => (await Registry.LeaseAsync(Wish(two, want: 100))).Granted == 100, Limit, "the share is free");
    }

    [Fact]
    public async Task Lease_WhileItSettles_GivesWhatWasHeldOrAnEvenShare()
    {
        var settle = TimeSpan.FromMinutes(2);

        (await Registry.LeaseAsync(Wish(await IdAsync("g-1"), want: 90) with { Settle = settle, Held = 60 })).Granted.ShouldBe(60);
        (await Registry.LeaseAsync(Wish(await IdAsync("g-2"), want: 90) with { Settle = settle })).Granted.ShouldBe(
            40,
            "an even share is 50"
        );
        (await Registry.LeaseAsync(Wish(await IdAsync("g-3"), want: 90) with { Settle = settle, Held = 9 })).Granted.ShouldBe(0);
    }

    [Fact]
    public async Task Lease_EarlierLifeOfTheSameName_GetsNothing()
    {
        var paused = await IdAsync("g-1");
        var successor = await IdAsync("g-1");
        await Registry.LeaseAsync(Wish(successor, want: 20));

        (await Registry.LeaseAsync(Wish(paused, want: 20))).Granted.ShouldBe(0);

        (await Registry.LeaseAsync(Wish(await IdAsync("g-2"), want: 100))).Granted.ShouldBe(80);
    }

    [Fact]
    public async Task Lease_RequestThatWasHeldUp_DoesNothing()
    {
        var one = await IdAsync("g-1");
        var heldUp = Wish(one, want: 5);
        await Registry.LeaseAsync(Wish(one, want: 80));

        await Registry.LeaseAsync(heldUp);

        (await Registry.LeaseAsync(Wish(await IdAsync("g-2"), want: 100))).ShouldBe(new LeaseAnswer(20, 80, 0, 2));
    }

    [Fact]
    public async Task Lease_OtherLimits_AreOtherTables()
    {
        var one = await IdAsync("g-1");
        await Registry.LeaseAsync(Wish(one, want: 100));

        (await Registry.LeaseAsync(Wish(await IdAsync("g-2"), want: 100) with { Limit = "address:10.0.0.1" })).Granted.ShouldBe(100);
    }

    /// <summary>The same calls to this registry and to the table that says what is right: times are so long that none ends.</summary>
    [Fact]
    public async Task Lease_AnyCalls_AreAsTheTableSays()
    {
        var random = new Random(7);
        var table = new LeaseTable();
        GatewayId[] gateways = [await IdAsync("a"), await IdAsync("b"), await IdAsync("c"), await IdAsync("d")];
        for (var i = 0; i < 200; i++)
        {
            var want = random.Next(0, 400);
            var request = Wish(gateways[random.Next(gateways.Length)], want) with
            {
                Total = random.Next(10) == 0 ? random.Next(0, 1000) : 1000,
                Need = random.Next(0, want + 1),
            };

            (await Registry.LeaseAsync(request)).ShouldBe(table.Lease(request, now: i), $"call {i}: {request}");
        }
    }

    [Fact]
    public async Task Count_OverAllGateways_UpToTheLimit()
    {
        (await CountAsync("a", new IdentityPlace(1, 2, 3))).ShouldBe([true]);
        (await CountAsync("b", new IdentityPlace(1, 1, 3), new IdentityPlace(2, 1, 3))).ShouldBe([true, true]);
        // 2 + 2 > 3: left at 1.
        (await CountAsync("b", new IdentityPlace(1, 2, 3), new IdentityPlace(2, 3, 3))).ShouldBe([false, true]);
        (await CountAsync("a", new IdentityPlace(1, 3, 3))).ShouldBe([false]);
        (await CountAsync("a", new IdentityPlace(1, 1, 0))).ShouldBe([true]);
        (await CountAsync("b", new IdentityPlace(1, 2, 3))).ShouldBe([true]);
        (await CountAsync("b", new IdentityPlace(1, 0, 0))).ShouldBe([true]);
        (await CountAsync("a", new IdentityPlace(1, 3, 3))).ShouldBe([true]);
        (await CountAsync("a")).ShouldBeEmpty();
    }

    [Fact]
    public async Task Count_NotSaidAgain_Ends()
    {
        await Registry.CountAsync("gone", [new IdentityPlace(7, 3, 3)], Brief);

        await Until.TrueAsync(
            async () => (await Registry.CountAsync("here", [new IdentityPlace(7, 3, 3)], Long))[0],
            Limit,
            "the other's count has ended"
        );
    }

    private Task<IReadOnlyList<bool>> CountAsync(string gateway, params IdentityPlace[] places) =>
        Registry.CountAsync(gateway, places, Long);

    private protected abstract IFleetRegistry Create(string fleet);

    private static GatewayRecord Record(string name, long generation, int load = 0) =>
        new()
        {
            Name = name,
            Generation = generation,
            Load = load,
            Capacity = 100,
        };

    private static LeaseRequest Wish(GatewayId gateway, int want) =>
        new()
        {
            Limit = "connections",
            Gateway = gateway,
            Sequence = Interlocked.Increment(ref s_sequence),
            Total = 100,
            Want = want,
            Need = want,
            Even = 50,
            Ttl = Long,
            Settle = TimeSpan.Zero,
        };

    private async Task<long> RegisterAsync(string name) => (await Registry.RegisterAsync(Record(name, 0), Long, replace: true)).Generation;

    private async Task<GatewayId> IdAsync(string name) => new(name, await RegisterAsync(name));
}

public sealed class MemoryRegistryTests : FleetRegistryTests
{
    private protected override IFleetRegistry Create(string fleet) => new MemoryRegistry(TimeProvider.System);
}
