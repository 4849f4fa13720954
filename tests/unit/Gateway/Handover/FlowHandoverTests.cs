using System.Net;
using System.Net.Sockets;
using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Handover;
using Mooring.Gateway.Tests.Datagrams;
using Mooring.Gateway.Tests.Listeners;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Handover;

/// <summary>UDP flows that go from one engine to another with both of their sockets.</summary>
public sealed class FlowHandoverTests
{
    [Fact]
    public async Task Handover_ThreeTimesUnderTraffic_EachDatagramIsAnsweredInOrderFromTheSameSocket()
    {
        const int Flows = 200;
        using var server = new UdpServer();
        var rig = await FlowRig.StartAsync(server.Port, IPAddress.Loopback);
        await using (rig)
        {
            var chatters = Enumerable.Range(0, Flows).Select(_ => new FlowChatter(rig.Port)).ToList();
            for (var turn = 0; turn < 3; turn++)
            {
                await FurtherAsync(chatters);
                var (from, to) = (rig.Engines[turn % 2], rig.Engines[(turn + 1) % 2]);
                await FlowRig.SwitchAsync(from, to);
                await HandoverPair.MoveAllAsync(from, to);
                to.Connections.ShouldBe(Flows);
                from.ListenerLoads().Single().Connections.ShouldBe(0);
                to.ListenerLoads().Single().Connections.ShouldBe(Flows);
                to.BackendLoads().Single().Endpoints.Single().Connections.ShouldBe(Flows);
                from.BackendLoads().Single().Endpoints.Single().Connections.ShouldBe(0);
                (await to.ListConnectionsAsync()).Count.ShouldBe(Flows);
            }

            await FurtherAsync(chatters);
            await Task.WhenAll(chatters.Select(chatter => chatter.EndAsync()));
            server.Peers.Count.ShouldBe(Flows);
            server.Peers.Values.Sum().ShouldBe(chatters.Sum(chatter => chatter.Answered));
            server.Flows.ShouldBe(Flows);
            rig.Pins.ShouldBe(Flows);
            rig.Records.ShouldBeEmpty();
            chatters.ForEach(chatter => chatter.Dispose());
        }

        // One line in the access log for each, with all its datagrams; and no descriptor was left behind.
        rig.Records.Count.ShouldBe(Flows);
        rig.Records.Sum(record => record.Received).ShouldBe(rig.Records.Sum(record => record.Sent));
        await Until.TrueAsync(() => server.Flows == 0 && rig.Pins == 0, EngineHarness.Patience, "every socket is closed");
    }

    [Theory]
    [InlineData("0.0.0.0", 1)]
    [InlineData("0.0.0.0", 2)]
    [InlineData("127.0.0.1", 2)]
    public async Task Handover_WhereverItIsBound_KeepsFlowsAndTakesNewcomers(string bind, int loops)
    {
        using var server = new UdpServer();
        await using var rig = await FlowRig.StartAsync(server.Port, IPAddress.Parse(bind), loops);
        var clients = rig.Clients(30);
        await FlowRig.AskAsync(clients, "a");
        for (var turn = 0; turn < 3; turn++)
        {
            var (from, to) = (rig.Engines[turn % 2], rig.Engines[(turn + 1) % 2]);
            await FlowRig.SwitchAsync(from, to);
            clients.AddRange(rig.Clients(5));
            await FlowRig.AskAsync(clients, $"b{turn}");
            await HandoverPair.MoveAllAsync(from, to);
            await FlowRig.AskAsync(clients, $"c{turn}");
            to.Connections.ShouldBe(clients.Count);
        }

        server.Peers.Count.ShouldBe(clients.Count);
        clients.ForEach(client => client.Dispose());
    }

