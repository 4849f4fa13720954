using System.Net.WebSockets;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Tests.Listeners;
using Mooring.Gateway.Tests.WebSockets;

namespace Mooring.Gateway.Tests.Handover;

public sealed class WebSocketHandoverTests
{
    [Fact]
    public async Task Move_ManyTimesWhileMessagesFlow_NoneIsLostAndACloseFrameStillFits()
    {
        await using var backend = await EchoBackend.StartAsync();
        var from = await StartAsync(backend);
        var clients = new List<ClientWebSocket>();
        for (var i = 0; i < 20; i++)
        {
            // Half of them compressed: bits that mean something in one session are wrong in another.
            clients.Add(
                await from.ConnectAsync(configure: options =>
                    options.DangerousDeflateOptions = i % 2 == 0 ? new WebSocketDeflateOptions() : null
                )
            );
        }

        using var end = new CancellationTokenSource();
        var talking = clients.ConvertAll(client => TalkAsync(client, clients.IndexOf(client), end.Token));
        for (var move = 0; move < 5; move++)
        {
            var to = await StartAsync(backend);
            await HandoverPair.MoveAllAsync(from.Engine, to.Engine);
            await from.DisposeAsync();
            to.Engine.Connections.ShouldBe(20);
            from = to;
        }

        await end.CancelAsync();
        (await Task.WhenAll(talking).WaitAsync(EngineHarness.Patience)).ShouldAllBe(messages => messages > 0);

        // The trackers know where frames end: the gateway can still put a close frame between two.
        var open = await from.Engine.ListConnectionsAsync();
        open.ShouldAllBe(connection => connection.IsWebSocket);
        await from.Engine.CloseAsync([.. open], new CloseOrder(CloseReason.Drained, new WebSocketClose(1012, "draining")));
        foreach (var client in clients)
        {
            var result = await client.ReceiveAsync(new byte[100], ProxyGateway.Deadline());
            result.MessageType.ShouldBe(WebSocketMessageType.Close);
            client.CloseStatus.ShouldBe((WebSocketCloseStatus)1012);
            client.Dispose();
        }

        await from.DisposeAsync();
    }

