using FsCheck;
using FsCheck.Fluent;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Limits;
using Mooring.Gateway.Registry;
using Mooring.Gateway.Registry.Leases;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Registry;

/// <summary>The pure parts of the fleet's limit, and gateways that use them together on a simulated clock.</summary>
public sealed class LeaseTests
{
    /// <summary>Whatever gateways ask, in any order, dying and coming back under a clock that jumps: live shares never exceed the total.</summary>
    [Fact]
    public void Table_AnyInterleaving_LiveSharesNeverExceedTheTotal() =>
        Check.One(
            Config.QuickThrowOnFailure.WithMaxTest(300),
            Prop.ForAll(
                Gen.Choose(0, int.MaxValue).ArrayOf(200).ToArbitrary(),
                numbers =>
                {
                    var random = new Numbers(numbers);
                    var table = new LeaseTable();
                    var total = random.Next(0, 500);
                    var now = 0L;
                    for (var i = 0; i < 60; i++)
                    {
                        now += random.Next(0, 3) == 0 ? random.Next(0, 40_000) : random.Next(0, 1000);
                        var want = random.Next(0, 800);
                        var answer = table.Lease(
                            Request($"g{random.Next(0, 6)}", want) with
                            {
                                Total = total,
                                Held = random.Next(0, 600),
                                Need = random.Next(0, want + 1),
                            },
                            now
                        );
                        answer.Granted.ShouldBeInRange(0, want);
                        table.Live(now).Values.Sum().ShouldBeLessThanOrEqualTo(total);
                    }
                }
            )
        );

    /// <summary>
    /// Gateways with clocks of their own, up to 20 % fast or slow, calls that take time, are lost either way or are held up and come late,
    /// crashes, pauses, and a registry that loses its memory: what the gateways believe they may have is never more than the limit together.
    /// </summary>
    [Fact]
    public void Shares_CrashesPausesLostCallsLostMemoryAndSkewedClocks_NeverExceedTheTotalTogether() =>
        Check.One(
            Config.QuickThrowOnFailure.WithMaxTest(300),
            Prop.ForAll(
                Gen.Choose(0, int.MaxValue).ArrayOf(400).ToArbitrary(),
                numbers =>
                {
                    var random = new Numbers(numbers);
                    var table = new LeaseTable();
                    var late = new List<LeaseRequest>();
                    const int Total = 100;
                    var now = 0L;
                    var gateways = Enumerable
                        .Range(0, 4)
                        .Select(i => new Simulated($"g{i}", rate: 0.8 + random.Next(0, 41) / 100.0))
                        .ToArray();
                    for (var i = 0; i < 150; i++)
                    {
                        now += random.Next(0, 8) == 0 ? random.Next(0, 35_000) : random.Next(0, 1500);
                        var gateway = gateways[random.Next(0, gateways.Length)];
                        switch (random.Next(0, 16))
                        {
                            case 0:
                                gateway.Die();
                                break;
                            case 1:
                                table = new LeaseTable();
                                break;
                            case 2 when late.Count > 0:
                                table.Lease(late[^1], now);
                                late.RemoveAt(late.Count - 1);
                                break;
                            default:
                                var asked = now;
                                // No even share for those who begin: what that adds is stated, and not wanted here.
                                var request = Request(gateway.Name, random.Next(0, 120), i) with
                                {
                                    Held = gateway.Held(asked),
                                    Even = 0,
                                };
                                gateway.Ask(request.Want);
                                now += random.Next(0, 900);
                                var fate = random.Next(0, 6);
                                if (fate == 0)
                                {
                                    late.Add(request);
                                }
                                else if (table.Lease(request, now) is var answer && fate != 1)
                                {
                                    gateway.Take(answer.Granted, asked);
                                }

                                break;
                        }

                        gateways.Sum(one => one.Held(now)).ShouldBeLessThanOrEqualTo(Total);
                    }
                }
            )
        );