    [Fact]
    public async Task Handover_DatagramsThatComeMeanwhile_WaitInTheSockets()
    {
        using var server = new UdpServer();
        await using var rig = await FlowRig.StartAsync(server.Port, IPAddress.Loopback);
        using var client = rig.Clients(1).Single();
        (await client.AskAsync("a")).ShouldBe("a");
        await FlowRig.SwitchAsync(rig.Engines[0], rig.Engines[1]);
        var (giving, taking) = await HandoverPair.ConnectAsync();
        using var _ = giving;
        using var __ = taking;
        var pass = new HandoverGiver(rig.Engines[0]).PassAsync([giving], CancellationToken.None);
        var batch = (await taking.ReadAsync(CancellationToken.None)).ShouldNotBeNull();
        batch.Type.ShouldBe(LinkMessage.Flows);

        // Nobody's at the moment: both sides go on sending.
        for (byte i = 0; i < 5; i++)
        {
            await client.SendAsync([i]);
        }

        var peer = IPEndPoint.Parse(server.Peers.Keys.Single());
        for (byte i = 100; i < 103; i++)
        {
            await server.SendAsync(peer, [i]);
        }

        var record = FlowCodec.Read(batch.Body).ShouldHaveSingleItem();
        (record.Listener, record.Backend, record.Requests, record.Answers).ShouldBe(("media", "relay", 1, 1));
        var arrival = rig.Engines[1].Arrivals.Admit(record, [.. batch.Descriptors]).ShouldNotBeNull();
        await taking.AckAsync([], CancellationToken.None);
        (await pass).ShouldBe(1);
        await rig.Engines[1].Arrivals.SettleAsync([arrival]);
        var answers = new List<byte>();
        for (var i = 0; i < 8; i++)
        {
            answers.Add((await client.ReceiveAsync()).ShouldHaveSingleItem());
        }

        answers.Where(answer => answer < 100).ShouldBe([0, 1, 2, 3, 4]);
        answers.Where(answer => answer >= 100).ShouldBe([100, 101, 102]);
        server.Peers.Count.ShouldBe(1);
    }

    [Fact]
    public async Task Handover_ToOneWithoutListenerAndEndpoint_GoesOnThere()
    {
        using var server = new UdpServer();
        using var another = UdpServer.Named("another");
        await using var rig = await FlowRig.StartAsync(server.Port, IPAddress.Loopback);
        var clients = rig.Clients(10);
        await FlowRig.AskAsync(clients, "a");
        await rig.ApplyAsync(1, UdpGateway.Config(Ports.Free(), another.Port), "other");
        await FlowRig.SwitchAsync(rig.Engines[0], rig.Engines[1]);
        await HandoverPair.MoveAllAsync(rig.Engines[0], rig.Engines[1]);
        await FlowRig.AskAsync(clients, "b");
        server.Peers.Count.ShouldBe(10);
        rig.Engines[1].Connections.ShouldBe(10);
        clients.ForEach(client => client.Dispose());
    }

    [Fact]
    public async Task Handover_OfOneWhoseEndpointHasMoved_FollowsThere()
    {
        using var first = UdpServer.Named("first");
        using var second = UdpServer.Named("second");
        await using var rig = await FlowRig.StartAsync(first.Port, IPAddress.Loopback);
        for (var i = 0; i < 2; i++)
        {
            var pushed = new BackendConfig { Name = "relay", Source = EndpointSource.Pushed };
            await rig.ApplyAsync(i, UdpGateway.Config(rig.Port) with { Backends = [pushed] }, "relay");
        }

        await PushAsync(rig.Engines[0], first.Port);
        using var client = rig.Clients(1).Single();
        (await client.AskAsync("a")).ShouldBe("first:a");

        // The client is silent meanwhile, and the successor never knew the former address.
        await PushAsync(rig.Engines[0], second.Port);
        await PushAsync(rig.Engines[1], second.Port);
        await FlowRig.SwitchAsync(rig.Engines[0], rig.Engines[1]);
        await HandoverPair.MoveAllAsync(rig.Engines[0], rig.Engines[1]);

        (await client.AskAsync("b")).ShouldBe("second:b");

        static Task PushAsync(GatewayEngine engine, int port) =>
            engine.ApplyEndpointsAsync(
                new EndpointsMessage
                {
                    Backend = "relay",
                    Endpoints =
                    [
                        new EndpointInfo
                        {
                            Id = "pod-0",
                            Address = "127.0.0.1",
                            Port = port,
                        },
                    ],
                }
            );
    }