    [Fact]
    public async Task Move_InTheMiddleOfAFrame_TheCloseFrameWaitsForItsEnd()
    {
        // A server frame of 10 bytes, of which the client has 3 when the connection moves.
        var moved = new TaskCompletionSource();
        var begun = int.MaxValue;
        using var server = new TestServer(async socket =>
        {
            var head = new byte[4096];
            var length = await socket.ReceiveAsync(head);
            var key = System.Text.Encoding.ASCII.GetString(head, 0, length).Split("Sec-WebSocket-Key: ")[1].Split("\r\n")[0];
#pragma warning disable CA5350 // RFC 6455 section 4.2.2 asks for SHA-1.
            var accept = Convert.ToBase64String(
                System.Security.Cryptography.SHA1.HashData(
                    System.Text.Encoding.ASCII.GetBytes(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
                )
            );
#pragma warning restore CA5350
            var answer =
                $"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n";
            await socket.SendAsync(System.Text.Encoding.ASCII.GetBytes(answer));
            await socket.SendAsync(new byte[] { 0x82, 8, 1 });
            Volatile.Write(ref begun, answer.Length + 3);
            await moved.Task;
            await socket.SendAsync(new byte[] { 2, 3, 4, 5, 6, 7, 8 });
            await TestServer.EchoAsync(socket);
        });
        await using var one = await StartAsync(server.Port);
        await using var two = await StartAsync(server.Port);
        using var client = await one.ConnectAsync();
        await Mooring.Testing.Until.TrueAsync(
            () => one.Engine.ListenerLoads()[0].SentBytesTotal == Volatile.Read(ref begun),
            EngineHarness.Patience,
            "the frame's begin has passed"
        );
        await HandoverPair.MoveAllAsync(one.Engine, two.Engine);
        var open = await two.Engine.ListConnectionsAsync();
        await two.Engine.CloseAsync([.. open], new CloseOrder(CloseReason.Drained, new WebSocketClose(1012, "draining")));
        moved.SetResult();
        var buffer = new byte[100];
        var result = await client.ReceiveAsync(buffer, ProxyGateway.Deadline());
        result.EndOfMessage.ShouldBeTrue();
        buffer[..result.Count].ShouldBe([1, 2, 3, 4, 5, 6, 7, 8]);
        (await client.ReceiveAsync(buffer, ProxyGateway.Deadline())).MessageType.ShouldBe(WebSocketMessageType.Close);
    }

    [Fact]
    public async Task Move_ClientHasUsedItsMessagesUp_TheyDoNotBeginAnew()
    {
        await using var backend = await EchoBackend.StartAsync();
        var limited = new WebSocketListenerConfig
        {
            Messages = new WebSocketMessagesConfig { PerMinute = 1, Burst = 30 },
        };
        await using var one = await ProxyGateway.StartAsync(limited, "app", ProxyGateway.Backend("app", backend.Port));
        await using var two = await ProxyGateway.StartAsync(limited, "app", ProxyGateway.Backend("app", backend.Port));
        using var client = await one.ConnectAsync();
        var buffer = new byte[100];
        for (var i = 0; i < 30; i++)
        {
            await client.SendAsync(new byte[] { 1 }, WebSocketMessageType.Binary, true, ProxyGateway.Deadline());
            (await client.ReceiveAsync(buffer, ProxyGateway.Deadline())).Count.ShouldBe(1);
        }

        await HandoverPair.MoveAllAsync(one.Engine, two.Engine);
        // One may have come back in the meantime, where the machine is slow; never as many as there were.
        WebSocketReceiveResult result;
        var passed = 0;
        do
        {
            await client.SendAsync(new byte[] { 2 }, WebSocketMessageType.Binary, true, ProxyGateway.Deadline());
            result = await client.ReceiveAsync(buffer, ProxyGateway.Deadline());
        } while (result.MessageType == WebSocketMessageType.Binary && ++passed < 15);

        result.MessageType.ShouldBe(WebSocketMessageType.Close);
        client.CloseStatus.ShouldBe((WebSocketCloseStatus)1008);
    }

    [Fact]
    public async Task Move_InTheMiddleOfAMessage_ItsLengthSoFarCounts()
    {
        await using var backend = await EchoBackend.StartAsync();
        var limited = new WebSocketListenerConfig { Messages = new WebSocketMessagesConfig { MaxBytes = 1000 } };
        await using var one = await ProxyGateway.StartAsync(limited, "app", ProxyGateway.Backend("app", backend.Port));
        await using var two = await ProxyGateway.StartAsync(limited, "app", ProxyGateway.Backend("app", backend.Port));
        using var client = await one.ConnectAsync();
        var buffer = new byte[2000];
        await client.SendAsync(new byte[600], WebSocketMessageType.Binary, false, ProxyGateway.Deadline());
        await Mooring.Testing.Until.TrueAsync(
            () => one.Engine.ListenerLoads()[0].ReceivedBytesTotal > 600,
            EngineHarness.Patience,
            "the first part has passed"
        );
        await HandoverPair.MoveAllAsync(one.Engine, two.Engine);
        await client.SendAsync(new byte[600], WebSocketMessageType.Binary, true, ProxyGateway.Deadline());
        WebSocketReceiveResult result;
        do
        {
            result = await client.ReceiveAsync(buffer, ProxyGateway.Deadline());
        } while (result.MessageType == WebSocketMessageType.Binary && !result.EndOfMessage);

        result.MessageType.ShouldBe(WebSocketMessageType.Close);
        client.CloseStatus.ShouldBe(WebSocketCloseStatus.MessageTooBig);
    }

    private static Task<ProxyGateway> StartAsync(EchoBackend backend) => StartAsync(backend.Port);

    private static Task<ProxyGateway> StartAsync(int port) =>
        ProxyGateway.StartAsync(new WebSocketListenerConfig(), "app", ProxyGateway.Backend("app", port));

    /// <summary>Sends messages of random sizes, in fragments at times, and reads each back. Returns how many.</summary>
    private static async Task<int> TalkAsync(ClientWebSocket client, int seed, CancellationToken end)
    {
        var random = new Random(seed);
        var messages = 0;
        var buffer = new byte[200_000];
        while (!end.IsCancellationRequested)
        {
            var message = new byte[random.Next(1, random.Next(2) == 0 ? 200 : 100_000)];
            random.NextBytes(message);
            var half = random.Next(message.Length);
            var sending = SendAsync();
            for (var at = 0; at < message.Length; )
            {
                var result = await client.ReceiveAsync(buffer.AsMemory(at), ProxyGateway.Deadline());
                result.MessageType.ShouldBe(WebSocketMessageType.Binary);
                at += result.Count;
                result.EndOfMessage.ShouldBe(at == message.Length);
            }

            buffer.AsSpan(0, message.Length).SequenceEqual(message).ShouldBeTrue("the message that came back");
            await sending;
            messages++;

            async Task SendAsync()
            {
                await client.SendAsync(
                    message.AsMemory(0, half),
                    WebSocketMessageType.Binary,
                    endOfMessage: false,
                    ProxyGateway.Deadline()
                );
                await client.SendAsync(message.AsMemory(half), WebSocketMessageType.Binary, endOfMessage: true, ProxyGateway.Deadline());
            }
        }

        return messages;
    }
}