    [Theory]
    // Alone with the whole limit: half of it in hand, whatever is open.
    [InlineData(1000, 2, 0, 0, 0, 250)]
    [InlineData(1000, 2, 240, 250, 0, 271)]
    // Enough in hand: nothing changes for a few connections more or less.
    [InlineData(1000, 2, 240, 280, 0, 280)]
    // Somebody is short: above the even share nothing is kept in hand, below it one block.
    [InlineData(1000, 2, 700, 900, 5, 700)]
    [InlineData(1000, 2, 100, 900, 5, 131)]
    public void Wish_Situations(int total, int gateways, int inUse, int held, int lacking, int want) =>
        LeasePolicy
            .Wish(
                new LeaseSituation
                {
                    Total = total,
                    Gateways = gateways,
                    InUse = inUse,
                    Held = held,
                    Short = lacking,
                }
            )
            .Want.ShouldBe(want);

    [Fact]
    public void Wish_AnySituation_IsWithinTheTotalAndCoversWhatIsNeeded() =>
        Check.One(
            Config.QuickThrowOnFailure.WithMaxTest(1000),
            Prop.ForAll(
                Gen.Choose(0, int.MaxValue).ArrayOf(8).ToArbitrary(),
                numbers =>
                {
                    var random = new Numbers(numbers);
                    var situation = new LeaseSituation
                    {
                        Total = random.Next(1, 1_000_000_000),
                        Gateways = random.Next(1, 10_000),
                        InUse = random.Next(0, 10_000_000),
                        Held = random.Next(0, 10_000_000),
                        Arrived = random.Next(0, 10_000_000),
                        Refused = random.Next(0, int.MaxValue),
                        Short = random.Next(0, 3) == 0 ? random.Next(0, 100) : 0,
                        IsEmptying = random.Next(0, 2) == 0,
                    };
                    var wish = LeasePolicy.Wish(situation);
                    wish.Want.ShouldBeInRange(Math.Min(situation.InUse, situation.Total), situation.Total);
                    wish.Need.ShouldBeInRange(0, wish.Want);
                }
            )
        );

    [Fact]
    public async Task Keeper_OneGatewayNeedsNearlyAll_TheOthersGiveBackWhatTheyDoNotUse()
    {
        var time = new ManualTime();
        await using var registry = new MemoryRegistry(time);
        var busy = new Gateway("busy", registry, time);
        var idle = new Gateway("idle", registry, time);
        await busy.StepAsync();
        await idle.StepAsync();
        time.Advance(LeasePolicy.Usable);
        await idle.StepAsync();

        for (var i = 0; i < 300; i++)
        {
            time.Advance(TimeSpan.FromMilliseconds(100));
            busy.Open(5);
            await busy.StepAsync();
            await idle.StepAsync();
            (busy.Share.Limit(Now(time)) + idle.Share.Limit(Now(time))).ShouldBeLessThanOrEqualTo(1000);
        }

        busy.InUse.ShouldBe(1000 - idle.Share.Limit(Now(time)));
        idle.Share.Limit(Now(time)).ShouldBe(LeasePolicy.Block(1000, 2), "one block is what it falls short by");
    }

    [Fact]
    public async Task Keeper_RegistryAway_LeaseHoldsThenTheEvenShare()
    {
        var time = new ManualTime();
        await using var registry = new MemoryRegistry(time);
        var gateway = new Gateway("g", registry, time);
        await gateway.StepAsync();
        time.Advance(LeasePolicy.Usable);
        gateway.Open(600);
        await gateway.StepAsync();
        gateway.Open(600);
        await Until.TrueAsync(
            async () =>
            {
                time.Advance(LeasePolicy.Interval);
                gateway.Open(50);
                await gateway.StepAsync();
                return gateway.InUse >= 900;
            },
            TimeSpan.FromSeconds(10),
            "it has most of the limit"
        );
        var held = gateway.Share.Limit(Now(time));

        gateway.IsCutOff = true;
        time.Advance(LeasePolicy.Usable - TimeSpan.FromSeconds(1));
        await gateway.StepAsync();
        gateway.Share.Limit(Now(time)).ShouldBe(held, "the lease still holds");
        time.Advance(TimeSpan.FromSeconds(1));
        gateway.Share.Limit(Now(time)).ShouldBe(500, "limit / gateways, though nothing has looked at the lease");

        gateway.IsCutOff = false;
        await gateway.StepAsync();
        gateway.Share.Limit(Now(time)).ShouldBeGreaterThan(500);
    }