    [Fact]
    public async Task Take_OnceItDrainsItself_LeavesThemWithTheGiver()
    {
        using var server = new UdpServer();
        await using var rig = await FlowRig.StartAsync(server.Port, IPAddress.Loopback);
        var clients = rig.Clients(10);
        await FlowRig.AskAsync(clients, "a");
        await FlowRig.SwitchAsync(rig.Engines[0], rig.Engines[1]);
        var (giving, taking) = await HandoverPair.ConnectAsync();
        using var _ = taking;
        List<HandoverLink> links = [giving];

        // The link stands already.
        var taken = TakeAsync();
        (await new HandoverGiver(rig.Engines[0]).PassAsync(links, CancellationToken.None)).ShouldBe(0);

        links.ShouldBeEmpty();
        (await taken.WaitAsync(EngineHarness.Patience)).ShouldBe(0);
        rig.Engines.Select(engine => engine.Connections).ShouldBe([10, 0]);
        await FlowRig.AskAsync(clients, "b");
        server.Peers.Count.ShouldBe(10);
        clients.ForEach(client => client.Dispose());

        async Task<int> TakeAsync()
        {
            using (taking)
            {
                return await HandoverTaker.RunAsync(taking, rig.Engines[1], CancellationToken.None, static () => false);
            }
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Give_SuccessorDiesOrHangsAfterTheFirstBatch_TheRestStays(bool hangs)
    {
        const int Flows = 150;
        using var server = new UdpServer();
        await using var rig = await FlowRig.StartAsync(server.Port, IPAddress.Loopback);
        var clients = rig.Clients(Flows);
        await FlowRig.AskAsync(clients, "a");
        await FlowRig.SwitchAsync(rig.Engines[0], rig.Engines[1]);
        var (giving, taking) = await HandoverPair.ConnectAsync(hangs ? TimeSpan.FromMilliseconds(300) : null);
        List<HandoverLink> links = [giving];
        var pass = new HandoverGiver(rig.Engines[0]).PassAsync(links, CancellationToken.None);
        var first = (await taking.ReadAsync(CancellationToken.None)).ShouldNotBeNull();
        var arrivals = FlowCodec
            .Read(first.Body)
            .Select(
                (record, i) =>
                    rig.Engines[1].Arrivals.Admit(record, [first.Descriptors[2 * i], first.Descriptors[(2 * i) + 1]]).ShouldNotBeNull()
            )
            .ToList();
        await taking.AckAsync([], CancellationToken.None);
        await rig.Engines[1].Arrivals.SettleAsync(arrivals);
        var next = (await taking.ReadAsync(CancellationToken.None)).ShouldNotBeNull();
        foreach (var descriptor in next.Descriptors)
        {
            descriptor.Dispose();
        }

        if (!hangs)
        {
            taking.Dispose();
        }

        (await pass.WaitAsync(EngineHarness.Patience)).ShouldBe(arrivals.Count);
        links.ShouldBeEmpty();
        taking.Dispose();
        arrivals.Count.ShouldBe(FlowCodec.MaxFlows);
        rig.Engines.Select(engine => engine.Connections).ShouldBe([Flows - arrivals.Count, arrivals.Count]);
        await FlowRig.AskAsync(clients, "b");

        // And another successor gets what is left.
        await HandoverPair.MoveAllAsync(rig.Engines[0], rig.Engines[1]);
        await FlowRig.AskAsync(clients, "c");
        rig.Engines[1].Connections.ShouldBe(Flows);
        server.Peers.Count.ShouldBe(Flows);
        clients.ForEach(client => client.Dispose());
    }

    [Fact]
    public async Task Admit_SocketsThatAreNotTheFlows_IsRefused()
    {
        using var server = new UdpServer();
        await using var rig = await FlowRig.StartAsync(server.Port, IPAddress.Loopback);
        using var tcp = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        using var udp = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        udp.Connect(IPAddress.Loopback, server.Port);
        var engine = rig.Engines[1];
        var record = FlowCodecTests.Sample() with { Listener = "media" };
        engine.Arrivals.Admit(record, [Borrow(tcp), Borrow(udp)]).ShouldBeNull();
        engine.Arrivals.Admit(record, [Borrow(udp), Borrow(udp)]).ShouldBeNull();
        engine.Connections.ShouldBe(0);
    }

    private static Contracts.Handover.DescriptorHandle Borrow(Socket socket) =>
        new((int)socket.SafeHandle.DangerousGetHandle(), owned: false);

    /// <summary>Waits until each has had some more answers.</summary>
    private static async Task FurtherAsync(List<FlowChatter> chatters)
    {
        var before = chatters.ConvertAll(chatter => chatter.Answered);
        await Until.TrueAsync(
            () => chatters.Index().All(item => item.Item.Answered >= before[item.Index] + 10),
            EngineHarness.Patience,
            "every flow has had its answers"
        );
    }
}
