using Mooring.Contracts.Configuration;
using Mooring.Gateway.Tests.Listeners.Tls;
using Mooring.Testing.Faults;

namespace Mooring.Gateway.Tests.Faults;

/// <summary>The faults of <see cref="TcpFaultTests"/> where something stands before the bytes: PROXY headers in and out, TLS that is passed through, and both.</summary>
public sealed class LayerFaultTests
{
    public static readonly TheoryData<string> Layers = ["v1", "v2", "v2 and TLS", "passthrough", "v1 and passthrough"];

    [Theory]
    [MemberData(nameof(Layers))]
    public async Task AnyTransfer_DelayedStalledAndInPieces_ArrivesToTheByte(string layers)
    {
        var transfers = Enumerable.Range(4001, 12).Select(seed => Transfer.Random(seed, 300_000)).ToList();
        await using var tls = new TlsHarness();
        await using var rig = await FaultRig.StartAsync(
            number => Lossless(number, 21),
            number => Lossless(number, 22),
            Wrapper(layers, tls)
        );
        await TcpFaultTests.RunAllAsync(rig, transfers);
        await WholeAsync(rig, transfers);
    }

    [Theory]
    [MemberData(nameof(Layers))]
    public async Task OneByteAtATime_OnBothSides_ArrivesToTheByte(string layers)
    {
        var slow = new FaultPlan { MaxPiece = 1 };
        List<Transfer> transfers = [new(1, 1, 1), new(2, 1500, 900)];
        await using var tls = new TlsHarness();
        await using var rig = await FaultRig.StartAsync(_ => (slow, slow), _ => (slow, slow), Wrapper(layers, tls));
        await TcpFaultTests.RunAllAsync(rig, transfers);
        await WholeAsync(rig, transfers);
    }

    [Theory]
    [MemberData(nameof(Layers))]
    public async Task ResetOrTruncated_AnywhereOnEitherSide_OnlyPrefixesArriveAndNothingIsLeftOver(string layers)
    {
        var transfers = Enumerable.Range(5000, 18).Select(seed => Transfer.Random(seed, 60_000)).ToList();
        await using var tls = new TlsHarness();
        // Of three connections one breaks in front, one behind, and one is left alone; of those that break every other one while it begins.
        await using var rig = await FaultRig.StartAsync(
            number => number % 3 == 0 ? Lossy(number, 23) : Lossless(number, 23),
            number => number % 3 == 1 ? Lossy(number, 24) : Lossless(number, 24),
            Wrapper(layers, tls)
        );
        var atClient = await Task.WhenAll(transfers.Select(rig.RunAsync));
        await rig.Gateway.NoneOpenAsync();
        var whole = 0;
        foreach (var (transfer, received) in transfers.Zip(atClient))
        {
            Transfer.ShouldBePrefix(received, ~transfer.Seed, transfer.Down);
            whole += received.Error is null && received.Length == transfer.Down ? 1 : 0;
            if (rig.AtBackend.TryGetValue(transfer.Seed, out var up))
            {
                Transfer.ShouldBePrefix(up, transfer.Seed, transfer.Up);
            }
        }

        whole.ShouldBeGreaterThanOrEqualTo(4);
        rig.Gateway.Engine.BackendLoads()[0].Endpoints[0].Connections.ShouldBe(0);
        rig.Gateway.Engine.Loops.Sum(loop => loop.Sides.Proxies).ShouldBe(0);
        rig.Gateway.Engine.Loops.Sum(loop => loop.Pending.BytesInUse).ShouldBe(0);
    }

    private static StreamWrapper Wrapper(string layers, TlsHarness tls) =>
        layers switch
        {
            "v1" => StreamWrapper.Plain.Proxied(ProxyProtocolVersion.V1),
            "v2" => StreamWrapper.Plain.Proxied(ProxyProtocolVersion.V2),
            "v2 and TLS" => StreamWrapper.Tls(tls, client: true, backend: true).Proxied(ProxyProtocolVersion.V2),
            "passthrough" => StreamWrapper.PassedThrough(tls),
            _ => StreamWrapper.PassedThrough(tls).Proxied(ProxyProtocolVersion.V1),
        };

    private static async Task WholeAsync(FaultRig rig, List<Transfer> transfers)
    {
        foreach (var transfer in transfers)
        {
            Transfer.ShouldBeWhole(rig.AtBackend[transfer.Seed], transfer.Seed, transfer.Up);
        }

        await rig.Gateway.NoneOpenAsync();
        rig.Gateway.Engine.Loops.Sum(loop => loop.Sides.Proxies).ShouldBe(0);
    }

    private static (FaultPlan Up, FaultPlan Down) Lossless(int number, int salt)
    {
        var random = new Random((number * 43) + salt);
        return (FaultPlan.Lossless(random, 60_000), FaultPlan.Lossless(random, 60_000));
    }

    private static (FaultPlan Up, FaultPlan Down) Lossy(int number, int salt)
    {
        var random = new Random((number * 47) + salt);
        // Some 1,500 bytes are a ClientHello, the answer to it, and the header.
        var bytes = number % 2 == 0 ? 1_500 : 40_000;
        var (good, bad) = (FaultPlan.Lossless(random, bytes), FaultPlan.Lossy(random, bytes));
        return random.Next(2) == 0 ? (good, bad) : (bad, good);
    }
}
