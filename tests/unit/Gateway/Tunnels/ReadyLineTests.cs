using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Mooring.Gateway.Tunnels;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Tunnels;

/// <summary>Data connections kept ready, and what becomes of visitors when the way of one is dead: a client of our own protocol as a script.</summary>
public sealed class ReadyLineTests
{
    [Fact]
    public async Task Open_IsAnsweredByAWordAtOnce_WhereTheClientWaitsForIt()
    {
        await using var rig = await TunnelRig.StartAsync();
        using var control = await BoreClient.DialAsync(rig.Server, null);
        await BoreClient.SendAsync(control, Open(echoes: true));
        (await BoreClient.FrameAsync(control)).ShouldBe("\"Heartbeat\"");
        (await LongFrameAsync(control)).ShouldStartWith("{\"Opened\":");

        using var older = await BoreClient.DialAsync(rig.Server, null);
        await BoreClient.SendAsync(older, Open(echoes: false));
        (await LongFrameAsync(older)).ShouldStartWith("{\"Opened\":");
    }

    [Fact]
    public async Task Straight_VisitorsAreGivenWithoutAQuestion()
    {
        await using var rig = await TunnelRig.StartAsync(loops: 2);
        await using var script = await Script.OpenAsync(rig.Server, echoes: true);
        using var line = await script.ReadyAsync(rig.Server);
        using var visitor = await VisitWhenReadyAsync(rig, script, IPAddress.Loopback);
        var visit = await VisitAsync(line);
        visit.TryGetProperty("answer", out _).ShouldBeFalse();
        await ShouldTalkAsync(visitor, line);
    }

    [Theory]
    [InlineData("")]
    [InlineData("first words")]
    public async Task ThroughAnother_VisitorIsGivenOnceItAnswers(string early)
    {
        await using var fleet = await FleetRig.StartAsync(2);
        await using var script = await Script.OpenAsync(fleet[0].Server, echoes: true);
        using var line = await script.ReadyAsync(fleet[1].Server);
        using var visitor = await VisitWhenReadyAsync(fleet[0].Rig, script, fleet[0].Address);
        var visit = await VisitAsync(line);
        visit.GetProperty("answer").GetBoolean().ShouldBeTrue();
        visit.GetProperty("from").GetString().ShouldBe(visitor.LocalEndPoint!.ToString());
        await TunnelRig.SendAsync(line, "\"Go\"\0" + early);
        (await TunnelRig.ReadAsync(visitor, early.Length)).ShouldBe(early);
        await ShouldTalkAsync(visitor, line);
        visitor.Dispose();
        await TunnelRig.ShouldEndAsync(line);
    }

    [Fact]
    public async Task ThroughAnother_ThatIsSilent_IsPassedOver_AndTheVisitorIsFetched()
    {
        await using var fleet = await FleetRig.StartAsync(2);
        await using var script = await Script.OpenAsync(fleet[0].Server, echoes: true);
        using var line = await script.ReadyAsync(fleet[1].Server);
        using var visitor = await VisitWhenReadyAsync(fleet[0].Rig, script, fleet[0].Address);
        await TunnelRig.SendAsync(visitor, "is anybody there");
        await VisitAsync(line);
        // It says nothing; so the client is told by its control connection.
        using var data = await script.AcceptAsync(await script.VisitAsync(), fleet[0].Server);
        (await TunnelRig.ReadAsync(data, 16)).ShouldBe("is anybody there");
        await TunnelRig.ShouldEndAsync(line);
        await ShouldTalkAsync(visitor, data);
    }

    [Fact]
    public async Task ThroughAnother_VisitorLeavesBeforeTheAnswer_NothingIsLeft()
    {
        await using var fleet = await FleetRig.StartAsync(2);
        await using (var script = await Script.OpenAsync(fleet[0].Server, echoes: true))
        {
            using var line = await script.ReadyAsync(fleet[1].Server);
            var visitor = await VisitWhenReadyAsync(fleet[0].Rig, script, fleet[0].Address);
            await VisitAsync(line);
            Reset(visitor);
            await TunnelRig.ShouldEndAsync(line);
        }

        await fleet.NothingLeftAsync();
    }

    [Fact]
    public async Task ThroughAnother_ClientOfTheFormerKind_IsNotAsked()
    {
        await using var fleet = await FleetRig.StartAsync(2);
        await using var script = await Script.OpenAsync(fleet[0].Server, echoes: false);
        using var line = await script.ReadyAsync(fleet[1].Server);
        using var visitor = await VisitWhenReadyAsync(fleet[0].Rig, script, fleet[0].Address);
        (await VisitAsync(line)).TryGetProperty("answer", out _).ShouldBeFalse();
        await ShouldTalkAsync(visitor, line);
    }

