using Mooring.Gateway.Tests.Listeners.Tls;
using Mooring.Testing;
using Mooring.Testing.Faults;

namespace Mooring.Gateway.Tests.Faults;

/// <summary>Transfers in both directions at once, over connections that are delayed, cut into pieces, stalled, truncated and reset.</summary>
public sealed class TcpFaultTests
{
    private const int MaxBytes = 2_000_000;

    [Fact]
    public async Task AnyTransfer_DelayedStalledAndInPieces_ArrivesToTheByte()
    {
        var transfers = Enumerable.Range(1, 48).Select(seed => Transfer.Random(seed, MaxBytes)).ToList();
        await using var rig = await FaultRig.StartAsync(number => Lossless(number, 1), number => Lossless(number, 2));
        await RunAllAsync(rig, transfers);
        foreach (var transfer in transfers)
        {
            Transfer.ShouldBeWhole(rig.AtBackend[transfer.Seed], transfer.Seed, transfer.Up);
        }

        await rig.Gateway.NoneOpenAsync();
        rig.Gateway.Engine.BackendLoads()[0].Endpoints[0].Connections.ShouldBe(0);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(3000, 1)]
    [InlineData(1, 3000)]
    [InlineData(2500, 2500)]
    public async Task OneByteAtATime_OnBothSides_ArrivesToTheByte(int up, int down)
    {
        var slow = new FaultPlan { MaxPiece = 1 };
        await using var rig = await FaultRig.StartAsync(_ => (slow, slow), _ => (slow, slow));
        var transfer = new Transfer(up + down, up, down);
        await RunAllAsync(rig, [transfer]);
        Transfer.ShouldBeWhole(rig.AtBackend[transfer.Seed], transfer.Seed, transfer.Up);
    }

    [Fact]
    public async Task ResetOrTruncated_AnywhereOnEitherSide_OnlyPrefixesArriveAndNothingIsLeftOver()
    {
        var transfers = Enumerable.Range(1000, 48).Select(seed => Transfer.Random(seed, 400_000)).ToList();
        // Of three connections one breaks in front, one behind, and one is left alone.
        await using var rig = await FaultRig.StartAsync(
            number => number % 3 == 0 ? Lossy(number, 3) : Lossless(number, 3),
            number => number % 3 == 1 ? Lossy(number, 4) : Lossless(number, 4)
        );
        var atClient = await Task.WhenAll(transfers.Select(rig.RunAsync));
        await rig.Gateway.NoneOpenAsync();
        await Until.TrueAsync(
            () => rig.Gateway.Engine.BackendLoads()[0].Endpoints[0].Connections == 0,
            TimeSpan.FromSeconds(30),
            "every place is given back"
        );
        foreach (var (transfer, received) in transfers.Zip(atClient))
        {
            Transfer.ShouldBePrefix(received, ~transfer.Seed, transfer.Down);
            if (rig.AtBackend.TryGetValue(transfer.Seed, out var up))
            {
                Transfer.ShouldBePrefix(up, transfer.Seed, transfer.Up);
            }
        }

        atClient.Zip(transfers).Count(pair => pair.First.Length == pair.Second.Down).ShouldBeGreaterThanOrEqualTo(10);
        rig.Gateway.Engine.Loops.Sum(loop => loop.Pending.BytesInUse).ShouldBe(0);
    }

    [Fact]
    public async Task Truncated_RestOfTheOtherDirection_StillArrivesWhole()
    {
        // The client's stream ends early behind the gateway; what the backend sends is not cut by that.
        await using var rig = await FaultRig.StartAsync(
            _ => (FaultPlan.None, FaultPlan.None),
            _ => (new FaultPlan { TruncateAt = 5_000 }, FaultPlan.None)
        );
        var transfer = new Transfer(77, 4_000, 2_000_000);
        Transfer.ShouldBeWhole(await rig.RunAsync(transfer), ~transfer.Seed, transfer.Down);
        await rig.Gateway.NoneOpenAsync();
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public async Task OverTls_DelayedStalledAndInPieces_ArrivesToTheByte(bool client, bool backend)
    {
        var transfers = Enumerable.Range(2001, 16).Select(seed => Transfer.Random(seed, MaxBytes)).ToList();
        await using var tls = new TlsHarness();
        await using var rig = await FaultRig.StartAsync(
            number => Lossless(number, 11),
            number => Lossless(number, 12),
            StreamWrapper.Tls(tls, client, backend)
        );
        await RunAllAsync(rig, transfers);
        foreach (var transfer in transfers)
        {
            Transfer.ShouldBeWhole(rig.AtBackend[transfer.Seed], transfer.Seed, transfer.Up);
        }

        await rig.Gateway.NoneOpenAsync();
    }

    [Fact]
    public async Task OverTls_ResetOrTruncated_OnlyPrefixesArriveAndNothingIsLeftOver()
    {
        var transfers = Enumerable.Range(3000, 24).Select(seed => Transfer.Random(seed, 200_000)).ToList();
        await using var tls = new TlsHarness();
        await using var rig = await FaultRig.StartAsync(
            number => number % 3 == 0 ? Lossy(number, 13) : Lossless(number, 13),
            number => number % 3 == 1 ? Lossy(number, 14) : Lossless(number, 14),
            StreamWrapper.Tls(tls, client: true, backend: true)
        );
        var atClient = await Task.WhenAll(transfers.Select(rig.RunAsync));
        await rig.Gateway.NoneOpenAsync();
        foreach (var (transfer, received) in transfers.Zip(atClient))
        {
            Transfer.ShouldBePrefix(received, ~transfer.Seed, transfer.Down);
            if (rig.AtBackend.TryGetValue(transfer.Seed, out var up))
            {
                Transfer.ShouldBePrefix(up, transfer.Seed, transfer.Up);
            }
        }

        rig.Gateway.Engine.BackendLoads()[0].Endpoints[0].Connections.ShouldBe(0);
    }

    internal static (FaultPlan Up, FaultPlan Down) Lossless(int number, int salt)
    {
        var random = new Random((number * 31) + salt);
        return (FaultPlan.Lossless(random, MaxBytes / 4), FaultPlan.Lossless(random, MaxBytes / 4));
    }

    internal static (FaultPlan Up, FaultPlan Down) Lossy(int number, int salt)
    {
        var random = new Random((number * 37) + salt);
        var good = FaultPlan.Lossless(random, 50_000);
        var bad = FaultPlan.Lossy(random, 50_000);
        return random.Next(2) == 0 ? (good, bad) : (bad, good);
    }

    internal static async Task RunAllAsync(FaultRig rig, IReadOnlyList<Transfer> transfers)
    {
        var received = await Task.WhenAll(transfers.Select(rig.RunAsync));
        foreach (var (transfer, one) in transfers.Zip(received))
        {
            Transfer.ShouldBeWhole(one, ~transfer.Seed, transfer.Down);
        }

        // The backend notes what came when it has read to the end.
        await Until.TrueAsync(
            () => transfers.All(transfer => rig.AtBackend.ContainsKey(transfer.Seed)),
            TimeSpan.FromSeconds(30),
            "the backend has everything"
        );
    }
}
