using System.Buffers.Binary;
using System.Net;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Tests.Listeners;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Datagrams;

public sealed class UdpRelayTests
{
    [Theory]
    [InlineData("127.0.0.1", "127.0.0.1")]
    [InlineData("::", "::1")]
    [InlineData("::", "127.0.0.1")]
    // Answers come from the address that the client sent to, or a connected client would not hear them.
    [InlineData("::", "127.0.0.7")]
    [InlineData("0.0.0.0", "127.0.0.7")]
    public async Task Datagrams_OfEverySize_ComeBackByteForByte(string bind, string to)
    {
        using var server = new UdpServer();
        await using var gateway = await UdpGateway.StartAsync([server.Port], bind: IPAddress.Parse(bind));
        using var client = gateway.Client(IPAddress.Parse(to));
        foreach (var size in new[] { 0, 1, 64, 1200, 1472, 9000, 65_507, 0, 3 })
        {
            var data = new byte[size];
            Random.Shared.NextBytes(data);
            await client.SendAsync(data);
            (await client.ReceiveAsync()).ShouldBe(data);
        }

        // Counted once the kernel has it, when the client may have it too.
        await Until.TrueAsync(() => gateway.Load.Datagrams!.SentTotal == 9, EngineHarness.Patience, "all are counted");
        var load = gateway.Load;
        load.Connections.ShouldBe(1);
        load.Datagrams!.ReceivedTotal.ShouldBe(9);
        load.ReceivedBytesTotal.ShouldBe(load.SentBytesTotal);
        load.ReceivedBytesTotal.ShouldBe(1 + 64 + 1200 + 1472 + 9000 + 65_507 + 3);
    }

    [Fact]
    public async Task ManyFlows_InBursts_KeepTheirOrderAndTheirClients()
    {
        using var first = new UdpServer();
        using var second = new UdpServer();
        await using var gateway = await UdpGateway.StartAsync([first.Port, second.Port], loops: 2);
        await Task.WhenAll(
            Enumerable
                .Range(0, 40)
                .Select(async number =>
                {
                    // From many addresses, so that both backends get some.
                    using var client = gateway.Client(from: IPAddress.Parse($"127.0.{number}.9"));
                    for (var burst = 0; burst < 5; burst++)
                    {
                        var random = new Random((number * 100) + burst);
                        var sent = Enumerable.Range(0, 12).Select(i => Message(number, burst, i, random)).ToList();
                        foreach (var message in sent)
                        {
                            await client.SendAsync(message);
                        }

                        foreach (var message in sent)
                        {
                            (await client.ReceiveAsync()).ShouldBe(message);
                        }
                    }
                })
        );
        first.Peers.Count.ShouldBeGreaterThan(5);
        second.Peers.Count.ShouldBeGreaterThan(5);
        (first.Peers.Count + second.Peers.Count).ShouldBe(40);
        gateway.Load.AcceptedTotal.ShouldBe(40);
        gateway.Load.Datagrams!.DroppedTotal.ShouldBeEmpty();
    }

    [Fact]
    public async Task Answers_OfManyDatagrams_ComeInOrder()
    {
        using var server = new UdpServer(data =>
            Enumerable
                .Range(0, 100)
                .Select(i =>
                    new byte[] { data[0], (byte)i }
                        .Concat(new byte[i < 50 ? 200 : i])
                        .ToArray()
                )
        );
        await using var gateway = await UdpGateway.StartAsync([server.Port]);
        using var client = gateway.Client();
        await client.SendAsync([7]);
        for (var i = 0; i < 100; i++)
        {
            var answer = await client.ReceiveAsync();
            answer[0].ShouldBe((byte)7);
            answer[1].ShouldBe((byte)i);
            answer.Length.ShouldBe(i < 50 ? 202 : i + 2);
        }
    }

    [Fact]
    public async Task Session_WithoutTraffic_EndsAndItsSocketIsClosed()
    {
        using var server = new UdpServer();
        await using var gateway = await UdpGateway.StartAsync(
            [server.Port],
            config =>
                config with
                {
                    Listeners = [UdpGateway.Listener(config.Listeners[0].Port, new() { SessionTimeout = TimeSpan.FromSeconds(3) })],
                }
        );
        using var client = gateway.Client();
        (await client.AskAsync("a")).ShouldBe("a");
        gateway.Engine.Connections.ShouldBe(1);
        server.Flows.ShouldBe(1);
        await gateway.FlowsAsync(0);
        await Until.TrueAsync(() => server.Flows == 0, EngineHarness.Patience, "the flow's socket is closed");
        await Until.TrueAsync(() => gateway.Records.Count == 1, EngineHarness.Patience, "the flow is in the access log");
        gateway.Records[0].Reason.ShouldBe(CloseReason.IdleTimeout);
        gateway.Records[0].Received.ShouldBeGreaterThan(0);

        // The same client comes as a new flow.
        (await client.AskAsync("b")).ShouldBe("b");
        gateway.Load.AcceptedTotal.ShouldBe(2);
    }

    [Fact]
    public async Task Responses_AllGiven_EndTheFlow()
    {
        using var server = new UdpServer(data => [data, data]);
        await using var gateway = await UdpGateway.StartAsync(
            [server.Port],
            config => config with { Listeners = [UdpGateway.Listener(config.Listeners[0].Port, new() { Responses = 2 })] }
        );
        using var client = gateway.Client();
        for (var i = 0; i < 20; i++)
        {
            await client.SendAsync([(byte)i]);
            (await client.ReceiveAsync()).ShouldBe([(byte)i]);
            (await client.ReceiveAsync()).ShouldBe([(byte)i]);
        }

        await gateway.FlowsAsync(0);
        gateway.Load.AcceptedTotal.ShouldBeGreaterThan(1);
    }

    [Fact]
    public async Task Strangers_WhoSendToAFlowsSocket_ReachNoClient()
    {
        using var server = new UdpServer();
        await using var gateway = await UdpGateway.StartAsync([server.Port]);
        using var client = gateway.Client();
        (await client.AskAsync("a")).ShouldBe("a");
        for (var i = 0; i < 10; i++)
        {
            await UdpServer.SendFromElsewhereAsync(server.Peers.Single().Key, [66]);
        }

        await client.SendAsync([1]);
        (await client.ReceiveAsync()).ShouldBe([1]);
    }

    [Fact]
    public async Task Flows_ByTheThousand_LeaveNoDescriptor()
    {
        using var server = new UdpServer();
        await using var gateway = await UdpGateway.StartAsync(
            [server.Port],
            config => config with { Listeners = [UdpGateway.Listener(config.Listeners[0].Port, new() { Responses = 1 })] }
        );
        for (var i = 0; i < 1000; i++)
        {
            using var client = gateway.Client();
            await client.SendAsync(BitConverter.GetBytes(i));
            (await client.ReceiveAsync()).ShouldBe(BitConverter.GetBytes(i));
        }

        await gateway.FlowsAsync(0);
        await Until.TrueAsync(() => server.Flows == 0, EngineHarness.Patience, "the flows' sockets are closed");
    }

    private static byte[] Message(int client, int burst, int number, Random random)
    {
        var message = new byte[12 + (random.Next(3) == 0 ? random.Next(2000) : 300)];
        random.NextBytes(message);
        BinaryPrimitives.WriteInt32LittleEndian(message, client);
        BinaryPrimitives.WriteInt32LittleEndian(message.AsSpan(4), burst);
        BinaryPrimitives.WriteInt32LittleEndian(message.AsSpan(8), number);
        return message;
    }
}