    [Fact]
    public async Task Fetching_TakesLong_ClientIsToldAgain_AndEitherWordIsGood()
    {
        await using var rig = await TunnelRig.StartAsync();
        await using var script = await Script.OpenAsync(rig.Server, echoes: true);
        using var visitor = await TunnelRig.VisitAsync(script.Port);
        var first = await script.VisitAsync();
        var again = await script.VisitAsync();
        again.ShouldNotBe(first);
        using var data = await script.AcceptAsync(first, rig.Server);
        await ShouldTalkAsync(visitor, data);
        using var late = await script.AcceptAsync(again, rig.Server);
        await TunnelRig.ShouldEndAsync(late);
    }

    [Fact]
    public async Task Heartbeats_ComeOnReadyOnes_AndASilentOneIsClosed()
    {
        await using var rig = await TunnelRig.StartAsync();
        await using var script = await Script.OpenAsync(rig.Server, echoes: true);
        using var alive = await script.ReadyAsync(rig.Server);
        using var silent = await script.ReadyAsync(rig.Server);
        using var wordy = await script.ReadyAsync(rig.Server);
        await BoreClient.SendAsync(wordy, "\"Go\"");
        await TunnelRig.ShouldEndAsync(wordy);
        var answering = Task.Run(async () =>
        {
            for (var beats = 0; beats < 4; beats++)
            {
                (await BoreClient.FrameAsync(alive)).ShouldBe("\"Heartbeat\"");
                await BoreClient.SendAsync(alive, "\"Heartbeat\"");
            }
        });
        (await BoreClient.FrameAsync(silent)).ShouldBe("\"Heartbeat\"");
        (await BoreClient.FrameAsync(silent)).ShouldBe("\"Heartbeat\"");
        await TunnelRig.ShouldEndAsync(silent);
        await answering;
        using var visitor = await TunnelRig.VisitAsync(script.Port);
        await VisitAsync(alive);
        await ShouldTalkAsync(visitor, alive);
    }

    [Fact]
    public async Task Ready_ThatBeatsWithoutPause_LeavesTheLoopToOthers()
    {
        const int most = 4096;
        await using var rig = await TunnelRig.StartAsync();
        await using var script = await Script.OpenAsync(rig.Server, echoes: true);
        using var line = await script.ReadyAsync(rig.Server);
        await ReadyAsync(rig);
        var loop = rig.Harness.Engine.Loops[0];
        var session = rig.Harness.Engine.Tunnels.Open()[0];
        var before = await loop.InvokeAsync(() => (loop.Turn, Received: Received(session)));
        long sent;
        await using (await Standstill.OfAsync(loop))
        {
            sent = Beat(line);
        }

        sent.ShouldBeGreaterThan(64 * most);
        var after = before;
        await Until.TrueAsync(
            async () =>
            {
                after = await loop.InvokeAsync(() => (loop.Turn, Received(session)));
                return after.Received - before.Received == sent;
            },
            TunnelRig.Patience,
            "all of it is read"
        );
        (sent / (after.Turn - before.Turn)).ShouldBeLessThan(most, "bytes a turn");
    }

