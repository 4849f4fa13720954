using Mooring.Gateway.Tests.Listeners;
using Mooring.Gateway.Transport;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Transport;

public sealed class EventLoopTests
{
    [Fact]
    public async Task CloseLater_WhileDescriptorsAreClosed_NeedsNoFurtherEvent()
    {
        using var table = new ChannelTable(ProcessLimits.OpenFilesNow());
        using var loop = new ChainLoop(table);
        var (first, second) = (loop.Pipe(), loop.Pipe());
        loop.Start();
        await loop.InvokeAsync(() =>
        {
            loop.Next = second.WriteEnd;
            loop.CloseLater(first.WriteEnd);
            return true;
        });
        await Until.TrueAsync(() => IsEnded(first.ReadEnd) && IsEnded(second.ReadEnd), EngineHarness.Patience, "both are closed");
        _ = Libc.Close(first.ReadEnd);
        _ = Libc.Close(second.ReadEnd);
    }

    private static unsafe bool IsEnded(int pipe)
    {
        byte one;
        return Libc.Read(pipe, &one, 1) == 0;
    }

    /// <summary>Ends another channel when descriptors are closed, as who gives up waiting for one does.</summary>
    private sealed unsafe class ChainLoop(ChannelTable table) : EventLoop("chain", table, pipes: 1, readBytes: 4096)
    {
        public int Next { get; set; } = -1;

        public (int ReadEnd, int WriteEnd) Pipe()
        {
            var ends = stackalloc int[2];
            Libc.Pipe(ends, SocketFlag.NonBlocking | SocketFlag.CloseOnExec).ShouldBe(0);
            Table.Claim(ends[1], ChannelKind.Client, ChannelPhase.Relaying);
            return (ends[0], ends[1]);
        }

        protected override void OnEvent(int descriptor, uint events) { }

        protected override void OnAcceptable(int listener) { }

        protected override void OnTimer(int descriptor) { }

        protected override void OnTurnEnd() { }

        protected override void OnCommandFault(Exception error) { }

        protected override void OnDescriptorsFreed(int count)
        {
            if (Next >= 0)
            {
                CloseLater(Next);
                Next = -1;
            }
        }
    }
}