    [Fact]
    public async Task Keeper_FirstMoments_OneBlockThenTheEvenShare()
    {
        var time = new ManualTime();
        await using var registry = new MemoryRegistry(time);
        var gateway = new Gateway("g", registry, time) { IsCutOff = true };

        gateway.Share.Limit(Now(time)).ShouldBe(LeasePolicy.Block(1000, 2));
        time.Advance(TimeSpan.FromSeconds(2));
        gateway.Keeper.Tick();
        gateway.Share.Limit(Now(time)).ShouldBe(500);
    }

    [Theory]
    [InlineData(1, 100)]
    [InlineData(3, 33)]
    public void Keeper_NothingShared_DividesTheLimit(int gateways, int share)
    {
        var gateway = new FleetShare();
        var keeper = new LeaseKeeper(gateway, () => 0, TimeProvider.System);

        keeper.Configure(new FleetCapacityConfig { Connections = 100, Gateways = gateways }, shared: false);
        gateway.Limit(0).ShouldBe(share);
        keeper.IsDue().ShouldBeFalse();

        keeper.Configure(null, shared: false);
        gateway.Limit(0).ShouldBe(FleetShare.Unlimited);
    }

    [Fact]
    public void Share_Acquire_SaysWhichLimitIsReached()
    {
        var share = new FleetShare();
        var connections = new ConnectionLimit();
        share.Acquire(connections, admitUpTo: 1, now: 0).ShouldBeNull();
        share.Acquire(connections, admitUpTo: 1, now: 0).ShouldBe(RefusalReason.Capacity);

        share.Set(2, validUntil: 100, afterwards: 0);
        share.Acquire(connections, admitUpTo: 10, now: 99).ShouldBeNull();
        share.Acquire(connections, admitUpTo: 10, now: 99).ShouldBe(RefusalReason.FleetCapacity);
        connections.Release();
        connections.Release();
        share
            .Acquire(connections, admitUpTo: 10, now: 100)
            .ShouldBe(RefusalReason.FleetCapacity, "a share of none is not one without limit");
        connections.InUse.ShouldBe(0);
        share.TakeRefused().ShouldBe(2);
        share.Refused.ShouldBe(0);
    }

    [Fact]
    public void Share_Watched_PressesOnceWhenSoManyAreOpenOrOneIsRefused()
    {
        var pressed = 0;
        var share = new FleetShare { Pressed = () => pressed++ };
        var connections = new ConnectionLimit();
        share.Set(4);
        share.Watch(3);
        Acquire(2);
        pressed.ShouldBe(0);
        Acquire(2);
        pressed.ShouldBe(1, "once for each time that it is watched");
        Acquire(1);
        pressed.ShouldBe(1);

        share.Watch(100);
        Acquire(1);
        pressed.ShouldBe(2, "one was refused");
        share.Watch(1);
        share.Watch(null);
        Acquire(1);
        pressed.ShouldBe(2);

        void Acquire(int count)
        {
            for (var i = 0; i < count; i++)
            {
                share.Acquire(connections, admitUpTo: 10, now: 0);
            }
        }
    }

