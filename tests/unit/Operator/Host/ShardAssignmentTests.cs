using FsCheck;
using FsCheck.Fluent;
using Mooring.Contracts.Handover;
using Mooring.Operator.Host.Sockets;

namespace Mooring.Operator.Tests.Host;

public sealed class ShardAssignmentTests
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly (int Port, int Number)[] Eight = [.. Enumerable.Range(0, 8).Select(static number => (5566, number))];

    [Fact]
    public void FirstGateways_ShareEvenlyAndAtOnce()
    {
        var assignment = new ShardAssignment();
        assignment.Update(Eight, [11, 12], [11, 12], Start).ShouldBeTrue();
        Counts(assignment, Eight).ShouldBe([(11, 4), (12, 4)]);
        assignment.Update(Eight, [11, 12], [11, 12], Start).ShouldBeFalse();
    }

    [Fact]
    public void DeadGateway_LeavesItsSocketsAtOnce_AndNoOthersMove()
    {
        var assignment = new ShardAssignment();
        assignment.Update(Eight, [11, 12], [11, 12], Start);
        var kept = Eight.Where(shard => assignment[shard.Port, shard.Number] == 11).ToList();
        assignment.Update(Eight, [11], [11], Start).ShouldBeTrue();
        Counts(assignment, Eight).ShouldBe([(11, 8)]);
        kept.ShouldAllBe(shard => assignment[shard.Port, shard.Number] == 11);
    }

    [Fact]
    public void DrainingGateway_LosesItsSockets_AndASiblingGetsThemAfterAPause()
    {
        var assignment = new ShardAssignment();
        assignment.Update(Eight, [11, 12], [11, 12], Start);
        assignment.Update(Eight, [11], [11, 12], Start).ShouldBeTrue();
        Counts(assignment, Eight).ShouldBe([(0, 4), (11, 4)]);
        assignment.Update(Eight, [11], [11, 12], Start + (ShardAssignment.Pause / 2)).ShouldBeFalse();
        assignment.Update(Eight, [11], [11, 12], Start + ShardAssignment.Pause).ShouldBeTrue();
        Counts(assignment, Eight).ShouldBe([(11, 8)]);
    }

    [Fact]
    public void NobodyServes_SocketsWaitForTheNext()
    {
        var assignment = new ShardAssignment();
        assignment.Update(Eight, [], [], Start).ShouldBeFalse();
        assignment.Update(Eight, [13], [13], Start).ShouldBeTrue();
        Counts(assignment, Eight).ShouldBe([(13, 8)]);
    }

    [Theory]
    [InlineData(-3600)]
    [InlineData(-1)]
    [InlineData(3600)]
    public void ClockSetWhileNobodyServes_TheNextGetsTheSocketsAtOnce(int seconds)
    {
        var assignment = new ShardAssignment();
        assignment.Update(Eight, [11], [11], Start);
        assignment.Update(Eight, [], [], Start.AddSeconds(1));
        assignment.Update(Eight, [13], [13], Start.AddSeconds(2 + seconds)).ShouldBeTrue();
        Counts(assignment, Eight).ShouldBe([(13, 8)]);
    }

    [Fact]
    public void AnyComingAndGoing_EndsEven_AndMovesNoMoreThanItMust() =>
        Prop.ForAll(
                Gen.SubListOf(Enumerable.Range(1, 6)).Where(static list => list.Count > 0).ListOf(6).ToArbitrary(),
                steps =>
                {
                    var assignment = new ShardAssignment();
                    (int Port, int Number)[] shards = [.. Eight, .. Enumerable.Range(0, 3).Select(static number => (5567, number))];
                    var now = Start;
                    foreach (var serving in steps)
                    {
                        var before = shards.ToDictionary(static shard => shard, shard => assignment[shard.Port, shard.Number]);
                        for (var turn = 0; turn < 2; turn++)
                        {
                            assignment.Update(shards, [.. serving], [1, 2, 3, 4, 5, 6], now);
                            now += ShardAssignment.Pause;
                        }

                        foreach (var port in shards.GroupBy(static shard => shard.Port))
                        {
                            var owned = serving.Select(pid => port.Count(shard => assignment[shard.Port, shard.Number] == pid)).ToList();
                            owned.Sum().ShouldBe(port.Count());
                            (owned.Max() - owned.Min()).ShouldBeLessThanOrEqualTo(1);
                            // What an owner that goes on serving loses, others needed: nobody keeps fewer than the even share for it.
                            foreach (var pid in serving)
                            {
                                var had = port.Count(shard => before[shard] == pid);
                                var kept = port.Count(shard => before[shard] == pid && assignment[shard.Port, shard.Number] == pid);
                                kept.ShouldBeGreaterThanOrEqualTo(Math.Min(had, port.Count() / serving.Count));
                            }
                        }
                    }

                    return true;
                }
            )
            .Check(Config.QuickThrowOnFailure.WithMaxTest(200));

    [Theory]
    [InlineData(1, 8)]
    [InlineData(8, 8)]
    [InlineData(20, 3)]
    [InlineData(64, 2)]
    public void Sockets_OfAllPorts_FitInOneMessage(int ports, int expected) => DatagramSockets.Count(ports).ShouldBe(expected);

    [Fact]
    public void Sockets_OfPortsThatComeOneByOne_FitInOneMessage() =>
        Enumerable.Range(1, 64).Sum(DatagramSockets.Count).ShouldBeLessThanOrEqualTo(253);

    [Fact]
    public void UdpPorts_OfTheKernelsTable_AreFound()
    {
        string[] table =
        [
            "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops",
            "  419: 0100007F:15BE 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 3207 2 0000000000000000 0",
            " 1419: 00000000000000000000000001000000:15BF 00000000000000000000000001000000:0101 01 00000000:00000000 00:00000000 0",
        ];
        UdpPorts.Lists(table, 5566, connectedToo: false).ShouldBeTrue();
        UdpPorts.Lists(table, 5567, connectedToo: true).ShouldBeTrue();
        UdpPorts.Lists(table, 5567, connectedToo: false).ShouldBeFalse();
        UdpPorts.Lists(table, 5568, connectedToo: true).ShouldBeFalse();
        UdpPorts.Lists(["", "x"], 1, connectedToo: true).ShouldBeFalse();
    }

    private static List<(int, int)> Counts(ShardAssignment assignment, (int Port, int Number)[] shards) =>
        [
            .. shards
                .GroupBy(shard => assignment[shard.Port, shard.Number])
                .OrderBy(static group => group.Key)
                .Select(static group => (group.Key, group.Count())),
        ];
}
