using System.Net;
using FsCheck;
using FsCheck.Fluent;
using Mooring.Gateway.Limits;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Tests.Limits;

public sealed class RateTests
{
    private const long Start = 1_000_000_000;

    [Fact]
    public void RateLimit_AfterAQuietTime_LetsTheBurstThroughAndThenTheRate()
    {
        var limit = RateLimit.Of(10, 3);
        var bucket = 0L;
        Enumerable.Range(0, 5).Select(_ => limit.TryTake(ref bucket, Start)).ShouldBe([true, true, true, false, false]);
        limit.TryTake(ref bucket, Start + 99_000).ShouldBeFalse();
        limit.TryTake(ref bucket, Start + 100_000).ShouldBeTrue();
        limit.TryTake(ref bucket, Start + 100_000).ShouldBeFalse();
    }

    [Fact]
    public void RateLimit_Changed_HoldsForTheOpenBucket()
    {
        var bucket = 0L;
        var slow = RateLimit.Of(1, 100);
        while (slow.TryTake(ref bucket, Start)) { }

        // Empty stays empty, but no longer than the new rate says.
        var fast = RateLimit.Of(1000, 10);
        fast.TryTake(ref bucket, Start).ShouldBeFalse();
        fast.TryTake(ref bucket, Start + 1_000).ShouldBeTrue();
    }

    [Fact]
    public void RateLimit_AnyArrivals_NeverPassMoreThanBurstAndRate() =>
        Prop.ForAll(
                Gen.Choose(0, int.MaxValue).ToArbitrary(),
                seed =>
                {
                    var random = new Random(seed);
                    var (perSecond, burst) = (random.Next(1, 2000), random.Next(1, 100));
                    var limit = RateLimit.Of(perSecond, burst);
                    var bucket = 0L;
                    var now = Start;
                    var taken = 0;
                    for (var i = 0; i < 1000; i++)
                    {
                        now += random.Next(3) == 0 ? random.Next(10_000) : 0;
                        taken += limit.TryTake(ref bucket, now) ? 1 : 0;
                    }

                    ((double)taken).ShouldBeLessThanOrEqualTo(burst + ((now - Start) * perSecond / 1e6) + 1, $"seed {seed}");
                    // And what the rate allows is not withheld.
                    limit.TryTake(ref bucket, now + 1_000_000).ShouldBeTrue();
                }
            )
            .QuickCheckThrowOnFailure();

    [Fact]
    public async Task RateLimit_ManyThreads_TakeEachTokenOnce()
    {
        var limit = RateLimit.Of(1, 5000);
        var bucket = 0L;
        var taken = await Task.WhenAll(
            Enumerable.Range(0, 4).Select(_ => Task.Run(() => Enumerable.Range(0, 5000).Count(_ => limit.TryTakeShared(ref bucket, Start))))
        );
        taken.Sum().ShouldBe(5000);
    }

    [Theory]
    [InlineData(1_000)]
    [InlineData(64_000)]
    [InlineData(10_000_000)]
    [InlineData(1_000_000_000_000)]
    public void ByteRate_ReadingAllThatMayBe_KeepsTheRate(long perSecond)
    {
        var rate = ByteRate.Of(perSecond);
        var bucket = 0L;
        var now = Start;
        var bytes = 0L;
        for (var i = 0; i < 10_000; i++)
        {
            var available = rate.Available(bucket, now);
            if (available == 0)
            {
                var wait = rate.Wait(bucket, now);
                rate.Available(bucket, now + wait).ShouldBeGreaterThan(0);
                now += wait;
                continue;
            }

            bytes += available;
            rate.Charge(ref bucket, now, available);
            now += 100;
        }

        var seconds = (now - Start) / 1e6;
        bytes.ShouldBeLessThanOrEqualTo((long)(((seconds + 0.3) * perSecond) + 8192 + (1 << 20)));
        if (perSecond < 1_000_000_000)
        {
            bytes.ShouldBeGreaterThan((long)(seconds * perSecond * 0.9));
        }
    }

    [Fact]
    public void ByteRate_ManyLoopsReserveInAnyOrder_TogetherKeepTheRate() =>
        Prop.ForAll(
                Gen.Choose(0, int.MaxValue).ToArbitrary(),
                seed =>
                {
                    var random = new Random(seed);
                    var perSecond = random.Next(100_000, 4_000_000);
                    var rate = ByteRate.Of(perSecond);
                    var bucket = 0L;
                    var now = Start;
                    var bytes = 0L;
                    // What each loop has reserved, and has not read yet.
                    var reserved = new int[16];
                    for (var step = 0; step < 2000; step++)
                    {
                        now += random.Next(200);
                        var loop = random.Next(reserved.Length);
                        if (reserved[loop] == 0)
                        {
                            reserved[loop] = rate.ReserveShared(ref bucket, now, 64 * 1024);
                            continue;
                        }

                        var read = random.Next(reserved[loop] + 1);
                        rate.ReturnShared(ref bucket, reserved[loop] - read);
                        reserved[loop] = 0;
                        bytes += read;
                    }

                    var seconds = (now - Start) / 1e6;
                    ((double)bytes).ShouldBeLessThanOrEqualTo(((seconds + 0.25) * perSecond) + 8192, $"seed {seed}");
                    // All that was given back is there again, once the rest has come back too.
                    foreach (var rest in reserved)
                    {
                        rate.ReturnShared(ref bucket, rest);
                    }

                    rate.Available(bucket, now + 300_000).ShouldBeGreaterThanOrEqualTo(perSecond / 5, $"seed {seed}");
                }
            )
            .QuickCheckThrowOnFailure();

