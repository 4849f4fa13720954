using System.Net.Sockets;
using System.Security.Cryptography;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Tests.Listeners;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Handover;

/// <summary>Connections that move between engines while they are used. Two engines in one process: the descriptors still go through the kernel.</summary>
public sealed class ConnectionHandoverTests
{
    [Theory]
    [InlineData(200, 4_000, 5)]
    [InlineData(6, 1_000_000, 0)]
    public async Task Move_FiveTimesWhileBusy_LosesNoByte(int connections, int longest, int pauseMilliseconds)
    {
        using var server = new TestServer();
        var first = new EngineHarness(loops: 2);
        var port = await first.ServeAsync(server.Port);
        var chatters = new List<Chatter>();
        for (var i = 0; i < connections; i++)
        {
            chatters.Add(new Chatter(await EngineHarness.ConnectAsync(port), i, longest, TimeSpan.FromMilliseconds(pauseMilliseconds)));
        }

        await Until.TrueAsync(() => first.Engine.Connections == connections, EngineHarness.Patience, "all are served");
        var idle = await EngineProbes.ConnectManyAsync(port, 5);
        (await EngineProbes.CountServedAsync(idle)).ShouldBe(5);
        var from = first;
        for (var move = 0; move < 5; move++)
        {
            var to = new EngineHarness(loops: (move % 2) + 1);
            await to.ApplyAsync(EngineHarness.Config(port, server.Port));
            var before = chatters.Select(chatter => chatter.Received).ToList();
            await HandoverPair.MoveAllAsync(from.Engine, to.Engine);
            await from.DisposeAsync();
            from.Records.ShouldBeEmpty("a connection that moved on has not ended");
            to.Engine.Connections.ShouldBe(connections + 5);
            await Until.TrueAsync(
                () => chatters.Zip(before).All(pair => pair.First.Received > pair.Second || pair.First.Running.IsFaulted),
                EngineHarness.Patience,
                "bytes go on"
            );
            from = to;
        }

        (await EngineProbes.CountServedAsync(idle)).ShouldBe(5);
        await Task.WhenAll(chatters.Select(chatter => chatter.EndAsync()));
        chatters.ForEach(chatter => chatter.Dispose());
        idle.ForEach(client => client.Dispose());
        await from.NoneOpenAsync();
        server.Accepted.ShouldBe(connections + 5);
        await Until.TrueAsync(() => from.Records.Count == connections + 5, EngineHarness.Patience, "each has ended once");
        from.Records.ShouldAllBe(record => record.Received > 1 && record.Received == record.Sent);
        await from.DisposeAsync();
    }

