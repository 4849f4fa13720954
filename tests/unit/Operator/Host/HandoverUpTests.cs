using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Security.Cryptography;
using Mooring.Operator.Host.Processes;

namespace Mooring.Operator.Tests.Host;

/// <summary>Host mode replaces its gateways under traffic: the programs themselves.</summary>
[Collection(nameof(UpTests))]
public sealed class HandoverUpTests
{
    private const int Replace = 12;

    [Fact]
    public async Task Up_GatewaysReplacedThreeTimesAndScaledIn_NoConnectionIsLost()
    {
        await using var up = new UpProcess(Manifest);
        await up.ReadyAsync();
        using var end = new CancellationTokenSource();
        var talking = new List<Task<long>>();
        for (var i = 0; i < 200; i++)
        {
            talking.Add(TalkAsync(up, i, end.Token));
        }

        var sockets = new List<ClientWebSocket>();
        for (var i = 0; i < 10; i++)
        {
            var socket = new ClientWebSocket();
            await socket.ConnectAsync(new Uri($"ws://127.0.0.1:{up.WebSocketPort}/"), up.Deadline);
            sockets.Add(socket);
            talking.Add(TalkAsync(up, socket, end.Token));
        }

        var idle = new List<TcpClient>();
        for (var i = 0; i < 20; i++)
        {
            idle.Add(await up.ConnectAsync());
        }

        await up.UntilAsync(static fleet => fleet.Connections == 230, "all connections");
        for (var round = 0; round < 3; round++)
        {
            var before = up.Fleet!.Gateways.Select(static gateway => gateway.ProcessId).ToHashSet();
            up.Signal(Replace);
            await up.UntilAsync(
                fleet =>
                    talking.Exists(static task => task.IsCompleted)
                    || fleet is { GatewaysReady: 2, GatewaysDraining: 0, Gateways.Count: 2 }
                        && !fleet.Gateways.Any(gateway => before.Contains(gateway.ProcessId)),
                "the replacement"
            );
            talking.ShouldAllBe(static task => !task.IsCompleted, up.Errors);
        }

        up.Edit("replicas: 2 # gateways", "replicas: 1 # gateways");
        await up.UntilAsync(static fleet => fleet is { Gateways.Count: 1, Connections: 230 }, "one gateway with everything");
        await end.CancelAsync();
        (await Task.WhenAll(talking).WaitAsync(up.Deadline)).ShouldAllBe(static bytes => bytes > 0);
        foreach (var client in idle)
        {
            (await up.EchoesAsync(client)).ShouldBeTrue();
            client.Dispose();
        }

        sockets.ForEach(static socket => socket.Dispose());
    }

    [Fact]
    public async Task Up_SuccessorDiesAsItStarts_NobodyIsSentAway()
    {
        await using var up = new UpProcess(Manifest);
        await up.ReadyAsync();
        using var socket = new ClientWebSocket();
        await socket.ConnectAsync(new Uri($"ws://127.0.0.1:{up.WebSocketPort}/"), up.Deadline);
        using var client = await up.ConnectAsync();
        (await up.EchoesAsync(client)).ShouldBeTrue();
        var before = up.Fleet!.Gateways.Select(static gateway => gateway.ProcessId).ToHashSet();
        up.Signal(Replace);
        await up.UntilAsync(fleet => fleet.Gateways.Any(g => g.ProcessId > 0 && !before.Contains(g.ProcessId)), "a successor");
        var victim = up.Fleet!.Gateways.First(g => g.ProcessId > 0 && !before.Contains(g.ProcessId));
        _ = Libc.Kill(victim.ProcessId, Libc.SigKill);
        await up.UntilAsync(
            fleet =>
                fleet is { GatewaysReady: 2, GatewaysDraining: 0, Gateways.Count: 2 }
                && !fleet.Gateways.Any(g => before.Contains(g.ProcessId)),
            "the replacement"
        );
        (await up.EchoesAsync(client)).ShouldBeTrue();
        await socket.SendAsync("hello"u8.ToArray(), WebSocketMessageType.Text, true, up.Deadline);
        (await socket.ReceiveAsync(new byte[64], up.Deadline)).MessageType.ShouldBe(WebSocketMessageType.Text);
    }

    private static async Task<long> TalkAsync(UpProcess up, int seed, CancellationToken end)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, up.TcpPort, up.Deadline);
        var stream = client.GetStream();
        var random = new Random(seed);
        using var sent = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using var received = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[64 * 1024];
        var total = 0L;
        var reading = Task.Run(
            async () =>
            {
                while (await stream.ReadAsync(buffer, up.Deadline) is > 0 and var count)
                {
                    received.AppendData(buffer, 0, count);
                }
            },
            CancellationToken.None
        );
        while (!end.IsCancellationRequested)
        {
            var data = new byte[random.Next(1, 5000)];
            random.NextBytes(data);
            sent.AppendData(data);
            total += data.Length;
            await stream.WriteAsync(data, up.Deadline);
            await Task.Delay(20, CancellationToken.None);
        }

        client.Client.Shutdown(SocketShutdown.Send);
        await reading;
        received.GetHashAndReset().ShouldBe(sent.GetHashAndReset());
        return total;
    }

    private static async Task<long> TalkAsync(UpProcess up, ClientWebSocket socket, CancellationToken end)
    {
        var total = 0L;
        var buffer = new byte[1000];
        while (!end.IsCancellationRequested)
        {
            var message = RandomNumberGenerator.GetBytes(500);
            await socket.SendAsync(message, WebSocketMessageType.Binary, true, up.Deadline);
            var at = 0;
            while (at < message.Length)
            {
                var result = await socket.ReceiveAsync(buffer.AsMemory(at), up.Deadline);
                result.MessageType.ShouldBe(WebSocketMessageType.Binary);
                at += result.Count;
            }

            buffer[..at].ShouldBe(message);
            total += at;
            await Task.Delay(10, CancellationToken.None);
        }

        return total;
    }

    private static string Manifest(UpProcess up) =>
        $"""
            apiVersion: mooring.dev/v1alpha1
            kind: ConnectionFleet
            metadata:
              name: quickstart
            spec:
              gateway:
                replicas: 2 # gateways
                drain: {"{lameDuck: 1s, deadline: 60s}"}
              listeners:
              - {"{"}name: echo, protocol: TCP, port: {up.TcpPort}, backend: echo{"}"}
              - {"{"}name: live, protocol: WebSocket, port: {up.WebSocketPort}, backend: chat{"}"}
              backends:
              - name: echo
                workload:
                  image: mooring/gateway:dev
                  command: [gateway, bench, echo]
              - name: chat
                workload:
                  image: mooring/gateway:dev
                  command: [gateway, bench, echo, --websocket]

            """;
}