    [Fact]
    public async Task Keeper_Rest_IsOverWhereItIsDueAndNoSooner()
    {
        var time = new ManualTime();
        await using var registry = new MemoryRegistry(time);
        var gateway = new Gateway("g", registry, time);
        var pressed = 0;
        gateway.Share.Pressed = () => pressed++;
        gateway.Keeper.Rest().ShouldBe(TimeSpan.Zero, "it has not asked yet");

        await gateway.StepAsync();
        gateway.Keeper.Rest().ShouldBe(LeasePolicy.Interval);
        time.Advance(LeasePolicy.Interval - TimeSpan.FromMilliseconds(1));
        gateway.Keeper.IsDue().ShouldBeFalse();
        gateway.Keeper.Rest().ShouldBe(TimeSpan.FromMilliseconds(1));
        time.Advance(TimeSpan.FromMilliseconds(1));
        gateway.Keeper.IsDue().ShouldBeTrue();
        await gateway.StepAsync();
        gateway.Keeper.Rest().ShouldBe(LeasePolicy.Interval);

        var connections = new ConnectionLimit();
        while (pressed == 0)
        {
            gateway.Share.Acquire(connections, admitUpTo: 1000, Now(time)).ShouldBeNull("it is asked for more before there is none left");
            gateway.Open(1);
        }

        gateway.Keeper.Rest().ShouldBe(LeasePolicy.PressedInterval);
        time.Advance(LeasePolicy.PressedInterval);
        gateway.Keeper.IsDue().ShouldBeTrue();
        gateway.InUse.ShouldBeGreaterThan(1);
    }

    private static long Now(TimeProvider time) => time.GetTimestamp() / (time.TimestampFrequency / 1_000_000);

    private static LeaseRequest Request(string name, int want, long sequence = 0) =>
        new()
        {
            Limit = "connections",
            Gateway = new GatewayId(name, 1),
            Sequence = sequence,
            Total = 100,
            Want = want,
            Even = 25,
            Ttl = LeasePolicy.Ttl,
            Settle = LeasePolicy.Settle,
        };

    /// <summary>Drawn numbers, one after the other and over again, so that FsCheck shrinks them.</summary>
    private sealed class Numbers(int[] numbers)
    {
        private int _next;

        public int Next(int from, int below) =>
            numbers.Length == 0 ? from : from + (int)((uint)(numbers[_next++ % numbers.Length] + _next * 7919) % (uint)(below - from));
    }

    /// <summary>What a gateway believes of its lease, by a clock that runs at its own rate.</summary>
    private sealed class Simulated(string name, double rate)
    {
        private int _held;
        private long _asked;

        public string Name { get; } = name;

        public int Held(long now) => (now - _asked) * rate < LeasePolicy.Usable.TotalMilliseconds ? _held : 0;

        /// <summary>As <see cref="LeaseKeeper"/> does: what is given back is given back whether there is an answer or not.</summary>
        public void Ask(int want) => _held = Math.Min(_held, want);

        public void Take(int held, long asked) => (_held, _asked) = (held, asked);

        /// <summary>And starts anew.</summary>
        public void Die() => _held = 0;
    }

    /// <summary>A gateway that is nothing but its connections and its share.</summary>
    private sealed class Gateway
    {
        private readonly MemoryRegistry _registry;
        private readonly TimeProvider _time;
        private readonly GatewayId _id;

        public Gateway(string name, MemoryRegistry registry, TimeProvider time)
        {
            (_registry, _time, _id) = (registry, time, new GatewayId(name, 1));
            Keeper = new LeaseKeeper(Share, () => InUse, time);
            Keeper.Configure(new FleetCapacityConfig { Connections = 1000, Gateways = 2 }, shared: true);
        }

        public FleetShare Share { get; } = new();

        public LeaseKeeper Keeper { get; }

        public int InUse { get; private set; }

        public bool IsCutOff { get; set; }

        public void Open(int count) => InUse += Math.Max(0, Math.Min(count, Share.Limit(Now(_time)) - InUse));

        public async Task StepAsync()
        {
            while (!IsCutOff && Keeper.IsDue())
            {
                await Keeper.AskAsync(_registry, _id, 2, isEmptying: false);
            }
        }
    }
}