    [Fact]
    public async Task ByteRate_ManyThreadsSeeAFullBucket_TakeItOnce()
    {
        var rate = ByteRate.Of(1_000_000);
        var bucket = 0L;
        var taken = await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => Task.Run(() => rate.ReserveShared(ref bucket, Start, 250_000))));
        taken.Sum().ShouldBeInRange(234_000, 250_000);
    }

    [Fact]
    public void AddressRates_OneClientOverItsRate_LeavesOthersAlone()
    {
        var rates = new AddressRates();
        var limit = RateLimit.Of(1, 2);
        Enumerable.Range(0, 4).Count(_ => rates.TryTake(1, limit, Start)).ShouldBe(2);
        rates.TryTake(2, limit, Start).ShouldBeTrue();
        rates.TryTake(1, limit, Start + 1_000_000).ShouldBeTrue();
    }

    [Fact]
    public void AddressRates_TokenReturned_IsThereAgain()
    {
        var rates = new AddressRates();
        var limit = RateLimit.Of(1, 2);
        // Of nobody that it knows.
        rates.Return(1, limit);
        for (var i = 0; i < 5; i++)
        {
            rates.TryTake(1, limit, Start).ShouldBeTrue();
            rates.Return(1, limit);
        }

        Enumerable.Range(0, 4).Count(_ => rates.TryTake(1, limit, Start)).ShouldBe(2);
    }

    [Fact]
    public void AddressRates_FloodOfAddresses_TakesNoMoreMemory()
    {
        var rates = new AddressRates();
        var limit = RateLimit.Of(1, 2);
        rates.TryTake(1, limit, Start);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var client = 0UL; client < 5 * AddressRates.Capacity; client++)
        {
            rates.TryTake(client * 7919, limit, Start);
        }

        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBe(0);
    }

    [Fact]
    public void PrefixTable_CountsByNetwork()
    {
        var table = new PrefixTable(24, 48);
        table.TryAcquire(Address("192.0.2.1"), 2).ShouldBeTrue();
        table.TryAcquire(Address("192.0.2.200"), 2).ShouldBeTrue();
        table.TryAcquire(Address("192.0.2.77"), 2).ShouldBeFalse();
        table.TryAcquire(Address("192.0.3.1"), 2).ShouldBeTrue();
        table.TryAcquire(Address("2001:db8:1::1"), 1).ShouldBeTrue();
        table.TryAcquire(Address("2001:db8:1:ffff::1"), 1).ShouldBeFalse();
        table.TryAcquire(Address("2001:db8:2::1"), 1).ShouldBeTrue();
        table.Count.ShouldBe(4);
        table.Release(Address("192.0.2.9"));
        table.TryAcquire(Address("192.0.2.77"), 2).ShouldBeTrue();
    }

    [Fact]
    public unsafe void PauseWheel_AnyOrder_EndsEachPauseOnceAndInTime() =>
        Prop.ForAll(
                Gen.Choose(0, int.MaxValue).ToArbitrary(),
                seed =>
                {
                    var random = new Random(seed);
                    var nodes = new PauseNode[64];
                    fixed (PauseNode* first = nodes)
                    {
                        var pinned = (nint)first;
                        var wheel = new PauseWheel(index => (PauseNode*)pinned + index);
                        var due = new Dictionary<int, uint>();
                        var now = (uint)random.Next(1_000_000);
                        for (var step = 0; step < 300; step++)
                        {
                            var index = random.Next(nodes.Length);
                            if (due.Remove(index))
                            {
                                wheel.Remove(index);
                            }
                            else
                            {
                                var ticks = random.Next(1, PauseWheel.MaxTicks + 1);
                                wheel.Add(index, now, ticks);
                                due[index] = now + (uint)ticks;
                            }

                            if (due.Count > 0)
                            {
                                var next = now + (uint)wheel.TicksToNext(now);
                                next.ShouldBeLessThanOrEqualTo(Math.Max(now, due.Values.Min()), $"seed {seed}");
                            }

                            now += random.Next(4) == 0 ? (uint)random.Next(40) : 0;
                            wheel.Advance(
                                now,
                                ended =>
                                {
                                    due.Remove(ended, out var at).ShouldBeTrue($"seed {seed}");
                                    at.ShouldBeLessThanOrEqualTo(now, $"seed {seed}");
                                }
                            );
                            due.Values.ShouldAllBe(at => at > now);
                        }
                    }
                }
            )
            .QuickCheckThrowOnFailure();

    private static NetworkAddress Address(string text) => NetworkAddress.From(IPAddress.Parse(text));
}