    [Fact]
    public async Task Move_SlowReadersWithFullBuffersAndPipes_LosesNoByte()
    {
        // Each side floods the other and reads nothing until the connection has moved: whatever can be full is.
        var gate = new TaskCompletionSource();
        var data = new byte[24_000_000];
        new Random(3).NextBytes(data);
        var heard = new List<byte[]>();
        using var server = new TestServer(async socket =>
        {
            var sending = Task.Run(async () =>
            {
                await SendAsync(socket, data);
                socket.Shutdown(SocketShutdown.Send);
            });
            await gate.Task;
            var hash = await HashToEndAsync(socket);
            lock (heard)
            {
                heard.Add(hash);
            }

            await sending;
        });
        await using var one = new EngineHarness();
        await using var two = new EngineHarness();
        await using var three = new EngineHarness();
        var port = await one.ServeAsync(server.Port);
        await two.ApplyAsync(EngineHarness.Config(port, server.Port));
        await three.ApplyAsync(EngineHarness.Config(port, server.Port));
        var clients = await EngineProbes.ConnectManyAsync(port, 4);
        var sending = clients.ConvertAll(client =>
            Task.Run(async () =>
            {
                await SendAsync(client, data);
                client.Shutdown(SocketShutdown.Send);
            })
        );
        await Until.TrueAsync(
            async () => (await one.Engine.Loops[0].InvokeAsync(() => one.Engine.Loops[0].Pipes.Open)) >= 4,
            EngineHarness.Patience,
            "the pipes are full"
        );
        await HandoverPair.MoveAllAsync(one.Engine, two.Engine);
        await HandoverPair.MoveAllAsync(two.Engine, three.Engine);
        (await two.Engine.Loops[0].InvokeAsync(() => two.Engine.Loops[0].Pipes.Open)).ShouldBe(0);
        gate.SetResult();
        var expected = SHA256.HashData(data);
        var hashes = await Task.WhenAll(clients.Select(HashToEndAsync)).WaitAsync(EngineHarness.Patience);
        hashes.ShouldAllBe(hash => hash.SequenceEqual(expected));
        await Task.WhenAll(sending);
        await Until.TrueAsync(() => heard.Count == 4, EngineHarness.Patience, "the server has read all");
        heard.ShouldAllBe(hash => hash.SequenceEqual(expected));
        clients.ForEach(client => client.Dispose());
        await three.NoneOpenAsync();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Move_HalfClosed_TheOtherDirectionGoesOn(bool clientCloses)
    {
        var closed = new TaskCompletionSource();
        var release = new TaskCompletionSource();
        byte[] heard = [];
        using var server = new TestServer(async socket =>
        {
            if (clientCloses)
            {
                heard = await HashToEndAsync(socket);
                closed.SetResult();
                await release.Task;
                await SendAsync(socket, new byte[100_000]);
                return;
            }

            await SendAsync(socket, new byte[100_000]);
            socket.Shutdown(SocketShutdown.Send);
            closed.SetResult();
            heard = await HashToEndAsync(socket);
            release.SetResult();
        });
        await using var one = new EngineHarness();
        await using var two = new EngineHarness();
        var port = await one.ServeAsync(server.Port);
        await two.ApplyAsync(EngineHarness.Config(port, server.Port));
        using var client = await EngineHarness.ConnectAsync(port);
        var expected = SHA256.HashData(new byte[100_000]);
        if (clientCloses)
        {
            await SendAsync(client, new byte[100_000]);
            client.Shutdown(SocketShutdown.Send);
            await closed.Task.WaitAsync(EngineHarness.Patience);
            await HandoverPair.MoveAllAsync(one.Engine, two.Engine);
            release.SetResult();
            (await HashToEndAsync(client)).ShouldBe(expected);
        }
        else
        {
            await closed.Task.WaitAsync(EngineHarness.Patience);
            (await HashToEndAsync(client)).ShouldBe(expected);
            await HandoverPair.MoveAllAsync(one.Engine, two.Engine);
            await SendAsync(client, new byte[100_000]);
            client.Shutdown(SocketShutdown.Send);
            await release.Task.WaitAsync(EngineHarness.Patience);
        }

        heard.ShouldBe(expected);
        await two.NoneOpenAsync();
    }

    [Fact]
    public async Task Move_CountsAndTimers_GoOnInTheSuccessor()
    {
        using var server = new TestServer();
        await using var one = new EngineHarness();
        await using var two = new EngineHarness();
        var port = await one.ServeAsync(server.Port);
        var config = EngineHarness.Config(port, server.Port) with
        {
            Capacity = new CapacityConfig { PerAddress = 3 },
            Listeners =
            [
                EngineHarness.Listener("edge", port) with
                {
                    MaxConnections = 10,
                    Tcp = new TcpListenerConfig { IdleTimeout = TimeSpan.FromSeconds(5) },
                },
            ],
        };
        await one.ApplyAsync(config);
        await two.ApplyAsync(config);
        var clients = await EngineProbes.ConnectManyAsync(port, 3);
        (await EngineProbes.CountServedAsync(clients)).ShouldBe(3);
        await HandoverPair.MoveAllAsync(one.Engine, two.Engine);
        two.Engine.ListenerLoads().ShouldHaveSingleItem().Connections.ShouldBe(3);
        two.Engine.BackendLoads().ShouldHaveSingleItem().Endpoints.ShouldHaveSingleItem().Connections.ShouldBe(3);
        one.Engine.ListenerLoads().ShouldHaveSingleItem().Connections.ShouldBe(0);
        one.Engine.BackendLoads().ShouldHaveSingleItem().Endpoints.ShouldHaveSingleItem().Connections.ShouldBe(0);

        // The address has its three already, here too; and then they are idle for as long as the listener lets them.
        await one.HandOverAsync([]);
        await two.HandOverAsync(one.Owned);
        (await EngineProbes.CountServedAsync(await EngineProbes.ConnectManyAsync(port, 1))).ShouldBe(0);
        await two.NoneOpenAsync();
        await Until.TrueAsync(() => two.Records.Count == 3, EngineHarness.Patience, "each is logged");
        two.Records.ShouldAllBe(record => record.Reason == CloseReason.IdleTimeout && record.Received == 1 && record.Sent == 1);
        // Timers go by ticks of 10 ms.
        two.Records.ShouldAllBe(record => record.DurationMicroseconds >= 4_990_000);
        one.Records.ShouldBeEmpty();
        clients.ForEach(client => client.Dispose());
    }

    [Fact]
    public async Task Move_SuccessorKnowsNeitherListenerNorEndpoint_ServesUntilItEnds()
    {
        using var server = new TestServer();
        using var other = new TestServer();
        await using var one = new EngineHarness();
        await using var two = new EngineHarness();
        var port = await one.ServeAsync(server.Port);
        await two.ApplyAsync(EngineHarness.Config(port, other.Port) with { Listeners = [EngineHarness.Listener("new", port)] });
        var clients = await EngineProbes.ConnectManyAsync(port, 3);
        (await EngineProbes.CountServedAsync(clients)).ShouldBe(3);
        await HandoverPair.MoveAllAsync(one.Engine, two.Engine);
        (await EngineProbes.CountServedAsync(clients)).ShouldBe(3);
        two.Engine.ListenerLoads().Single(load => load.Name == "edge").Connections.ShouldBe(3);

        // It comes back to the set, and finds its connections counted.
        await two.ApplyAsync(EngineHarness.Config(port, other.Port, server.Port));
        two.Engine.BackendLoads()
            .Single()
            .Endpoints.Single(e => e.Id.EndsWith($":{server.Port}", StringComparison.Ordinal))
            .Connections.ShouldBe(3);
        clients.ForEach(client => client.Dispose());
        await two.NoneOpenAsync();
        two.Engine.BackendLoads().Single().Endpoints.Sum(e => e.Connections).ShouldBe(0);
    }

    private static async Task SendAsync(Socket socket, ReadOnlyMemory<byte> data)
    {
        while (!data.IsEmpty)
        {
            data = data[await socket.SendAsync(data)..];
        }
    }

    private static async Task<byte[]> HashToEndAsync(Socket socket)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[64 * 1024];
        while (await socket.ReceiveAsync(buffer) is > 0 and var count)
        {
            hash.AppendData(buffer, 0, count);
        }

        return hash.GetHashAndReset();
    }
}
