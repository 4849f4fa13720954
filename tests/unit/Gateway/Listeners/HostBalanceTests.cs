using System.Net.Sockets;
using Mooring.Contracts.Handover;
using Mooring.Gateway.Listeners;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Listeners;

/// <summary>Gateways that accept from one socket, and tell one another how many connections they have.</summary>
public sealed class HostBalanceTests : IDisposable
{
    /// <summary>Processes that live: the slots of dead ones are free.</summary>
    private static readonly int[] Living = [Environment.ProcessId, 1];

    private readonly string _path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName() + ".sock");

    public HostBalanceTests() => HandoverBoard.Create(_path);

    public void Dispose() => HandoverBoard.Delete(_path);

    [Fact]
    public async Task OneWithFewer_GetsWhatComes_UntilBothHaveAsMany()
    {
        using var server = new TestServer();
        await using var gateways = await PairAsync(server);
        var clients = new List<Socket>();
        await ConnectAsync(clients, gateways, 40, gateways.First);
        await gateways.Second.HandOverAsync(gateways.First.Owned);

        await ConnectAsync(clients, gateways, 30, null);
        var (first, second) = gateways.Open;
        second.ShouldBeGreaterThanOrEqualTo(24, $"{first}:{second}");

        await ConnectAsync(clients, gateways, 50, null);
        (first, second) = gateways.Open;
        Math.Abs(first - second).ShouldBeLessThanOrEqualTo(20, $"{first}:{second}");
        clients.ForEach(client => client.Dispose());
    }

    [Fact]
    public async Task Burst_IsShared()
    {
        using var server = new TestServer();
        await using var gateways = await PairAsync(server);
        await gateways.Second.HandOverAsync(gateways.First.Owned);
        var splits = new List<(int First, int Second)>();
        for (var round = 1; round <= 10; round++)
        {
            var clients = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => EngineHarness.ConnectAsync(gateways.Port)));
            await Until.TrueAsync(() => gateways.Open is var (one, other) && one + other == 50, EngineHarness.Patience, "all accepted");
            splits.Add(gateways.Open);
            foreach (var client in clients)
            {
                client.Dispose();
            }

            await Until.TrueAsync(() => gateways.Open == (0, 0), EngineHarness.Patience, "all gone");
        }

        // A machine that has no processor for one of them for ten milliseconds gives its part to the other.
        splits.Count(static split => Math.Min(split.First, split.Second) >= 15).ShouldBeGreaterThanOrEqualTo(8, string.Join(' ', splits));
    }

    [Fact]
    public async Task OneThatDoesNotCome_IsNotWaitedForAgain_UntilItHasAcceptedSomething()
    {
        using var hung = HostBoard.TryOpen(_path, Living[1])!;
        hung[hung.Own].Accepted = 1000;
        hung[hung.Own].Accepting = 1;
        using var server = new TestServer();
        await using var gateway = new EngineHarness(change: options => options with { Board = HostBoard.TryOpen(_path, Living[0]) });
        var board = gateway.Engine.Board!;
        var balance = new HostBalance(gateway.Engine.Loops[0]);
        board[board.Own].Open = 9;

        var taken = new List<int>();
        for (var room = balance.Room(); room == 0; room = balance.Room())
        {
            balance.Back();
            taken.Add(balance.Room());
        }

        taken.ShouldBe([1, 2, 2, 4, 4, 8, 8, int.MaxValue]);
        balance.Room().ShouldBe(int.MaxValue);

        hung[hung.Own].Accepted++;
        balance.Room().ShouldBe(0);

        // One that drains, or has no slot any more, is nobody to leave anything to.
        hung[hung.Own].Accepting = 0;
        balance.Room().ShouldBe(int.MaxValue);
    }

    [Fact]
    public async Task MoreThanSixteen_LeaveNothingToOneAnother()
    {
        using var other = HostBoard.TryOpen(_path, Living[1])!;
        other[other.Own].Accepting = 1;
        await using var gateway = new EngineHarness(change: options => options with { Board = HostBoard.TryOpen(_path, Living[0]) });
        gateway.Engine.Board![gateway.Engine.Board.Own].Open = 100;
        var balance = new HostBalance(gateway.Engine.Loops[0]);

        Use(16);
        balance.Room().ShouldBe(0);
        Use(17);
        balance.Room().ShouldBe(int.MaxValue);
        balance.IsLeast.ShouldBeFalse();

        void Use(int slots)
        {
            using var board = new FileStream(HandoverBoard.PathOf(_path), FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
            board.Write(BitConverter.GetBytes(slots));
        }
    }

    [Fact]
    public async Task OneThatHangs_KeepsNobodyWaiting()
    {
        using var hung = HostBoard.TryOpen(_path, Living[1])!;
        hung[hung.Own].Accepting = 1;
        using var server = new TestServer();
        await using var gateway = new EngineHarness(change: options => options with { Board = HostBoard.TryOpen(_path, Living[0]) });
        var port = await gateway.ServeAsync(server.Port);
        var clients = await Task.WhenAll(Enumerable.Range(0, 200).Select(_ => EngineHarness.ConnectAsync(port)));
        await Until.TrueAsync(() => gateway.Engine.Connections == 200, EngineHarness.Patience, "all accepted");
        foreach (var client in clients)
        {
            client.Dispose();
        }
    }

    [Fact]
    public void Slots_OfTheDead_AreTakenAgain()
    {
        using var living = HostBoard.TryOpen(_path, Living[1])!;
        var dead = HostBoard.TryOpen(_path, int.MaxValue - 1)!;
        dead.Own.ShouldBe(1);
        using var next = HostBoard.TryOpen(_path, Living[0])!;
        next.Own.ShouldBe(dead.Own);
        next.Used.ShouldBe(2);
        HostBoard.TryOpen(_path + "/none.sock", Living[0]).ShouldBeNull();
    }

    private async Task<Pair> PairAsync(TestServer server)
    {
        var first = new EngineHarness(change: options => options with { Board = HostBoard.TryOpen(_path, Living[0]) });
        var second = new EngineHarness(change: options => options with { Board = HostBoard.TryOpen(_path, Living[1]) });
        var port = await first.ServeAsync(server.Port);
        await second.ApplyAsync(EngineHarness.Config(port, server.Port));
        return new Pair(first, second, port);
    }

    private static async Task ConnectAsync(List<Socket> clients, Pair gateways, int count, EngineHarness? to)
    {
        var (first, second) = gateways.Open;
        for (var i = 1; i <= count; i++)
        {
            clients.Add(await EngineHarness.ConnectAsync(gateways.Port));
            var wanted = first + second + i;
            await Until.TrueAsync(() => gateways.Open is var (one, other) && one + other == wanted, EngineHarness.Patience, "accepted");
        }

        to?.Engine.Connections.ShouldBe(first + second + count);
    }

    private sealed record Pair(EngineHarness First, EngineHarness Second, int Port) : IAsyncDisposable
    {
        public (int First, int Second) Open => (First.Engine.Connections, Second.Engine.Connections);

        public async ValueTask DisposeAsync()
        {
            foreach (var gateway in new[] { First, Second })
            {
                await gateway.DisposeAsync();
                gateway.Engine.Board?.Dispose();
            }
        }
    }
}
