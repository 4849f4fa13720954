using Mooring.Gateway.Limits;

namespace Mooring.Gateway.Tests.Limits;

public sealed class LimitsTests
{
    [Fact]
    public async Task ConnectionLimit_ManyThreadsAtOnce_IsNeverExceededAndComesBackToZero()
    {
        var limit = new ConnectionLimit();
        var greatest = 0;
        var taken = 0L;
        await Task.WhenAll(
            Enumerable
                .Range(0, 8)
                .Select(_ =>
                    Task.Run(() =>
                    {
                        for (var i = 0; i < 100_000; i++)
                        {
                            if (limit.TryAcquire(5))
                            {
                                Interlocked.Increment(ref taken);
                                InterlockedMax(ref greatest, limit.InUse);
                                limit.Release();
                            }
                        }
                    })
                )
        );
        limit.InUse.ShouldBe(0);
        greatest.ShouldBeInRange(1, 5);
        taken.ShouldBeGreaterThan(0);
    }

    [Fact]
    public void ConnectionLimit_LoweredBelowTheCount_RefusesUntilEnoughHaveEnded()
    {
        var limit = new ConnectionLimit();
        limit.TryAcquire(0).ShouldBeTrue();
        limit.TryAcquire(0).ShouldBeTrue();
        limit.TryAcquire(1).ShouldBeFalse();
        limit.Release();
        limit.TryAcquire(1).ShouldBeFalse();
        limit.Release();
        limit.TryAcquire(1).ShouldBeTrue();
    }

    [Fact]
    public void AddressTable_AtItsLimit_RefusesThatClientOnly()
    {
        var table = new AddressTable();
        table.TryAcquire(1, 2).ShouldBeTrue();
        table.TryAcquire(1, 2).ShouldBeTrue();
        table.TryAcquire(1, 2).ShouldBeFalse();
        table.TryAcquire(2, 2).ShouldBeTrue();
        table.Release(1);
        table.TryAcquire(1, 2).ShouldBeTrue();
    }

    [Fact]
    public void AddressTable_LimitSetLater_CountsWhatWasThereBefore()
    {
        var table = new AddressTable();
        table.TryAcquire(1, 0).ShouldBeTrue();
        table.TryAcquire(1, 1).ShouldBeFalse();
    }

    [Fact]
    public void AddressTable_ReleasedTwice_Throws()
    {
        var table = new AddressTable();
        table.TryAcquire(1, 0);
        table.Release(1);
        Should.Throw<InvalidOperationException>(() => table.Release(1));
    }

    [Fact]
    public async Task AddressTable_ManyThreadsAtOnce_IsExactAndEndsEmpty()
    {
        var table = new AddressTable();
        var open = new int[50];
        await Task.WhenAll(
            Enumerable
                .Range(0, 4)
                .Select(seed =>
                    Task.Run(() =>
                    {
                        var random = new Random(seed);
                        for (var i = 0; i < 50_000; i++)
                        {
                            var client = random.Next(50);
                            if (table.TryAcquire((ulong)client, 3))
                            {
                                Interlocked.Increment(ref open[client]).ShouldBeLessThanOrEqualTo(3);
                                Interlocked.Decrement(ref open[client]);
                                table.Release((ulong)client);
                            }
                        }
                    })
                )
        );
        table.Count.ShouldBe(0);
    }

    [Fact]
    public void RefusalReasons_All_HaveANameOfTheirOwn() =>
        Enum.GetValues<RefusalReason>().Select(RefusalReasons.Name).Distinct().Count().ShouldBe(RefusalReasons.Count);

    private static void InterlockedMax(ref int target, int value)
    {
        var seen = Volatile.Read(ref target);
        while (value > seen && Interlocked.CompareExchange(ref target, value, seen) is var previous && previous != seen)
        {
            seen = previous;
        }
    }
}