    /// <summary>As many heartbeats as the kernel takes; how many bytes that is.</summary>
    private static long Beat(Socket line)
    {
        var block = System.Text.Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("\"Heartbeat\"\0", 5461)));
        var sent = 0L;
        line.Blocking = false;
        while (true)
        {
            // From where it was left off, in the middle of a word perhaps.
            var from = (int)(sent % block.Length);
            var count = line.Send(block.AsSpan(from), SocketFlags.None, out var error);
            if (error == SocketError.WouldBlock)
            {
                return sent;
            }

            error.ShouldBe(SocketError.Success);
            sent += count;
        }
    }

    private static unsafe long Received(TunnelSession session) => session.Loop.Table[session.Lines.Single().Descriptor]->Received;

    private static string Open(bool echoes) =>
        $$$"""{"Open":{"version":1,"ports":[{"protocol":"Tcp","port":0}],"pool":1,"echoes":{{{(echoes ? "true" : "false")}}}}}""";

    private static async Task<JsonElement> VisitAsync(Socket line)
    {
        var frame = "\"Heartbeat\"";
        while (frame == "\"Heartbeat\"")
        {
            frame = await BoreClient.FrameAsync(line);
        }

        return Read(frame, "Visit");
    }

    private static JsonElement Read(string frame, string verb)
    {
        using var document = JsonDocument.Parse(frame);
        return document.RootElement.GetProperty(verb).Clone();
    }

    /// <summary>A visitor, once the tunnel's gateway has the data connection that waits for it.</summary>
    private static async Task<Socket> VisitWhenReadyAsync(TunnelRig rig, Script script, IPAddress address)
    {
        await ReadyAsync(rig);
        return await TunnelRig.VisitAsync(script.Port, address);
    }

    private static Task ReadyAsync(TunnelRig rig) =>
        Until.TrueAsync(
            async () =>
            {
                var session = rig.Harness.Engine.Tunnels.Open()[0];
                return await session.Loop.InvokeAsync(() => session.Lines.Count) == 1;
            },
            TunnelRig.Patience,
            "the gateway has it"
        );

    private static async Task ShouldTalkAsync(Socket visitor, Socket data)
    {
        await TunnelRig.SendAsync(visitor, "to the service");
        (await TunnelRig.ReadAsync(data, 14)).ShouldBe("to the service");
        await TunnelRig.SendAsync(data, "to the visitor");
        (await TunnelRig.ReadAsync(visitor, 14)).ShouldBe("to the visitor");
    }

    private static void Reset(Socket socket)
    {
        socket.LingerState = new LingerOption(true, 0);
        socket.Dispose();
    }

    /// <summary>As <see cref="BoreClient.FrameAsync"/>, for a message that bore does not know.</summary>
    private static async Task<string> LongFrameAsync(Socket socket)
    {
        var bytes = new List<byte>();
        var one = new byte[1];
        while (await socket.ReceiveAsync(one).WaitAsync(TunnelRig.Patience) == 1 && one[0] != 0)
        {
            bytes.Add(one[0]);
        }

        return System.Text.Encoding.UTF8.GetString([.. bytes]);
    }

    /// <summary>One tunnel of our protocol, which does by itself nothing but beat.</summary>
    private sealed class Script : IAsyncDisposable
    {
        private readonly Socket _control;
        private readonly CancellationTokenSource _stop = new();
        private readonly Guid _ready;
        private readonly Task _beating;

        private Script(Socket control, JsonElement opened)
        {
            _control = control;
            Port = opened.GetProperty("ports")[0].GetProperty("port").GetInt32();
            _ready = opened.GetProperty("ready").GetGuid();
            _beating = BeatAsync();
        }

        public int Port { get; }

        public static async Task<Script> OpenAsync(IPEndPoint server, bool echoes)
        {
            var control = await BoreClient.DialAsync(server, null);
            await BoreClient.SendAsync(control, Open(echoes));
            if (echoes)
            {
                (await BoreClient.FrameAsync(control)).ShouldBe("\"Heartbeat\"");
            }

            var opened = Read(await LongFrameAsync(control), "Opened");
            opened.GetProperty("readyHeartbeatMs").GetInt32().ShouldBe(echoes ? 4000 : 0);
            return new Script(control, opened);
        }

        public async Task<Socket> ReadyAsync(IPEndPoint through)
        {
            var line = await BoreClient.DialAsync(through, null);
            await BoreClient.SendAsync(line, $"{{\"Ready\":\"{_ready:D}\"}}");
            return line;
        }

        /// <summary>The id of the next visitor by the control connection.</summary>
        public async Task<Guid> VisitAsync() => (await ReadyLineTests.VisitAsync(_control)).GetProperty("id").GetGuid();

        public async Task<Socket> AcceptAsync(Guid id, IPEndPoint through)
        {
            var data = await BoreClient.DialAsync(through, null);
            await BoreClient.SendAsync(data, $"{{\"Accept\":\"{id:D}\"}}");
            return data;
        }

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            await _beating;
            // With heartbeats unread, a close would be a reset, and might come before the word is read.
            await BoreClient.SendAsync(_control, "\"Bye\"");
            _control.Shutdown(SocketShutdown.Send);
            var rest = new byte[256];
            while (await _control.ReceiveAsync(rest).WaitAsync(TunnelRig.Patience) > 0) { }
            _control.Dispose();
            _stop.Dispose();
        }

        private async Task BeatAsync()
        {
            var began = Stopwatch.GetTimestamp();
            try
            {
                while (Stopwatch.GetElapsedTime(began) < TunnelRig.Patience * 4)
                {
                    await Task.Delay(1000, _stop.Token);
                    await BoreClient.SendAsync(_control, "\"Heartbeat\"");
                }
            }
            catch (Exception error) when (error is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                // The test is over.
            }
        }
    }
}
