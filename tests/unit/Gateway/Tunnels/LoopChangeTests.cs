using System.Diagnostics;
using System.Text;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Tests.Tunnels;

/// <summary>Connections that another loop has accepted than the one of their tunnel.</summary>
public sealed class LoopChangeTests
{
    /// <summary>The loop that a data connection leaves may still be at work when the other one has it: caught there, at one moment or another of it.</summary>
    [Fact]
    public async Task DataConnection_ThatIsTakenAtOnce_ComesWhole()
    {
        await using var rig = await TunnelRig.StartAsync(loops: 2);
        var early = string.Concat(Enumerable.Range(1000, 1500));
        using (var bore = await BoreClient.OpenAsync(rig.Server))
        {
            var home = rig.Harness.Engine.Tunnels.Open()[0].Loop;
            var other = rig.Harness.Engine.Loops.Single(loop => loop != home);
            using var crowd = new Crowd(home);
            for (var round = 0; round < 300; round++)
            {
                using var visitor = await TunnelRig.VisitAsync(bore.Port);
                var id = await bore.VisitorAsync();
                using var data = await BoreClient.DialAsync(rig.Server, null);
                var descriptor = await GreetingOfAsync(other);
                var lurks = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                var lurking = home.InvokeAsync(() => Lurk(home, descriptor, lurks, round % 30));
                await lurks.Task.WaitAsync(TunnelRig.Patience);
                await data.SendAsync(Encoding.UTF8.GetBytes($"{{\"Accept\":\"{id}\"}}\0{early}"));
                (await lurking).ShouldBeTrue("it was about to come");
                (await TunnelRig.ReadAsync(visitor, early.Length)).ShouldBe(early, $"round {round}");
            }
        }

        await rig.NothingLeftAsync();
    }

    private static async Task<int> GreetingOfAsync(RelayLoop loop)
    {
        var since = Stopwatch.GetTimestamp();
        while (true)
        {
            var found = await loop.InvokeAsync(() => GreetingOf(loop));
            if (found >= 0)
            {
                return found;
            }

            Stopwatch.GetElapsedTime(since).ShouldBeLessThan(TunnelRig.Patience, "the other loop has accepted it");
        }
    }

    private static unsafe int GreetingOf(RelayLoop loop) =>
        loop.Table.ClientsOf(loop.Owner).FirstOrDefault(client => loop.Table[client]->Phase == ChannelPhase.TunnelGreeting, -1);

    /// <summary>Keeps a loop at its commands until a client has left another loop, so that it takes it the moment that it is told; or a little later.</summary>
    private static unsafe bool Lurk(RelayLoop loop, int client, TaskCompletionSource lurks, int later)
    {
        var channel = loop.Table[client];
        lurks.SetResult();
        var since = Stopwatch.GetTimestamp();
        while (Volatile.Read(ref channel->Loop) != 0)
        {
            if (Stopwatch.GetElapsedTime(since) > TunnelRig.Patience)
            {
                return false;
            }
        }

        Thread.SpinWait(later);
        return true;
    }

    /// <summary>A loop that seems to have many connections: whoever comes is given to another.</summary>
    private sealed class Crowd : IDisposable
    {
        private const int Size = 1000;
        private readonly RelayLoop _loop;

        public Crowd(RelayLoop loop)
        {
            _loop = loop;
            for (var i = 0; i < Size; i++)
            {
                _loop.Balance.Opened();
            }
        }

        public void Dispose()
        {
            for (var i = 0; i < Size; i++)
            {
                _loop.Balance.Closed();
            }
        }
    }
}
